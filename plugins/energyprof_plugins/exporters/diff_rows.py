"""Which rows of a difference are shown, and how a change is written: one way for every format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.difference import Difference, DifferenceRow, Shift
from energyprof.model.footprint_rows import Assumptions
from energyprof.model.footprint_text import assumed_text, carbon_and_cost
from energyprof.model.range import Range
from energyprof_plugins.exporters.figures import joules, joules_change, percent, seconds

NOTHING: Final = "nothing is compared here; see: energyprof diff OLD.eprof NEW.eprof"
ROWS: Final = 20
WORDS: Final = {"chance": "within chance"}
TOLD_APART: Final = ("more", "less")
ONE_SIDED: Final = ("new", "gone")


def shown_rows(rows: Sequence[DifferenceRow], context: RenderContext) -> tuple[DifferenceRow, ...]:
    """Return the rows whose changes are largest; option `top`: how many."""
    return _ordered(rows)[: _most(context)]


def rest(rows: Sequence[DifferenceRow], context: RenderContext) -> str:
    """Return how many rows are not shown, and how many of those are no chance; or nothing."""
    hidden = _ordered(rows)[_most(context) :]
    if not hidden:
        return ""
    verdicts = [row.total_j.verdict for row in hidden]
    apart, one_sided = (sum(verdict in some for verdict in verdicts) for some in (TOLD_APART, ONE_SIDED))
    told = [f"{apart or 'none'} told apart"] if any(row.total_j.low is not None for row in rows) else []
    told += [f"{one_sided} new or gone"] if one_sided else []
    said = f"{len(hidden)} more with smaller changes"
    return f"{said} ({', '.join(told)})" if told else said


def have_other_calls(rows: Sequence[DifferenceRow]) -> bool:
    """Return whether some of what is on both sides was not called as often, so that joules a call tell more."""
    return any(row.calls_before and row.calls_after and row.calls_before != row.calls_after for row in rows)


def _most(context: RenderContext) -> int:
    return int(context.options.get("top", ROWS))


def _ordered(rows: Sequence[DifferenceRow]) -> tuple[DifferenceRow, ...]:
    return tuple(sorted(rows, key=lambda row: -_size_j(row)))


def _size_j(row: DifferenceRow) -> float:
    shift = row.total_j
    return abs(shift.change if shift.change is not None else shift.after or shift.before or 0.0)


def cells(row: DifferenceRow) -> tuple[str, str, str, str, str, str, str]:
    """Return before, after, change, relative change, change a call, change of time, and what it means."""
    total = row.total_j
    return (
        amount(total.before),
        amount(total.after),
        change(total),
        ratio(total),
        ratio(row.per_call_j),
        ratio(row.wall_s),
        word(total),
    )


HEADINGS: Final = ("before", "after", "change", "%", "a call", "time", "verdict")


def amount(energy_j: float | None) -> str:
    """Return joules; what is not known, or was not there, is a dash."""
    return "-" if energy_j is None else joules(energy_j)


def change(shift: Shift) -> str:
    """Return the change with its interval, in the unit of what stands beside it."""
    if shift.change is None:
        return "-"
    known = [abs(figure) for figure in (shift.before, shift.after) if figure is not None]
    beside = (min(known), max(known)) if known else None
    return joules_change(shift.change, shift.low, shift.high, beside)


def ratio(shift: Shift) -> str:
    """Return the change relative to before."""
    part = shift.ratio
    if part is None:
        return "-"
    return f"+{percent(part)}" if part > 0 else percent(part)


def word(shift: Shift) -> str:
    """Return what the change means."""
    return WORDS.get(shift.verdict, shift.verdict)


def summary(found: Difference) -> str:
    """Return the change of the whole run in a sentence."""
    whole, time = found.measured_j, found.wall_s
    if whole.change is None:
        return "the energy of the runs is not known on both sides"
    said = f"{amount(whole.before)} to {amount(whole.after)}: {change(whole)} ({ratio(whole)}), {word(whole)}"
    return f"{said}; time {seconds(time.before or 0.0)} to {seconds(time.after or 0.0)} ({ratio(time)})"


def _rows_tested(count: int) -> str:
    return "1 row tested" if count == 1 else f"{count} rows tested together"


def assumptions_in(context: RenderContext) -> Assumptions:
    """Return what turns joules into CO2e and money, empty where nobody said."""
    return Assumptions() if context.assumptions is None else context.assumptions


def footprint(found: Difference, assumed: Assumptions) -> str:
    """Return what the change of the whole run comes with, and what that rests on; or nothing."""
    shift = found.measured_j
    if assumed.is_empty or shift.change is None:
        return ""
    said = carbon_and_cost(assumed, shifted(shift))
    return f"{said}{', ' if said else ''}estimated (model): {assumed_text(assumed)}"


def shifted(shift: Shift) -> Range:
    """Return a change that is known, with its interval where there is one."""
    change = shift.change or 0.0
    if shift.low is None or shift.high is None:
        return Range.exactly(change)
    return Range(change, min(shift.low, change), max(shift.high, change))


def how(found: Difference) -> str:
    """Return what the figures rest on, in sentences."""
    runs = f"{len(found.before)} {'run' if len(found.before) == 1 else 'runs'} before, {len(found.after)} after"
    tested = f"; 95 % intervals, {_rows_tested(found.tested)}" if found.tested else ""
    return ". ".join((f"{runs}; {found.provenance}{tested}", *map(sentence, found.basis)))


def sentence(line: str) -> str:
    """Return a line that begins as a sentence does."""
    return line[:1].upper() + line[1:]
