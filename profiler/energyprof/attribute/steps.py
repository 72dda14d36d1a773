"""Steps of a loop: what each took, and how that changed over time, as finely as the sensors tell.

A step is a call of the optimizer's `step` that was called most on one lane; where nothing trains, a call of the model
called most. The energy of a stretch of time is the sum of windows of measured energy: those wholly inside are its
lower bound, those that reach into it, edges where they may lie, the upper one; the figure divides them by time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from energyprof.attribute.segments import since
from energyprof.attribute.shape import read_shaped
from energyprof.attribute.windows import Windows
from energyprof.model.attribution import StepEnergy
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.span import Floats, Ints, Stage
from energyprof.model.trace import Trace

GROUPS = 20
"""At most so many groups of steps."""
RESOLUTIONS = 10
"""A group lasts at least so many times what the slowest sensor tells apart: each of its bounds is 10 % off then."""
FEWEST_STEPS = 2
"""One call is no loop."""
FEWEST_GROUPS = 3
"""Of fewer there is no course over time."""
COVERED = 0.95
"""A stretch of which less was read has no figure; the rest is taken to be like what was read."""


def step_energy(trace: Trace, counted: Collection[DomainId]) -> StepEnergy | None:
    """Return what the steps of the run's main loop took; None: it has none, or not all spans were stored."""
    loop = None if trace.counted is not None else _loop(trace)
    if loop is None:
        return None
    meters = [
        _Meter.of(domain, read_shaped(trace, domain, trace.run)[1].run)
        for domain in trace.domains
        if domain.id in counted and domain.id in trace.readings
    ]
    stage, begin_ns, ends_ns = loop
    resolution_ns = max((meter.resolution_ns for meter in meters), default=0.0)
    edges = _edges(ends_ns, resolution_ns)
    first = _between(meters, np.array([begin_ns]), ends_ns[:1])
    rest = _between(meters, ends_ns[:1], ends_ns[-1:])
    groups = _between(meters, ends_ns[edges[:-1]], ends_ns[edges[1:]])
    if not meters or np.isnan(groups[0]).any():
        edges, groups = edges[:1], (groups[0][:0], groups[1][:0], groups[2][:0])
    return StepEnergy(
        stage=stage,
        steps=len(ends_ns),
        first_ns=round(ends_ns[0] - begin_ns),
        first_j=_known(first[0]),
        first_low_j=_known(first[1]) or 0.0,
        first_high_j=_known(first[2]) or 0.0,
        rest_ns=round(ends_ns[-1] - ends_ns[0]),
        rest_j=_known(rest[0]) if len(ends_ns) > 1 else None,
        rest_low_j=_known(rest[1]) or 0.0,
        rest_high_j=_known(rest[2]) or 0.0,
        group_steps=np.diff(edges),
        group_j=groups[0],
        group_low_j=groups[1],
        group_high_j=groups[2],
        resolution_ns=round(resolution_ns),
    )


def _loop(trace: Trace) -> tuple[int, float, Floats] | None:
    """Return what ends a step, when the first began and when each ended, in ns since the start of the run."""
    spans = trace.spans
    ends = [index for index, stage in enumerate(trace.stages) if stage.kind == "optimizer" and _is_step(stage)]
    ends = ends or _models(trace.stages)
    rows = np.flatnonzero(np.isin(spans.stage, ends) & ~spans.resumed & ~spans.is_open)
    if len(rows) < FEWEST_STEPS:
        return None
    key = spans.lane[rows].astype(np.int64) * len(trace.stages) + spans.stage[rows]
    kinds, count = np.unique(key, return_counts=True)
    lane, stage = divmod(int(kinds[np.argmax(count)]), len(trace.stages))
    rows = rows[key == kinds[np.argmax(count)]]
    ends_ns = np.sort(since(spans.end_ns[rows], trace.run.start_ns))
    own = [stage, *_beside(trace.stages, stage)]
    before = np.flatnonzero((spans.lane == lane) & np.isin(spans.stage, own))
    starts_ns = since(spans.start_ns[before], trace.run.start_ns)
    return stage, float(starts_ns.min()), ends_ns


def _beside(stages: Sequence[Stage], step: int) -> list[int]:
    """Return the models and loaders of the loop that this step ends, and not those of another training.

    Models: below the nearest stage around the step in which any is called, too. Loaders: there, or begun in a stage
    around the step. Outside any stage, all are.
    """
    chains: list[frozenset[int | None]] = []
    for stage in stages:  # parents stand first
        above: frozenset[int | None] = frozenset() if stage.parent is None else chains[stage.parent]
        chains.append(above | {stage.parent})
    models = [index for index, stage in enumerate(stages) if "samples" in stage.facts]
    around = stages[step].parent
    while around is not None and not any(around in chains[model] for model in models):
        around = stages[around].parent
    loaders = [index for index, stage in enumerate(stages) if stage.kind == "loader"]
    return [
        *(model for model in models if around in chains[model]),
        *(loader for loader in loaders if around in chains[loader] or stages[loader].parent in chains[step]),
    ]


