"""Builders of small traces: times in milliseconds, stages by their paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId, StageId
from energyprof.model.power import Readings, ThreadCpu
from energyprof.model.span import LANE_KINDS, LaneRuns, Lanes, Spans, Stage
from energyprof.model.trace import Flows, RecorderFacts, RunFacts, Trace

MS = 1_000_000
Row = tuple[str, float, float]


@dataclass
class Lane:
    """A lane with its spans (path, start, end), runs (start, end) and thread CPU rows (t, cpu), all in ms."""

    spans: Sequence[Row] = ()
    runs: Sequence[tuple[float, float]] = ()
    cpu: Sequence[tuple[float, float]] = ()
    pid: int = 1
    tid: int | None = None
    kind: str = "thread"
    parent: int = -1
    prefix: str | None = None
    host: int = -1
    resumed: Sequence[float] = ()
    """Starts of spans that go on with a generator."""


def _ns(t_ms: float) -> int:
    return round(t_ms * MS)


@dataclass
class Make:
    """What tests build traces with."""

    ms: int = MS
    lane: type[Lane] = Lane
    origin_ns: int = field(default=5_000_000_000)

    def domain(self, **changes: object) -> Domain:
        base = Domain(DomainId("cpu"), "test", "sensor", "energy", 1e-6, "cpu", period_ns=10 * MS, baseline_w=0.0)
        return replace(base, **changes)

    def readings(self, rows: Sequence[tuple[float, int] | tuple[float, int, int]], poll_ms: float = 0.0) -> Readings:
        """Rows of (t in ms, raw[, status]); a poll takes `poll_ms`, around t."""
        t = np.array([self.origin_ns + _ns(row[0]) for row in rows], np.int64)
        half = _ns(poll_ms / 2)
        status = np.array([row[2] if len(row) > 2 else 0 for row in rows], np.uint8)
        return Readings(t - half, t + half, np.array([row[1] for row in rows], np.int64), status)

    def counter(self, power_w: Sequence[float], period_ms: float = 10.0) -> Readings:
        """A microjoule counter read every period, with this power in between."""
        energy = np.append(0, np.cumsum(np.rint(np.array(power_w) * period_ms * 1e3))).astype(np.int64)
        return self.readings([(index * period_ms, int(raw)) for index, raw in enumerate(energy)])

    def trace(
        self,
        lanes: Sequence[Lane | Sequence[Row]] = (),
        domains: Sequence[tuple[Domain, Readings]] = (),
        processes: Mapping[int, Sequence[tuple[float, float]]] | None = None,
        stages: Sequence[str] = (),
        end_ms: float = 1000.0,
    ) -> Trace:
        """Lanes (or just their spans), domains with readings, whole-process CPU rows by pid, stages that never ran."""
        rows = [lane if isinstance(lane, Lane) else Lane(lane) for lane in lanes]
        paths = [path for lane in rows for path, _, _ in lane.spans] + [lane.prefix for lane in rows if lane.prefix]
        table = _stages([*paths, *stages])
        index = {str(stage.id): row for row, stage in enumerate(table)}
        return Trace(
            run=RunFacts(("x",), 0, self.origin_ns, self.origin_ns + _ns(end_ms), 0),
            recorder=RecorderFacts(),
            domains=tuple(domain for domain, _ in domains),
            readings={domain.id: readings for domain, readings in domains},
            stages=table,
            lanes=_lanes(rows, index),
            spans=_spans(rows, index, self.origin_ns),
            lane_runs=_runs(rows, self.origin_ns),
            cpu=_cpu(rows, processes or {}, self.origin_ns),
            flows=Flows.none(),
        )


def _stages(paths: Sequence[str]) -> tuple[Stage, ...]:
    known: dict[str, int] = {}
    found: list[Stage] = []
    for path in paths:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            name = "/".join(parts[:depth])
            if name not in known:
                parent = known["/".join(parts[: depth - 1])] if depth > 1 else None
                known[name] = len(found)
                found.append(Stage(StageId(name), parts[depth - 1], tuple(parts[:depth]), parent))
    return tuple(found)


def _lanes(rows: Sequence[Lane], index: Mapping[str, int]) -> Lanes:
    return Lanes(
        pid=np.array([lane.pid for lane in rows], np.int32),
        tid=np.array([100 + k if lane.tid is None else lane.tid for k, lane in enumerate(rows)], np.int32),
        number=np.arange(len(rows), dtype=np.int64),
        kind=np.array([LANE_KINDS.index(lane.kind) for lane in rows], np.uint8),
        parent=np.array([lane.parent for lane in rows], np.int32),
        prefix=np.array([-1 if lane.prefix is None else index[lane.prefix] for lane in rows], np.int32),
        host=np.array([lane.host for lane in rows], np.int32),
    )


def _spans(rows: Sequence[Lane], index: Mapping[str, int], origin_ns: int) -> Spans:
    stage, lane_of, starts, ends, parents, resumed = [], [], [], [], [], []
    for number, lane in enumerate(rows):
        again = {origin_ns + _ns(start) for start in lane.resumed}
        spans = [(origin_ns + _ns(start), origin_ns + _ns(end), index[path]) for path, start, end in lane.spans]
        around: list[int] = []
        for start, end, which in sorted(spans, key=lambda span: (span[0], -span[1])):
            while around and ends[around[-1]] <= start and not (end == start == ends[around[-1]]):
                around.pop()
            parents.append(around[-1] if around else -1)
            around.append(len(stage))
            stage.append(which)
            lane_of.append(number)
            starts.append(start)
            resumed.append(start in again)
            ends.append(end)
    return Spans(
        np.array(stage, np.int32),
        np.array(lane_of, np.int32),
        np.array(starts, np.int64),
        np.array(ends, np.int64),
        np.array(parents, np.int32),
        np.zeros(len(stage), np.bool_),
        np.array(resumed, np.bool_),
    )


def _runs(rows: Sequence[Lane], origin_ns: int) -> LaneRuns:
    runs = [(k, origin_ns + _ns(a), origin_ns + _ns(b)) for k, lane in enumerate(rows) for a, b in lane.runs]
    table = np.array(runs, np.int64).reshape(-1, 3)
    return LaneRuns(table[:, 0].astype(np.int32), table[:, 1], table[:, 2])


def _cpu(rows: Sequence[Lane], processes: Mapping[int, Sequence[tuple[float, float]]], origin_ns: int) -> ThreadCpu:
    table = [
        (lane.pid, 100 + k if lane.tid is None else lane.tid, origin_ns + _ns(t), _ns(used))
        for k, lane in enumerate(rows)
        for t, used in lane.cpu
    ]
    table += [(pid, 0, origin_ns + _ns(t), _ns(used)) for pid, points in processes.items() for t, used in points]
    column = np.array(sorted(table), np.int64).reshape(-1, 4)
    return ThreadCpu(column[:, 0].astype(np.int32), column[:, 1].astype(np.int32), column[:, 2], column[:, 3])


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()
