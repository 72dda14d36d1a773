"""What really happened in a simulated run: leaf calls with a power each, over a base power, so that energy is exact.

P(t) = base(t) + sum over calls i of power_i while call i lasts. It is a step function, hence E(t), its integral, is
piecewise linear and known at any instant. The energy of a stage is what its calls add, and its part of the base while
it ran: base / n while n calls are open at once. Base power while none is open is idle energy, so that

    energy of all stages + idle = E(end of run) - E(start of run).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BEYOND_NS = 60_000_000_000
"""Before and after the run the machine idles, for at least this long."""


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """The calls of leaf stages, ordered by (lane, start); times in ns since the start of the run."""

    stage: Ints
    lane: Ints
    step: Ints
    """Number of the outermost call (a training step, a request) that each belongs to."""
    start_ns: Ints
    end_ns: Ints
    power_w: Floats
    """Above the base."""

    def __len__(self) -> int:
        return len(self.stage)

    def duration_s(self) -> Floats:
        """Return how long each lasted."""
        return (self.end_ns - self.start_ns) * 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """The power that flows anyway, a step function: `power_w[j]` from `from_ns[j]` on."""

    from_ns: Ints
    power_w: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """One simulated run."""

    paths: tuple[tuple[str, ...], ...]
    """Of each leaf stage, all names from the outermost on."""
    calls: Calls
    base: Base
    run_ns: int
    _point_ns: Floats = field(init=False)
    _until_j: Floats = field(init=False)
    stage_j: Floats = field(init=False)
    """Energy of each leaf stage, its part of the base included."""
    idle_j: float = field(init=False)
    _shared_s: Floats = field(init=False)
    _base_share_j: Floats = field(init=False)
    """At each point, the energy so far of one lane's part of the base."""

    def __post_init__(self) -> None:
        calls, base = self.calls, self.base
        none = np.zeros(len(base.from_ns) + 2)
        t_ns = np.concatenate((calls.start_ns, calls.end_ns, base.from_ns, (-BEYOND_NS, self.run_ns)))
        power = np.concatenate((calls.power_w, -calls.power_w, none))
        opened = np.concatenate((np.ones(len(calls)), -np.ones(len(calls)), none))
        based = np.concatenate((np.zeros(2 * len(calls)), np.diff(base.power_w, prepend=0.0), (base.power_w[0], 0.0)))
        based[2 * len(calls)] = 0.0  # the first base holds from long before the run on
        order = np.argsort(t_ns, kind="stable")
        point_ns = np.append(t_ns[order], self.run_ns + BEYOND_NS).astype(np.float64)
        span_s = np.diff(point_ns) * 1e-9
        open_now, base_w = np.rint(np.cumsum(opened[order])), np.cumsum(based[order])
        total_w = base_w + np.cumsum(power[order])
        busy = open_now > 0
        shared_w = np.where(busy, base_w / np.maximum(open_now, 1), 0.0)
        in_run = (point_ns[:-1] >= 0) & (point_ns[:-1] < self.run_ns)

        def over_calls(rate: Floats) -> Floats:
            until = np.append(0.0, np.cumsum(rate * span_s))
            return np.interp(calls.end_ns, point_ns, until) - np.interp(calls.start_ns, point_ns, until)

        own_j = calls.power_w * calls.duration_s() + over_calls(shared_w)
        shared_s = over_calls(np.where(busy, 1 / np.maximum(open_now, 1), 0.0))
        object.__setattr__(self, "_point_ns", point_ns)
        object.__setattr__(self, "_until_j", np.append(0.0, np.cumsum(total_w * span_s)))
        object.__setattr__(self, "stage_j", np.bincount(calls.stage, own_j, len(self.paths)))
        object.__setattr__(self, "_base_share_j", np.append(0.0, np.cumsum(shared_w * span_s)))
        object.__setattr__(self, "_shared_s", np.bincount(calls.stage, shared_s, len(self.paths)))
        object.__setattr__(self, "idle_j", float(np.sum((base_w * span_s)[in_run & ~busy])))

    def until_j(self, t_ns: Floats) -> Floats:
        """Return E at each of `t_ns`, counted from long before the run; only differences mean anything."""
        return np.interp(t_ns, self._point_ns, self._until_j)

    def shared_s(self) -> Floats:
        """Return the time of each leaf stage, calls open at once sharing it, as they share the base."""
        return self._shared_s

    def between_j(self, start_ns: float, end_ns: float) -> float:
        """Return the energy spent in [start_ns, end_ns]."""
        first, last = self.until_j(np.array([start_ns, end_ns]))
        return float(last - first)

    def stages_within_j(self, start_ns: Floats, end_ns: Floats) -> Floats:
        """Return the energy that each leaf stage spent within some stretches of time, ascending and disjoint."""
        return np.array(
            [
                float(np.sum(self._stage_until_j(k, end_ns) - self._stage_until_j(k, start_ns)))
                for k in range(len(self.paths))
            ]
        )

    def _stage_until_j(self, stage: int, t_ns: Floats) -> Floats:
        mine = np.flatnonzero(self.calls.stage == stage)
        start, end, power_w = self.calls.start_ns[mine], self.calls.end_ns[mine], self.calls.power_w[mine]

        def share_j(at_ns: Floats) -> Floats:
            return np.interp(at_ns, self._point_ns, self._base_share_j)

        done_j = np.append(0.0, np.cumsum(power_w * (end - start) * 1e-9 + share_j(end) - share_j(start)))
        call = np.searchsorted(start, t_ns, "right") - 1
        last = np.maximum(call, 0)
        until_ns = np.clip(t_ns, start[last], end[last])
        current_j = power_w[last] * (until_ns - start[last]) * 1e-9 + share_j(until_ns) - share_j(start[last])
        return np.where(call >= 0, done_j[last] + current_j, 0.0)

    def filtered_j(self, t_ns: Floats, response_ns: float) -> Floats:
        """Return E as seen through a first-order response: the mean of E(t - s), s exponential of mean `response_ns`.

        Where power is constant, what the filter is behind by, d = E - E_f, tends to power * response_ns like
        exp(-t / response_ns); so d at each change of power follows from d at the one before.
        """
        point_ns, until_j = self._point_ns, self._until_j
        span_ns = np.diff(point_ns)
        power_jpns = np.divide(np.diff(until_j), span_ns, out=np.zeros(len(span_ns)), where=span_ns > 0)
        kept, settled = np.exp(-span_ns / response_ns), power_jpns * response_ns
        behind = [float(settled[0])]
        for factor, goal in zip(kept.tolist(), settled.tolist(), strict=True):
            behind.append(goal + (behind[-1] - goal) * factor)
        row = np.clip(np.searchsorted(point_ns, t_ns, "right") - 1, 0, len(span_ns) - 1)
        faded = np.exp(-(t_ns - point_ns[row]) / response_ns)
        return self.until_j(t_ns) - (settled[row] + (np.array(behind)[row] - settled[row]) * faded)

    def occupied_s(self, stage: int, t_ns: Floats) -> Floats:
        """Return how long the stage had run until each of `t_ns`; no stage runs twice at once."""
        mine = self.calls.stage == stage
        start, end = self.calls.start_ns[mine], self.calls.end_ns[mine]
        point = np.stack((start, end), axis=1).ravel()
        ran = np.stack((np.zeros(len(start), np.int64), end - start), axis=1).ravel()
        return np.interp(t_ns, point, np.cumsum(ran) * 1e-9)
