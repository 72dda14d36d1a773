"""Others' part of a domain's dynamic energy: a model, by who used the machine, taken out before stages divide the rest.

Of window w, let o be the CPU time that others used on the host, p that of the program, and r that of its profiler.
Where the machine is shared, others have the part s = o / (o + p + r) of the window's dynamic energy
D = max(E - b*T, 0); a device's is parted by what its processes used of it. Idle power is nobody's and stays. The
profiler is not others: its energy stays in the figures, as without sharing.

Without a known baseline it is not known how much of a window is dynamic: then nothing is taken off, which is said.

That a second of CPU time costs others what it costs the program is an assumption. The interval lets it be wrong by a
factor of two either way: the power of one kernel varies by 1.7 with nothing but the values it works on (ALUPower), and
software meters differ from measurements by 20 % on average (Cao et al.).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from energyprof.attribute.split import Bounds, Problem, Split, split
from energyprof.attribute.sums import sum_by
from energyprof.attribute.windows import Windows
from energyprof.model.attribution import PROVENANCES, EnergyColumns
from energyprof.model.power import Use
from energyprof.model.span import Flags, Floats, Ints

_MODEL = PROVENANCES.index("estimated (model)")
Spent: TypeAlias = "Callable[[Floats, Floats], Floats]"
"""CPU time used in each interval, from its starts and ends."""
FACTOR = 2.0
"""By so much a second of others may cost more, or less, than one of the program."""

NO_IDLE_POWER = (
    "others' part cannot be told apart without the idle power and is included in these figures; "
    "use --lead-in while the machine rests"
)


@dataclass(frozen=True, slots=True, eq=False)
class Used:
    """Who used what in each window, in ns."""

    own_ns: Floats
    others_ns: Floats
    profiler_ns: Floats

    def share(self, factor: float = 1.0) -> Floats:
        """Return others' part, a second of theirs costing `factor` times as much; 0 where nobody did anything."""
        theirs = factor * self.others_ns
        total = theirs + self.own_ns + self.profiler_ns
        return np.where(total > 0, theirs / np.where(total > 0, total, 1.0), 0.0)


def used_in(use: Use, windows: Windows, origin_ns: int, by_threads: Spent | None = None) -> Used:
    """Return who used the machine in each window; `by_threads`: what the program's processes used between instants.

    That is finer than the looks at the host, which know more only of processes that came and went unseen. Before the
    first and after the last look, others went on as between the two nearest.
    """
    t = (use.t_ns - origin_ns).astype(np.float64)
    if len(t) < 2:
        nothing = np.zeros(len(windows))
        return Used(nothing if by_threads is None else by_threads(windows.start_ns, windows.end_ns), nothing, nothing)

    def between(column: Floats) -> Floats:
        return np.maximum(_until(t, column, windows.end_ns) - _until(t, column, windows.start_ns), 0.0)

    own, others, profiler = (column.astype(np.float64) for column in (use.own_ns, use.others_ns, use.profiler_ns))
    if by_threads is None:
        return Used(between(own), between(others), between(profiler))
    unseen = np.maximum.accumulate(own - own[0] - by_threads(np.full(len(t), t[0]), t)).clip(0.0)
    seen = by_threads(windows.start_ns, windows.end_ns)
    return Used(seen + between(unseen), between(others), between(profiler))


def in_total(use: Use) -> tuple[float, float] | None:
    """Return the seconds that all, and that others, have used from the first to the last look; None: not known."""
    if len(use) < 2:
        return None
    own, others, profiler = (
        float(column[-1] - column[0]) * 1e-9 for column in (use.own_ns, use.others_ns, use.profiler_ns)
    )
    return own + others + profiler, others


def _until(t: Floats, value: Floats, at: Floats) -> Floats:
    inside = np.interp(at, t, value)
    before = (value[1] - value[0]) / max(t[1] - t[0], 1.0) * np.minimum(at - t[0], 0.0)
    after = (value[-1] - value[-2]) / max(t[-1] - t[-2], 1.0) * np.maximum(at - t[-1], 0.0)
    result: Floats = inside + before + after
    return result


@dataclass(frozen=True, slots=True, eq=False)
class SharedSplit:
    """A split of what others left, with bounds for what they may have left instead."""

    found: Split
    most: Split
    """Others' seconds cost half as much."""
    least: Split
    others_j: float
    touched: Flags
    """Per stage: others had a part of a window in which it took dynamic energy."""

    @property
    def stages(self) -> Bounds:
        """The energies of the stages."""
        return _joint(self.found.stages, self.most.stages, self.least.stages)

    def group(self, members: Ints) -> Bounds:
        """Return the bounds of several stages taken together."""
        return _joint(*(one.group(members) for one in (self.found, self.most, self.least)))


def as_model(columns: EnergyColumns, touched: Flags, by: str) -> EnergyColumns:
    """Return the figures with those labelled as a model's that others had a part in; `by`: what that was found by.

    Of such a figure the data decide no more than what is left of it whatever a second of others costs: its lower bound.
    """
    reason = tuple(
        "; ".join(filter(None, (text, f"others' part was taken off by {by}"))) if hit else text
        for text, hit in zip(columns.reason, touched.tolist(), strict=True)
    )
    provenance = np.where(touched, _MODEL, columns.provenance).astype(np.uint8)
    spent = columns.energy_j > 0
    sure = np.where(spent, columns.low_j / np.where(spent, columns.energy_j, 1.0), 0.0).clip(0.0, 1.0)
    data_share = np.where(touched, np.minimum(columns.data_share, sure), columns.data_share)
    return replace(columns, provenance=provenance, reason=reason, data_share=data_share)


def split_shared(problem: Problem, used: Used) -> tuple[SharedSplit, Problem]:
    """Divide the energy of every window that others left; return also the problem without their part."""
    share = used.share()
    left = _without(problem, share)
    others_j = float((share * _dynamic(problem)).sum())
    cells = problem.cells
    theirs = (share * _dynamic(problem) > 0)[cells.window] & (problem.share > 0)
    touched = sum_by(cells.stage, theirs.astype(np.float64), cells.stages + 1)[:-1] > 0
    most, least = (split(_without(problem, used.share(factor))) for factor in (1 / FACTOR, FACTOR))
    return SharedSplit(split(left), most, least, others_j, touched), left


def _dynamic(problem: Problem) -> Floats:
    windows = problem.windows
    return np.maximum(windows.energy_j - problem.baseline_w * windows.duration_ns() * 1e-9, 0.0)


def _without(problem: Problem, share: Floats) -> Problem:
    windows = problem.windows
    return replace(problem, windows=replace(windows, energy_j=windows.energy_j - share * _dynamic(problem)))


def _joint(found: Bounds, most: Bounds, least: Bounds) -> Bounds:
    return replace(found, low_j=least.low_j, high_j=most.high_j)
