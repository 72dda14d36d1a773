"""The split: divide every window among those who were there, with bounds that need no assumption.

Window w of duration T_w and energy E_w, baseline b: dynamic energy D_w = max(E_w - b*T_w, 0). Stage k was there for
t_wk of the window and has the share s_wk of its dynamic energy (shares of a window add up to 1):

    energy_k  = sum over w of s_wk * D_w + b * t_wk
    low_k     = sum over windows decided for k of s_wk * D_w, + sum over all w of b * t_wk
    high_k    = low_k + sum over the other windows with s_wk > 0 of D_w + C_w, + what windows without k may hold of it

A window is *decided* for k if k had all of it (s_wk >= 1 - TOLERANCE) and, where edges are uncertain, also all of the
margins around its edges: then the reading itself says what k spent. A window that reached beyond the run is decided
for nobody: that C_w of it was spent out there only proportion says. Where edges are uncertain, a stage near one may
have spent some of the energy of the window beyond (spill.py). The same holds for a group of stages, whose s and t are
sums; so bounds of totals are found for the group, not added up. What E_w - b*T_w < 0 leaves is unattributed.

Where a sensor sees part of the time only, what it did not see (sd_w, independent from window to window) widens both
bounds by 1.96 sqrt(sum of (s_wk * sd_w)^2). So does a factor common to all windows that is not known exactly (c_w for
one standard deviation): (sum of energy_wk / E_w * c_w)^2 is added under the root.

It serves by itself for models, and where readings are too few; else it bounds what the statistical fit says
(inference/).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np

from energyprof.attribute.from_bursts import Sample, spread
from energyprof.attribute.spill import There, reach, spilled_j
from energyprof.attribute.sums import sum_by
from energyprof.attribute.weights import Cells, CellsByStage
from energyprof.attribute.windows import Windows
from energyprof.model.span import Flags, Floats, Index, Ints

TOLERANCE = 1e-3
SPREAD = 1.96
"""Standard deviations to either side that hold 95 % of what chance makes."""


@dataclass(frozen=True, slots=True, eq=False)
class Margins:
    """The stretches in which the edges of windows may really lie, and who was there."""

    cells: Cells
    share: Floats
    left: Ints
    """The margin around each window's start; `right`: around its end."""
    right: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The windows of one domain, who was there (`cells`) and how they share dynamic energy."""

    windows: Windows
    cells: Cells
    share: Floats
    """Per cell; adds up to 1 in each window."""
    margins: Margins | None
    """None: edges lie where they stand."""
    baseline_w: float
    sample: Sample | None = None
    """Where spans were stored in bursts only: which windows lie between them; None: everything was stored."""

    def entire(self, window: Ints | Index) -> Flags:
        """Return True for the windows of which nothing was cut off."""
        cut_off = self.windows.cut_off_j
        return np.ones(len(window), np.bool_) if cut_off is None else cut_off[window] == 0

    def away(self) -> int:
        """Return over how many whole windows an edge may lie away."""
        return 0 if self.margins is None else reach(self.windows.edge_ns, self.windows.duration_ns())


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Energies in joules per stage, or of one group in columns of length 1."""

    energy_j: Floats
    low_j: Floats
    high_j: Floats
    undecided_j: Floats
    """Part of `energy_j` that only proportions decide."""
    inferred_j: Floats
    """Part of `energy_j` that is inferred from bursts."""
    sampling_j: Floats
    """How far off that may be to either side because bursts are a sample."""
    own_j: Floats
    """Part of `energy_j` in readings that are wholly its own."""
    unclear: Floats
    """1 where a statistical fit cannot give it a figure of its own; else 0."""
    common_j: Floats
    """By how much it is higher where a factor common to all is by one standard deviation; in the bounds already."""
    more: Floats
    """How many times as many iterations would let it; 0: not known, or not needed."""

    def own_part(self) -> Floats:
        """Return the part of the energy in readings wholly its own, 0..1; nothing spent is all its own."""
        spent = self.energy_j > 0
        return np.where(spent, self.own_j / np.where(spent, self.energy_j, 1.0), 1.0).clip(0.0, 1.0)

    def inferred_part(self) -> Floats:
        """Return the part of the energy that is inferred from bursts, 0..1."""
        spent = self.energy_j > 0
        return np.where(spent, self.inferred_j / np.where(spent, self.energy_j, 1.0), 0.0).clip(0.0, 1.0)

    def data_share(self) -> Floats:
        """Return the part of the energy that the data decide, 0..1; nothing spent is fully decided."""
        spent = self.energy_j > 0
        return np.where(spent, 1 - self.undecided_j / np.where(spent, self.energy_j, 1.0), 1.0).clip(0.0, 1.0)


