"""What `energyprof trials` prints below the trials of several searches: the searches beside each other."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final, NamedTuple

from energyprof.model import amounts
from energyprof.model.range import Range
from energyprof.model.trial_rows import TrialRow, Trials, TrialSum
from energyprof.model.work_rows import BoundedJ

NAME: Final = 30
"""Characters of a name that are shown."""
OPTIONAL: Final = ("repeated", "failed", "pruned", "together")
"""Columns that a narrow page leaves out, in this order."""


class Search(NamedTuple):
    """One study of one run."""

    name: str
    found: Trials


def searches_of(runs: Sequence[tuple[str, Trials | None]]) -> list[Search]:
    """Return the studies of all runs, each named by its run and, where that has several, by itself."""
    return [
        Search(f"{run} {study.study}".strip() if found.studies else run, study)
        for run, found in runs
        if found is not None
        for study in found.studies or (found,)
    ]


def summary(searches: Sequence[Search], target: float | None, width: int, *, lower_is_better: bool | None) -> str:
    """Return the searches beside each other: joules of all trials, of those for nothing, to the best and the target."""
    columns = {
        "search": [_visible(one.name) for one in searches],
        "trials": [str(one.found.all.count) for one in searches],
        "together": [_energy(one.found.all.energy) for one in searches],
        "pruned": [_part(one.found.pruned) for one in searches],
        "failed": [_part(one.found.failed) for one in searches],
        "repeated": [_part(one.found.repeated) for one in searches],
        "best": [_best(one.found, lower_is_better=lower_is_better) for one in searches],
        "up to it": [_up_to(one.found.best(lower_is_better=lower_is_better)) for one in searches],
    }
    if target is not None:
        reached = [one.found.reaching(target, lower_is_better=lower_is_better) for one in searches]
        columns[f"to {target:.6g}"] = ["never" if row is None else _up_to(row) for row in reached]
    for name in ("", *OPTIONAL):
        columns.pop(name, None)
        widths = [max(map(len, (heading, *cells))) for heading, cells in columns.items()]
        if sum(widths) + 2 * len(widths) <= width:
            break
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    known = ", ".join(dict.fromkeys(one.found.provenance for one in searches))
    lines = [f"searches beside each other, {known}", *("  ".join(_aligned(row, widths)).rstrip() for row in rows)]
    if target is not None:
        lines += ["", *textwrap.wrap(_fewest(searches, target, lower_is_better=lower_is_better), width)]
    return "".join(f"{line}\n" for line in lines)


def _fewest(searches: Sequence[Search], target: float, *, lower_is_better: bool | None) -> str:
    """Return which search came to the target with fewest joules, and how little one run of it proves."""
    lowest = [one.name for one in searches if one.found.lower_is_better]
    if lower_is_better is None and lowest and len(lowest) < len(searches):
        return (
            f"who reached {target:.6g} with the fewest joules is not told: {_visible(lowest[0])} looks for the lowest "
            "value, others for the highest; --lower-is-better or --higher-is-better says what all are to be judged by"
        )
    costs = [
        (row.up_to.energy_j, one.name, row.up_to)
        for one in searches
        if (row := one.found.reaching(target, lower_is_better=lower_is_better)) is not None and row.up_to is not None
    ]
    if not costs:
        return f"no search is known to have reached {target:.6g}"
    _, name, fewest = min(costs, key=lambda cost: cost[:2])
    others = len(costs) > 1
    luck = "; one search of each kind proves little: repeat them with other seeds" if others else ""
    return f"{target:.6g} with the fewest joules: {_visible(name)}, {_bounded(fewest)}{luck}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    name, *figures = row
    return [name.ljust(widths[0]), *(text.rjust(size) for text, size in zip(figures, widths[1:], strict=True))]


def _best(found: Trials, *, lower_is_better: bool | None) -> str:
    row = found.best(lower_is_better=lower_is_better)
    if row is not None and row.value is not None:
        return f"{row.value:.6g}"
    unordered = dict.fromkeys(row.unordered for row in found.rows if row.unordered)
    return " and ".join(unordered) if unordered else "none told"


def _up_to(row: TrialRow | None) -> str:
    return "" if row is None else _energy(row.up_to)


def _part(kind: TrialSum) -> str:
    return f"{kind.count}, {_energy(kind.energy)}" if kind.count else "none"


def _energy(energy: BoundedJ | None) -> str:
    return "not known" if energy is None else _bounded(energy).partition(" (")[0]


def _bounded(energy: BoundedJ) -> str:
    return amounts.small_energy(Range(energy.energy_j, *sorted((energy.low_j, energy.high_j))))


def _visible(name: str) -> str:
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    return text if len(text) <= NAME else f"{text[: NAME // 2]}..{text[-(NAME // 2 - 2) :]}"
