"""A 10 s run on GPUs of known true power: how far the ledger is from the truth, for each kind of NVML sensor.

The GPUs are the stand-in's (tests/standin): the real pynvml, collector and analysis, over a scripted truth. `covered`
compares with what was spent while readings cover, `run` with all of the run; they differ by what flows before the
collector's first reading. A sensor that looks part of the time is held to its stated error of 5 %, all others to 0.5 %.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "standin"))

from nvml_run import run_pipeline
from nvml_world import MS, SECOND, Gpu, NvmlWorld, Sensor

from energyprof.interfaces import SourceContext
from energyprof_plugins.power.nvml import Nvml

POWER_ONLY = {"counter": None, "instant": None, "average": None}
SCALE = 2.0
FULL_TIME_PERCENT, PART_TIME_PERCENT = 0.5, 5.0
MEAN_PERCENT = 1.2
"""Means of 1 s overlap; analysis uses those that stand side by side, and up to one at the end, here 20 J, is left."""
READS = 300
CASES = (
    ("counter, 20 ms", Gpu(name="V100", capability=(7, 0), counter=Sensor(20 * MS, 7 * MS)), 0.1, FULL_TIME_PERCENT),
    ("counter, 100 ms", Gpu(counter=Sensor(100 * MS, 37 * MS, lag_ns=40 * MS)), 0.2, FULL_TIME_PERCENT),
    ("power, 25 of 100 ms", Gpu(counter=None, instant=Sensor(100 * MS, 37 * MS, 25 * MS)), 0.1, PART_TIME_PERCENT),
    (
        "mean of 1 s",
        Gpu(name="RTX 3090", capability=(8, 6), **POWER_ONLY, usage=Sensor(100 * MS, 13 * MS, SECOND)),
        1.2,
        FULL_TIME_PERCENT,
    ),
    (
        "power, 10 of 20 ms",
        Gpu(name="V100", capability=(7, 0), **POWER_ONLY, usage=Sensor(20 * MS, 7 * MS, 10 * MS)),
        0.1,
        FULL_TIME_PERCENT,
    ),
    (
        "first order, 90 ms",
        Gpu(name="M40", capability=(5, 2), **POWER_ONLY, usage=Sensor(20 * MS, 7 * MS, response_ns=90 * MS)),
        0.4,
        FULL_TIME_PERCENT,
    ),
)


def rows() -> list[tuple[str, float, str, float]]:
    """Return what was measured, each figure with its upper bound."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for index, (name, gpu, window_s, bound) in enumerate(CASES):
            outcome = run_pipeline(Path(folder, str(index)), [gpu], window_s=window_s, scale=SCALE)
            covered = 100 * abs(outcome.measured_j / outcome.covered_truth_j - 1)
            whole = 100 * abs(outcome.measured_j / outcome.truth_j - 1)
            found.append((f"nvml: error, {name}, covered", covered, "%", bound))
            found.append((f"nvml: error, {name}, run", whole, "%", max(bound, MEAN_PERCENT * (window_s > 1))))
        found.append(("nvml: CPU time of a read after 10 ms of sleep", _cost_us(Path(folder, "cost")), "us", 250.0))
    return found


def _cost_us(path: Path) -> float:
    NvmlWorld.create(path, [Gpu()]).use_here()
    source = Nvml({})
    source.open(SourceContext(start_ns=time.monotonic_ns(), now_ns=time.monotonic_ns))
    spent = []
    for _ in range(READS):
        time.sleep(0.01)
        before_ns = time.thread_time_ns()
        source.read()
        spent.append((time.thread_time_ns() - before_ns) / 1000)
    source.close()
    return sorted(spent)[READS // 2]