class Divided(Protocol):
    """What a verdict needs of a split."""

    @property
    def stages(self) -> Bounds:
        """The energy of every stage."""
        ...

    def group(self, members: Ints) -> Bounds:
        """Return the bounds of several stages taken together."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The energy of every stage, of what no stage had, and the means to ask for groups."""

    stages: Bounds
    outside_j: float
    idle_j: float
    unattributed_j: float
    time_ns: Floats
    """Measured time of each stage, lanes busy together sharing it."""
    problem: Problem
    cells_by_stage: CellsByStage
    margins_by_stage: CellsByStage | None

    def group(self, members: Ints) -> Bounds:
        """Return the bounds of several stages taken together."""
        problem, cells = self.problem, self.problem.cells
        row = self.cells_by_stage.rows(members)
        if not len(row):
            nothing = np.zeros(1)
            return Bounds(*(nothing,) * len(fields(Bounds)))
        window = cells.window[row]
        low = int(window.min())
        near = np.arange(low, int(window.max()) + 1)
        share = sum_by(window - low, problem.share[row], len(near))
        time = sum_by(window - low, cells.time_ns[row], len(near))
        whole = (share >= 1 - TOLERANCE) & problem.entire(near)
        spilled = None
        if problem.margins is not None and self.margins_by_stage is not None:
            margins, row = problem.margins, self.margins_by_stage.rows(members)
            edges = margins.cells.windows
            part = sum_by(margins.cells.window[row], margins.share[row], edges)
            away, filled = problem.away(), part >= 1 - TOLERANCE
            for far in range(-away, away + 1):
                whole &= filled[np.clip(margins.left[near] + far, 0, edges - 1)]
                whole &= filled[np.clip(margins.right[near] + far, 0, edges - 1)]
            there, around = np.flatnonzero(share > 0), np.flatnonzero(part > 0)
            around_ns = sum_by(margins.cells.window[row], margins.cells.time_ns[row], edges)[around]
            spilled = _spilled(
                problem,
                There(np.zeros(len(there), np.int64), near[there], time[there]),
                There(np.zeros(len(around), np.int64), around, around_ns),
                1,
            )
        return _bounds(problem, _Rows(np.zeros(len(near), np.int64), near, share, time, whole), 1, spilled)


