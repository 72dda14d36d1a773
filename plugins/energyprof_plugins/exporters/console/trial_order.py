"""The order of a search's trials, what became of each, and what it took to the best: as every format tells it."""

from __future__ import annotations

from collections.abc import Iterator

from energyprof.model.trial_rows import TrialRow, Trials
from energyprof_plugins.exporters.console.trial_lines import bounded
from energyprof_plugins.exporters.figures import grouped


def ranked(found: Trials, *, lower_is_better: bool | None = None) -> list[TrialRow]:
    """Return the trials with the best value first, those that told none last; equal ones by number."""
    sign = found.sign(lower_is_better)
    return sorted(found.rows, key=lambda row: (row.value is None, -sign * (row.value or 0.0), row.number))


def value_text(row: TrialRow) -> str:
    """Return what a trial told; empty: nothing."""
    return row.unordered if row.value is None else f"{row.value:.6g}"


def became(row: TrialRow) -> Iterator[str]:
    """Yield how a trial ended, unless all was well, and which one it repeats."""
    if row.state != "complete":
        yield row.state
    if row.repeats is not None:
        yield f"as {row.repeats}"
    if row.earlier is not None:
        yield f"as {row.earlier.number} of {row.earlier.run}"


def conclusions(found: Trials, target: str = "", *, lower_is_better: bool | None = None) -> list[str]:
    """Return the best trial and the first that reached `target`, each with the joules of all trials up to it."""
    best = found.best(lower_is_better=lower_is_better)
    lines = _without_order(found)
    if best is None:
        if any(row.value is not None for row in found.rows):
            return [*lines, "no trial that told a value came to its end"]
        return lines or ["none told a value: trial.tell(accuracy) does"]
    lowest = ", the lowest" if found.sign(lower_is_better) < 0 else ""
    lines += [f"best{lowest}: {best.value:.6g} in trial {best.number}{_after(best)}"]
    if target:
        first = found.reaching(float(target), lower_is_better=lower_is_better)
        reached = "no trial reached it" if first is None else f"trial {first.number} reached it{_after(first)}"
        lines.append(f"target {float(target):.6g}: {reached}")
    return lines


def _without_order(found: Trials) -> list[str]:
    """Return how many trials told but what has no order: of those nobody knows how good they are."""
    told = [row.unordered for row in found.rows if row.value is None and row.unordered]
    several = sum("," in text for text in told)
    kinds = ((several, "values of several goals"), (len(told) - several, "NaN or infinity alone"))
    return [
        f"{grouped(count)} of {grouped(len(found.rows))} trials told {what}, which have no order"
        for count, what in kinds
        if count
    ]


def _after(row: TrialRow) -> str:
    return "" if row.up_to is None else f", after {bounded(row.up_to)} in all trials up to it"