def _is_step(stage: Stage) -> bool:
    return stage.name == "step" or stage.name.endswith(".step")


def _models(stages: Sequence[Stage]) -> list[int]:
    """Return the models that were called with samples and generate nothing: outermost among such."""
    around: list[bool] = []
    found = []
    for index, stage in enumerate(stages):
        is_inside = stage.parent is not None and around[stage.parent]
        if "samples" in stage.facts and not is_inside:
            found.append(index)
        around.append(is_inside or stage.kind == "generation" or "samples" in stage.facts)
    return found


def _edges(ends_ns: Floats, resolution_ns: float) -> Ints:
    """Return which steps end a group, the first step of all before them; less than two where there are no groups."""
    steps = len(ends_ns) - 1
    span_ns = float(ends_ns[-1] - ends_ns[0])
    fit = steps if resolution_ns <= 0 else int(span_ns // (RESOLUTIONS * resolution_ns))
    groups = min(GROUPS, steps, fit)
    if groups < FEWEST_GROUPS:
        return np.zeros(1, np.int64)
    return np.round(np.linspace(0, steps, groups + 1)).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Meter:
    """The windows of one domain, to be asked for the energy of other stretches of time."""

    windows: Windows
    done_j: Floats
    """Energy of all windows before each, and of all."""
    gain_error: tuple[float, float]
    resolution_ns: float
    """Length of most windows, and how far their edges may lie apart."""

    @staticmethod
    def of(domain: Domain, windows: Windows) -> _Meter:
        """Return the windows of a domain; without any, all of its energy is unknown."""
        length_ns = float(np.median(windows.duration_ns())) if len(windows) else 0.0
        done_j = np.append(0.0, np.cumsum(windows.energy_j))
        return _Meter(windows, done_j, domain.gain_error, length_ns + 2 * windows.edge_ns)

    def between(self, start_ns: Floats, end_ns: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the energy of each stretch and its bounds; NaN where too little of it was read."""
        windows, edge_ns = self.windows, self.windows.edge_ns
        covered_ns = self._until(end_ns, windows.duration_ns()) - self._until(start_ns, windows.duration_ns())
        length_ns = np.maximum(end_ns - start_ns, 1.0)
        part = covered_ns / length_ns
        measured_j = self._until(end_ns, windows.energy_j) - self._until(start_ns, windows.energy_j)
        known = part >= COVERED
        energy_j = np.where(known, measured_j / np.where(known, part, 1.0), np.nan)
        first = np.searchsorted(windows.start_ns, start_ns + edge_ns)
        last = np.searchsorted(windows.end_ns, end_ns - edge_ns, "right")
        low_j = np.where(last > first, self.done_j[last] - self.done_j[first], 0.0)
        first = np.searchsorted(windows.end_ns, start_ns - edge_ns, "right")
        last = np.searchsorted(windows.start_ns, end_ns + edge_ns)
        unread_j = (length_ns - covered_ns) * 1e-9 * float(windows.power_w().max(initial=0.0))
        high_j = self.done_j[np.maximum(last, first)] - self.done_j[first] + np.maximum(unread_j, 0.0)
        less, more = self.gain_error
        return energy_j, np.minimum(low_j, energy_j) * (1 - less), np.maximum(high_j, energy_j) * (1 + more)

    def _until(self, t_ns: Floats, amount: Floats) -> Floats:
        """Return how much of what each window holds lies before each instant, in proportion."""
        windows = self.windows
        if not len(windows):
            return np.zeros(len(t_ns))
        at = np.maximum(np.searchsorted(windows.start_ns, t_ns, "right") - 1, 0)
        inside = np.clip((t_ns - windows.start_ns[at]) / windows.duration_ns()[at], 0.0, 1.0)
        before = np.append(0.0, np.cumsum(amount))
        result: Floats = before[at] + inside * amount[at]
        return result


def _between(meters: Sequence[_Meter], start_ns: Floats, end_ns: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the energy of all domains in each stretch, and its bounds."""
    parts = [meter.between(start_ns, end_ns) for meter in meters]
    nothing = np.full(len(start_ns), np.nan)
    energy_j, low_j, high_j = (np.sum(column, axis=0) if parts else nothing for column in _columns(parts))
    return energy_j, low_j, high_j


def _columns(parts: Sequence[tuple[Floats, Floats, Floats]]) -> Sequence[Sequence[Floats]]:
    return tuple(zip(*parts, strict=True)) if parts else ((), (), ())


def _known(column: Floats) -> float | None:
    return None if np.isnan(column[0]) else float(column[0])
