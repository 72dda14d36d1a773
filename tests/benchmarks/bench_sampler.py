"""Sampling beside a machine that is fully busy: how punctual the polls are, and what they cost.

The sampler runs as in the collector, in a process and session of its own, following Python processes (one a core) that
never pause: a sensor that answers at once, polled at 100 Hz, and the CPU clocks of the tree. The late share is the
median of five spans of the run, for somebody else's burst on a shared machine is not ours.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from energyprof.collect.cpu_clock import CpuClock
from energyprof.collect.process_tree import process_tree
from energyprof.collect.sampler import Sampler
from energyprof.interfaces import SourceContext
from energyprof.testing import SECOND, ScriptedSource, SimulatedSensor

SPANS = 5
SPAN_S = 1.6
PARTS_S = 4.0
WARM_UP_S = 2.0
"""A pace is found from the first polls, which cost more than those that follow."""
BURN = "while True: pass"


def rows() -> list[tuple[str, float, str, float]]:
    """Return what was measured, each figure with its upper bound."""
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(os.cpu_count() or 1)]
    try:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
        argv = [sys.executable, "-c", f"import bench_sampler; bench_sampler.sample({os.getpid()})"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, start_new_session=True)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    late_percent, cpu_percent, interval_ms, clock_ms = map(float, done.stdout.split())
    return [
        *(row for parts in (1, 8, 16) for row in rows_of_parts(parts)),
        ("sampler: polls later than 5 ms, all cores busy", late_percent, "%", 1.0),
        ("sampler: CPU time of sampling with CPU clocks", cpu_percent, "% of a core", 1.0),
        (f"sampler: mean time between polls ({1000 / interval_ms:.0f} Hz of 100)", interval_ms, "ms", 30.0),
        ("sampler: mean time between CPU clock rows", clock_ms, "ms", 150.0),
    ]


def rows_of_parts(parts: int) -> list[tuple[str, float, str, float]]:
    """Return what reading a source of so many parts costs, each with a counter of 100 ms."""
    source = Parted(parts)
    sampler = Sampler([(source, source.open(SourceContext()))])
    sampler.start()
    time.sleep(WARM_UP_S)
    before_s, reads = time.process_time(), reads_of(sampler)
    time.sleep(PARTS_S)
    cpu_percent = 100 * (time.process_time() - before_s) / PARTS_S
    calls = (reads_of(sampler) - reads) / PARTS_S
    sampler.stop(timeout_s=5.0)
    return [
        (f"sampler: CPU time of the process, {parts} parts", cpu_percent, "% of a core", 1.0),
        (f"sampler: reads, {parts} parts of 100 ms", calls, "a second", 40.0 * parts),
    ]


def reads_of(sampler: Sampler) -> int:
    """Return how many values all devices together have given so far."""
    return sum(domain.reads for domain in sampler.facts().domains.values())


class Parted(ScriptedSource):
    """A source of several devices."""

    def __init__(self, count: int) -> None:
        start_ns = time.monotonic_ns()
        self._parts = [
            SimulatedSensor(time.monotonic_ns, [(start_ns, 100.0)], domain=f"gpu:{number}", period_ns=SECOND // 10)
            for number in range(count)
        ]
        super().__init__([part.domain for part in self._parts], [], "parted")

    def parts(self) -> list[OnePart]:
        """Return the devices."""
        return [OnePart(sensor) for sensor in self._parts]


class OnePart:
    """One of them."""

    def __init__(self, sensor: SimulatedSensor) -> None:
        self.name = str(sensor.domain.id)
        self.domains = (sensor.domain,)
        self.read = sensor.read


def sample(root_pid: int) -> None:
    """Sample for a while and print the figures; runs in the process that stands for the collector."""
    start_ns = time.monotonic_ns()
    clock = CpuClock(process_tree(root_pid), start_ns=start_ns)
    sensor = SimulatedSensor(time.monotonic_ns, [(start_ns, 100.0)], period_ns=SECOND // 1000)
    sampler = Sampler([(sensor, (sensor.domain,))], start_ns=start_ns, cpu_clock=clock)
    sampler.start()
    late_percent = statistics.median(_late_percent(sampler) for _ in range(SPANS))
    sampler.stop(timeout_s=5.0)
    elapsed_s = (time.monotonic_ns() - start_ns) * 1e-9
    facts = sampler.facts()
    cpu = clock.drain()
    root_rows = int(((cpu.pid == cpu.pid[-1]) & (cpu.tid == 0)).sum())
    (domain,) = facts.domains.values()
    print(
        late_percent,
        100 * facts.cpu_s / elapsed_s,
        1000 / domain.achieved_hz,
        1000 * elapsed_s / root_rows,
    )


def _late_percent(sampler: Sampler) -> float:
    before = sampler.facts()
    time.sleep(SPAN_S)
    after = sampler.facts()
    return 100 * (after.late_polls - before.late_polls) / (after.polls - before.polls)


def main() -> int:
    """Print the figures; return 1 if a bound is missed."""
    figures = rows()
    for what, figure, unit, bound in figures:
        print(f"{what:50s} {figure:8.2f} {unit} (at most {bound:g})")
    return 0 if all(figure <= bound for _, figure, _, bound in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
