"""How fast attribution is: the overlap kernel per span, a whole run of a million spans, and an hour with 1,000 stages.

Run it by hand (`python tests/benchmarks/bench_attribution.py`); it ends with 1 where a figure misses its bound. All
of it runs in one thread: CPU time is what it takes on a free core; the best of several repetitions is least disturbed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

from energyprof.attribute import attribute
from energyprof.attribute.occupancy import Bins, normal_equations, occupancy
from energyprof.attribute.segments import Segments
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId, StageId
from energyprof.model.power import Readings, ThreadCpu
from energyprof.model.span import LaneRuns, Lanes, Spans, Stage
from energyprof.model.trace import Flows, RecorderFacts, RunFacts, Trace

PERIOD_NS = 10_000_000
LEAVES = 10
HOUR = {"spans": 3_600_000, "readings": 360_000, "leaves": 999, "lanes": 1}
"""A counter of 10 ms and a span a millisecond, for an hour."""
MIB = 1 << 20
MOST_BYTES, MOST_S = 4 << 30, 200
"""More than any bound: where a figure would be worse, the machine is not made to suffer for it."""


def rows() -> list[tuple[str, float, str, float]]:
    """Return (what, figure, unit, upper bound)."""
    matrix_ns, equations_ns, equations_mib = _alone("kernel", 3)
    hour_s, hour_mib = _alone("hour", 2)
    (large_s,) = _alone("large", 1)
    return [
        # 12.5 ns a span are 80 million spans a second.
        ("overlap kernel, 1e7 spans x 1e5 windows x 50 stages", matrix_ns, "ns/span", 12.5),
        ("normal equations of the same, nothing kept", equations_ns, "ns/span", 10.0),
        ("memory that those take", equations_mib, "MiB", 16.0),
        ("attribution, 1e6 spans x 1e5 readings x 51 stages, 2 lanes", large_s, "s", 2.2),
        ("attribution, an hour, 3.6e6 spans x 3.6e5 readings x 1000 stages", hour_s, "s", 20.0),
        ("memory that takes, trace and interpreter included", hour_mib, "MiB", 1024.0),
    ]


def kernel(spans: int = 10**7, windows: int = 10**5, stages: int = 50) -> tuple[float, float, float]:
    """Return the time per span of spreading spans over windows, of summing up without keeping, and that one's MiB."""
    rng = np.random.default_rng(0)
    end = np.cumsum(rng.exponential(1.0, spans))
    end *= windows * PERIOD_NS / end[-1]
    start = np.append(0.0, end[:-1])
    stage = rng.integers(0, stages, spans).astype(np.int32)
    segments = Segments(stage, np.zeros(spans, np.int32), start, end)
    edge = np.arange(windows + 1) * float(PERIOD_NS)
    bins = Bins.of(edge[:-1], edge[1:])
    value = np.ones(windows)
    matrix_s = _best_s(lambda: occupancy(segments, bins, stages), 7)
    equations_s = _best_s(lambda: normal_equations(segments, bins, stages, value), 7)
    tracemalloc.start()
    normal_equations(segments, bins, stages, value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return matrix_s / spans * 1e9, equations_s / spans * 1e9, peak / MIB


def large() -> tuple[float]:
    """Return the CPU time that attribution of a large run takes."""
    trace = large_trace()
    return (_best_s(lambda: attribute(trace), 3),)


def hour() -> tuple[float, float]:
    """Return the CPU time of attributing a run of an hour, and the most memory the process ever had, in MiB."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    trace = large_trace(**HOUR)
    spent_s = _best_s(lambda: attribute(trace), 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return spent_s, peak / MIB


def _alone(figures: str, count: int) -> tuple[float, ...]:
    """Return the figures of `kernel`, `hour` or `large` from a process of its own, with linear algebra in one thread.

    So do the commands of energyprof have it: in two threads it takes twice the CPU time and is no faster. Where it
    fails, or would take very long, they are infinite.
    """
    command = [sys.executable, str(Path(__file__).resolve()), f"--{figures}"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment, timeout=MOST_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"{figures}: {error}", file=sys.stderr)
        return (float("inf"),) * count
    return tuple(json.loads(done.stdout))


def large_trace(spans: int = 10**6, readings: int = 10**5, leaves: int = 50, lanes: int = 2) -> Trace:
    """Return a run in which threads repeat a step with ten random leaves under it, CPU times read at every poll."""
    rng = np.random.default_rng(0)
    end_ns = readings * PERIOD_NS
    names = [f"leaf{k}" for k in range(leaves)]
    step = Stage(StageId("step"), "step", ("step",), None)
    stages = (step, *(Stage(StageId(f"step/{name}"), name, ("step", name), 0) for name in names))
    t_ns = np.arange(readings + 1, dtype=np.int64) * PERIOD_NS
    raw = np.cumsum(np.append(0, rng.integers(200_000, 900_000, readings)))
    domain = Domain(DomainId("cpu"), "bench", "sensor", "energy", 1e-6, "cpu", period_ns=PERIOD_NS, baseline_w=15.0)
    ids = np.arange(1, lanes + 1)
    used = [np.cumsum(rng.integers(0, PERIOD_NS, readings)) for _ in ids]
    used.insert(0, np.sum(used, axis=0))
    cpu = ThreadCpu(
        pid=np.ones(len(used) * readings, np.int32),
        tid=np.repeat(np.arange(len(used)), readings).astype(np.int32),
        t_ns=np.tile(t_ns[1:], len(used)),
        cpu_ns=np.concatenate(used),
    )
    none = np.full(lanes, -1, np.int32)
    return Trace(
        run=RunFacts(("bench",), 0, 0, end_ns, 0),
        recorder=RecorderFacts(),
        domains=(domain,),
        readings={domain.id: Readings(t_ns, t_ns, raw, np.zeros(len(raw), np.uint8))},
        stages=stages,
        lanes=Lanes(np.ones(lanes, np.int32), ids.astype(np.int32), ids, np.zeros(lanes, np.uint8), none, none, none),
        spans=_spans(rng, spans // lanes // (LEAVES + 1), lanes, (leaves, end_ns)),
        lane_runs=LaneRuns(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64)),
        cpu=cpu,
        flows=Flows.none(),
    )


def _spans(rng: np.random.Generator, steps: int, lanes: int, limits: tuple[int, int]) -> Spans:
    leaves, end_ns = limits
    width = LEAVES + 1
    shape = (lanes, steps, width)
    cuts = np.cumsum(0.05 + rng.exponential(1.0, (lanes, steps * (width + 1))), axis=1)
    cuts = (cuts * (end_ns / cuts[:, -1:])).astype(np.int64).reshape(lanes, steps, width + 1)
    start, end = cuts[:, :, :width].copy(), cuts[:, :, 1:].copy()
    end[:, :, 0] = cuts[:, :, width]
    stage = rng.integers(1, leaves + 1, shape)
    stage[:, :, 0] = 0
    parent = np.broadcast_to((np.arange(lanes * steps) * width).reshape(lanes, steps, 1), shape).copy()
    parent[:, :, 0] = -1
    return Spans(
        stage=stage.ravel().astype(np.int32),
        lane=np.repeat(np.arange(lanes, dtype=np.int32), steps * width),
        start_ns=start.ravel(),
        end_ns=end.ravel(),
        parent=parent.ravel().astype(np.int32),
        is_open=np.zeros(lanes * steps * width, np.bool_),
    )


def _best_s(call, times):
    spent = []
    for _ in range(times):
        began = time.process_time()
        call()
        spent.append(time.process_time() - began)
    return min(spent)


if __name__ == "__main__":
    if sys.argv[1:] in (["--kernel"], ["--hour"], ["--large"]):
        print(json.dumps({"--kernel": kernel, "--hour": hour, "--large": large}[sys.argv[1]]()))
        sys.exit(0)
    missed = 0
    for what, figure, unit, bound in rows():
        missed += figure > bound
        print(f"{what:62} {figure:8.3g} {unit:8} at most {bound:g}{'' if figure <= bound else '  MISSED'}")
    sys.exit(1 if missed else 0)
