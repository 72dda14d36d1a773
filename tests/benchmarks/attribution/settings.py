"""What is simulated: every workload on every sensor, and some of them under harder conditions; one run of each."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from naive import Polled, energies_j
from score import Case, Score, score
from sensors import CALM, LATE, SENSORS, Polling, measure
from traced import ORIGIN_NS, Stamping, traced, tree_of
from workloads import WORKLOADS, make

from energyprof.attribute import attribute
from energyprof.attribute.updates import recover
from energyprof.collect.pace import interval_ns

MAX_HZ = 100.0
"""How often the collector polls at most, unless told otherwise."""


EXACT = Stamping()


@dataclass(frozen=True, slots=True)
class Condition:
    """What makes a run harder than usual."""

    polling: Polling = CALM
    stamping: Stamping = EXACT
    paced: bool = False
    """Polled as rarely as the collector does, not as often as 4 or 10 ms."""


CONDITIONS = {
    "": Condition(),
    "late": Condition(polling=LATE),
    "paced": Condition(paced=True),
    "stamps": Condition(stamping=Stamping(error_ns=50_000)),
    "offset": Condition(stamping=Stamping(offset_ns=1_000_000)),
}
MAIN_SENSORS = ("ctr20", "ctr100", "ctr100_lag", "rapl", "v100", "part25", "box1s", "lag100")
HARDER = (
    *(("short", sensor) for sensor in ("ctr100_rc5", "rc5")),
    *(("serving", sensor) for sensor in ("ctr100_rc5", "rc5")),
    ("amplify", "rc5"),
    *(("short+late", sensor) for sensor in ("ctr100", "rapl", "v100", "part25")),
    *(("short+paced", sensor) for sensor in ("ctr100", "v100", "part25")),
    *(("short+stamps", sensor) for sensor in ("ctr100", "part25")),
    ("short+offset", "rapl"),
    *((case, "ctr100_stray") for case in ("short", "serving")),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One cell of the table: `case` is a workload, or a workload and a condition (`short+late`)."""

    case: str
    sensor: str

    def __str__(self) -> str:
        return f"{self.case}/{self.sensor}"

    def parts(self) -> tuple[str, str]:
        """Return workload and condition; raises KeyError where one does not exist."""
        workload, _, condition = self.case.partition("+")
        if workload not in WORKLOADS or condition not in CONDITIONS or self.sensor not in SENSORS:
            raise KeyError(
                f"no cell {self}; workloads: {', '.join(WORKLOADS)}; conditions after +: "
                f"{', '.join(filter(None, CONDITIONS))}; sensors: {', '.join(SENSORS)}"
            )
        return workload, condition


def settings(cases: list[str], sensors: list[str]) -> list[Setting]:
    """Return the cells asked for; none named: all there are."""
    table = [(case, sensor) for case in WORKLOADS for sensor in MAIN_SENSORS] + list(HARDER)
    if cases and sensors:  # any combination may be asked for by name
        return [Setting(case, sensor) for case in cases for sensor in sensors]
    return [Setting(*cell) for cell in table if (not cases or cell[0] in cases) and (not sensors or cell[1] in sensors)]


def run(setting: Setting, seed: int, run_s: float = 60.0) -> Score:
    """Simulate one run, attribute it, let the peers' methods do it too, and compare all with the truth."""
    workload, name = setting.parts()
    condition, sensor = CONDITIONS[name], SENSORS[setting.sensor]
    if condition.paced:
        sensor = replace(sensor, poll_ns=interval_ns(sensor.period_ns, MAX_HZ))
    truth = make(workload, seed, run_s)
    tree = tree_of(truth.paths)
    measured = measure(sensor, truth, seed * 17 + 3, condition.polling, ORIGIN_NS)
    trace = traced(truth, tree, sensor, measured.readings, condition.stamping, seed)
    began = time.process_time()
    found = attribute(trace).domains[0]
    fit_s = time.process_time() - began
    peers = energies_j(truth, Polled.of(sensor, measured.readings, ORIGIN_NS))
    windows = recover(trace.domains[0], measured.readings, trace.run.start_ns, trace.run.end_ns).run
    covered_ns, late_ns = (windows.start_ns, windows.end_ns), sum(sensor.known_lag_ns) / 2 - measured.lag_ns
    return score(Case(truth, tree, found, covered_ns, late_ns, measured.lag_ns, fit_s), peers)