def split(problem: Problem) -> Split:
    """Divide the energy of every window; see the module's equations."""
    cells = problem.cells
    columns = cells.stages + 1
    whole = (problem.share >= 1 - TOLERANCE) & problem.entire(cells.window)
    margins = problem.margins
    spilled = None
    if margins is not None:
        filled = margins.cells.key()[margins.share >= 1 - TOLERANCE]
        away, last = problem.away(), margins.cells.windows - 1
        for side, far in ((side, far) for side in (margins.left, margins.right) for far in range(-away, away + 1)):
            edge = np.clip(side[cells.window[whole]] + far, 0, last)
            whole[whole] = np.isin(edge * columns + cells.stage[whole], filled)
        there, around = problem.share > 0, margins.share > 0
        spilled = _spilled(
            problem,
            There(cells.stage[there], cells.window[there].astype(np.int64), cells.time_ns[there]),
            There(
                margins.cells.stage[around],
                margins.cells.window[around].astype(np.int64),
                margins.cells.time_ns[around],
            ),
            columns,
        )
    rows = _Rows(cells.stage, cells.window, problem.share, cells.time_ns, whole)
    found = _bounds(problem, rows, columns, spilled)
    time = sum_by(cells.stage, cells.time_ns, columns)
    idle_j = problem.baseline_w * float(time[-1]) * 1e-9
    return Split(
        stages=Bounds(*(getattr(found, column.name)[:-1] for column in fields(Bounds))),
        outside_j=float(found.energy_j[-1]) - idle_j,
        idle_j=idle_j,
        unattributed_j=float(np.minimum(_above_baseline(problem), 0.0).sum()),
        time_ns=time[:-1],
        problem=problem,
        cells_by_stage=CellsByStage.of(cells),
        margins_by_stage=None if margins is None else CellsByStage.of(margins.cells),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Who (a stage, or group 0) had what in which window, and whether the window is decided for them."""

    who: Ints | Index
    window: Ints | Index
    share: Floats
    time_ns: Floats
    decided: Flags


def _spilled(problem: Problem, windows: There, margins: There, count: int) -> Floats:
    if problem.margins is None:
        return np.zeros(count)
    dynamic = np.maximum(_above_baseline(problem), 0.0)
    return spilled_j(dynamic, problem.margins.left, problem.margins.right, windows, margins, count, problem.away())


def _bounds(problem: Problem, rows: _Rows, count: int, spilled: Floats | None) -> Bounds:
    """Add up by who: the module's three equations; windows between bursts as `from_bursts` has it."""
    base = problem.baseline_w * rows.time_ns * 1e-9
    dynamic = np.maximum(_above_baseline(problem), 0.0)[rows.window]
    mine = rows.share * dynamic
    shared = ~rows.decided & (mine > 0)
    cut_off = problem.windows.cut_off_j
    most = dynamic if cut_off is None else dynamic + cut_off[rows.window]
    if problem.sample is not None:
        between = problem.sample.between[rows.window] & shared
        found = _with_inferred(problem.sample, rows, (base, mine, most, shared & ~between, between), count)
        return found if spilled is None else replace(found, high_j=found.high_j + spilled)
    low = sum_by(rows.who, base + np.where(shared, 0.0, mine), count)
    high = low + sum_by(rows.who, np.where(shared, most, 0.0), count)
    if spilled is not None:
        high += spilled
    sd = problem.windows.sd_j
    common = _common_j(problem.windows, rows, base + mine, count)
    if sd is not None or problem.windows.common_j is not None:
        variance = 0.0 if sd is None else sum_by(rows.who, np.square(rows.share * sd[rows.window]), count)
        unseen = SPREAD * np.sqrt(variance + common**2)
        low, high = np.maximum(low - unseen, 0.0), high + unseen
    energy = sum_by(rows.who, base + mine, count)
    undecided = sum_by(rows.who, np.where(shared, base + mine, 0.0), count)
    nothing = np.zeros(count)
    return Bounds(energy, low, high, undecided, nothing, nothing, energy - undecided, nothing, common, nothing)


def _common_j(windows: Windows, rows: _Rows, had_j: Floats, count: int) -> Floats:
    """Return each one's part of the error common to all windows, of which it had `had_j`."""
    if windows.common_j is None:
        return np.zeros(count)
    whole_j = windows.energy_j[rows.window]
    part = had_j / np.where(whole_j > 0, whole_j, np.inf)
    return sum_by(rows.who, part * windows.common_j[rows.window], count)


def _with_inferred(
    sample: Sample, rows: _Rows, parts: tuple[Floats, Floats, Floats, Flags, Flags], count: int
) -> Bounds:
    base, mine, most, shared, between = parts
    who = rows.who

    def total(amount: Floats, where: Flags) -> Floats:
        return sum_by(who, np.where(where, amount, 0.0), count)

    rows_in = np.flatnonzero(sample.burst[rows.window] >= 0)
    least_j, most_j = np.where(shared, 0.0, mine), np.where(shared, most, mine)
    in_bursts = (mine[rows_in], least_j[rows_in], most_j[rows_in])
    far = spread(who[rows_in], sample.burst[rows.window[rows_in]], rows.time_ns[rows_in], in_bursts, count)
    guess, cap, guess_base = total(mine, between), total(most, between), total(base, between)
    every = np.ones(len(who), np.bool_)
    low = total(base, every) + total(mine, ~shared & ~between)
    energy = sum_by(who, base + mine, count)
    undecided = total(base + mine, shared) + (guess + guess_base) * far.undecided
    reach = np.where(np.isinf(far.above), cap, guess * (1 + np.where(np.isinf(far.above), 0.0, far.above)))
    return Bounds(
        energy_j=energy,
        low_j=low + guess * (1 - far.below),
        high_j=low + total(most, shared) + np.minimum(np.maximum(reach, guess), np.maximum(cap, guess)),
        undecided_j=undecided,
        inferred_j=guess + guess_base,
        sampling_j=np.minimum(np.where(np.isinf(far.sampling), cap, guess * np.minimum(far.sampling, 1e9)), cap),
        own_j=energy - undecided,
        unclear=np.zeros(count),
        common_j=np.zeros(count),
        more=np.zeros(count),
    )


def _above_baseline(problem: Problem) -> Floats:
    return problem.windows.energy_j - problem.baseline_w * problem.windows.duration_ns() * 1e-9
