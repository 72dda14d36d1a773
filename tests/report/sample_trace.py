"""Traces of runs that never happened: spans by lane, in nanoseconds since the start, and power over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId, StageId, escape_component
from energyprof.model.power import ThreadCpu
from energyprof.model.power_series import PowerSeries
from energyprof.model.span import LaneRuns, Lanes, Spans, Stage
from energyprof.model.trace import Flows, RecorderFacts, RunFacts, Trace

ORIGIN_NS = 5_000_000_000
Row = tuple[str, int, int]
CPU = Domain(DomainId("cpu:0:package"), "rapl package-0", "sensor", "energy", 1e-6, "cpu")
MODEL = Domain(DomainId("cpu"), "load_model", "model", "energy", 1e-6, "cpu")


def make_trace(lanes: Sequence[Sequence[Row]], end_ns: int = 1_000_000_000, pids: Sequence[int] = ()) -> Trace:
    """Return a trace of outermost stages by name; each lane is a thread, of process 70 where `pids` says nothing."""
    names = list(dict.fromkeys(name for lane in lanes for name, _, _ in lane))
    stages = tuple(Stage(StageId(escape_component(name)), name, (name,), None, file="job.py", line=3) for name in names)
    rows = [
        (number, *row)
        for number, lane in enumerate(lanes)
        for row in sorted(((start, -end, names.index(name)) for name, start, end in lane))
    ]
    nothing = np.zeros(0, np.int64)
    index = nothing.astype(np.int32)
    pid = np.array([pids[n] if n < len(pids) else 70 for n in range(len(lanes))], np.int32)
    ones = np.full(len(lanes), -1, np.int32)
    return Trace(
        run=RunFacts(("job.py",), 1_790_000_000_000_000_000, ORIGIN_NS, ORIGIN_NS + end_ns, 0),
        recorder=RecorderFacts(spans=len(rows)),
        domains=(CPU,),
        readings={},
        stages=stages,
        lanes=Lanes(pid, pid + np.arange(len(lanes), dtype=np.int32), np.arange(len(lanes)),
                    np.zeros(len(lanes), np.uint8), ones, ones, ones),
        spans=Spans(
            np.array([row[3] for row in rows], np.int32), np.array([row[0] for row in rows], np.int32),
            np.array([ORIGIN_NS + row[1] for row in rows], np.int64),
            np.array([ORIGIN_NS - row[2] for row in rows], np.int64),
            np.full(len(rows), -1, np.int32), np.zeros(len(rows), np.bool_),
        ),
        lane_runs=LaneRuns(index, nothing, nothing),
        cpu=ThreadCpu(index, index, nothing, nothing),
        flows=Flows.none(),
    )  # fmt: skip


def power(rows: Sequence[tuple[int, int, float]], domain: Domain = CPU) -> PowerSeries:
    """Return a series of (start_ns, end_ns, energy_j)."""
    start, end, energy = zip(*rows, strict=True)
    return PowerSeries(domain, np.array(start, np.int64), np.array(end, np.int64), np.array(energy, np.float64))
