"""What a table of ways says, in sentences, the same in every format that has sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from energyprof.model.variants import Mean, VariantRow, Variants, Verdict
from energyprof_plugins.exporters.console.stage_table import LETTERS
from energyprof_plugins.exporters.figures import grouped, joules_with_bounds, percent, seconds

MOST_GAPS: Final = 5
"""Ways without the metric, or that failed, of which each is said why."""
MOST_ERRORS: Final = 6
"""Ways of which each is said how far off it may be."""
LOWEST: Final = ("cheapest", "lowest so far")
MODELLED: Final = "estimated (model)"


def conclusions(found: Variants) -> list[str]:
    """Return what the table says."""
    return [*_of_joules(found), *_front(found), *_failures(found), *_gaps(found)]


def all_runs(row: VariantRow) -> int:
    """Return how many runs there are of a way, failed ones too."""
    return row.runs + (row.failed.runs if row.failed else 0)


def ratio_text(ratio: Mean | None, verdict: Verdict, has_bounds: bool) -> str:
    """Return a ratio to the lowest, which is 1; nothing where it is set against nothing."""
    if ratio is None:
        return ""
    if ratio.low is None or ratio.high is None or not has_bounds:
        return f"{ratio.value:.2f}" if verdict not in LOWEST else "1"
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _of_joules(found: Variants) -> list[str]:
    verdicts = [(row.name, row.verdict) for row in found.rows]
    unlike = frozenset(row.name for row in found.rows if any(row.ratio_error))
    return comparison(verdicts, "takes less than", unlike)


def comparison(verdicts: Sequence[tuple[str, Verdict]], takes_less: str, unlike: frozenset[str]) -> list[str]:
    """Return who is told apart from the lowest; `unlike`: of whose ratio what sensors get wrong does not cancel."""
    lowest = next((name for name, verdict in verdicts if verdict in LOWEST), None)
    if lowest is None or len(verdicts) < 2:
        return []  # there is nothing to set it against
    dearer, unclear, unsure = (
        [name for name, verdict in verdicts if verdict == wanted] for wanted in ("dearer", "unclear", "cannot tell")
    )
    hidden = [name for name in unclear if name in unlike]
    unclear = [name for name in unclear if name not in unlike]
    lines = []
    if dearer:
        lines.append(f"{lowest} {takes_less} {_listed(dearer)}, 95 % sure.")
    if unclear:
        lines.append(f"Whether {lowest} {takes_less} {_listed(unclear)} is not clear: more runs of each tell.")
    if hidden:
        lines.append(
            f"Whether {lowest} {takes_less} {_listed(hidden)} is not clear: they were not read alike, and what their "
            "sensors or models may get wrong counts in full; no number of runs lessens that."
        )
    if unsure:
        lines.append(
            f"Whether {lowest} {takes_less} {_listed(unsure)} cannot be told: it takes two runs of each way or more, "
            "each of which was read; energyprof sweep makes them."
        )
    return lines


def legend(found: Variants) -> str:
    """Return how joules are known, and how far off all of them may be."""
    told = dict.fromkeys(row.provenance for row in found.rows)
    known = ", ".join(f"{LETTERS[one]}  {one}" for one in told)
    error = error_of_all(found)
    return f"{known}; 95 % intervals by the spread of runs{'; ' if error else ''}{error}"


def error_of_all(found: Variants) -> str:
    """Return what no number of runs shows, and whether ratios see it; nothing where no error is stated."""
    below, above = found.gain_error
    if not below and not above:
        return ""
    if any(any(row.ratio_error) for row in found.rows):
        each = [f"{_reach(row.gain_error)} ({row.name})" for row in found.rows if row.runs or row.failed]
        return (
            f"besides, joules may be off by {_cut_short(each)}; as these are not of the same sensors in the same "
            "shares, this does not cancel, and each ratio carries the errors of both"
        )
    common = f"all joules together may be off by {_reach(found.gain_error)}"
    if len(found.rows) < 2:
        return common
    common += ", which ratios do not see"
    if any(row.provenance == MODELLED for row in found.rows):
        common += "; nor does a model see that one kind of work takes more power than another"
    return common


def _reach(error: tuple[float, float]) -> str:
    below, above = error
    return f"\N{MINUS SIGN}{percent(below, 0)} to +{percent(above, 0)}"


def _cut_short(texts: Sequence[str]) -> str:
    more = [f"{len(texts) - MOST_ERRORS} more"] if len(texts) > MOST_ERRORS else []
    return ", ".join([*texts[:MOST_ERRORS], *more])


def _failures(found: Variants) -> list[str]:
    """Return a sentence for each way of which a run failed, with what such a run took."""
    lines = []
    for row in found.rows:
        if row.failed is None:
            continue
        codes = ", ".join(map(str, row.failed.exit_codes))
        lines.append(
            f"{row.name}: {row.failed.runs} of {all_runs(row)} runs ended with an error (exit status {codes}) after "
            f"{seconds(row.failed.wall_s.value)} and {_taken(row.failed.energy_j)}, which {_counts_for(row)}."
        )
    if lines and len(found.rows) > 1:
        lines.append("To have such a way compared, remove those recordings and go on with energyprof sweep --resume.")
    return _cut(lines)


def _taken(energy_j: Mean | None) -> str:
    return "unknown joules" if energy_j is None else joules_with_bounds(energy_j.value, energy_j.low, energy_j.high)


def _counts_for(row: VariantRow) -> str:
    return "are in no figure above" if row.runs else "are no figures for its work"


def _gaps(found: Variants) -> list[str]:
    """Return a sentence for each way that has no value of the metric, and why."""
    lines = []
    for row in (row for row in found.rows if found.metric and row.runs):
        if row.endless_runs:
            lines.append(
                f"{row.name}: {found.metric} is NaN or infinite{_of_runs(row.endless_runs, row)}, which cannot be "
                "ordered or averaged: it is on no front."
            )
        elif row.metric is None:
            told = f"told{_of_runs(row.metric_runs, row)} only" if row.metric_runs else "not told"
            lines.append(
                f'{row.name}: {found.metric} is {told}; tell it with energyprof.metric("{found.metric}", ...).'
            )
    return _cut(lines)


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= MOST_GAPS else [*lines[:MOST_GAPS], f"So it is of {len(lines) - MOST_GAPS} more."]


def _of_runs(count: int, row: VariantRow) -> str:
    return f" in {count} of its {row.runs} runs" if row.runs > 1 else ""


def _front(found: Variants) -> list[str]:
    better = "lower" if found.lower_is_better else "higher"
    front = [row.name for row in found.rows if row.is_best and not row.is_unsure]
    unsure = [row.name for row in found.rows if row.is_best and row.is_unsure]
    lines = []
    if front:
        lines.append(f"* On the front of joules and {found.metric} ({better} is better): {_listed(front)}.")
    if unsure:
        what = "" if front else f" of joules and {found.metric} ({better} is better)"
        lines.append(
            f"(*) On the front{what} as far as these runs tell, but not told apart from another way there: "
            f"{_listed(unsure)}."
        )
    return lines


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= 5 else [*names[:4], f"{grouped(len(names) - 4)} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
