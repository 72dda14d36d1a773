"""Most of the energy is idle power, for the program lets the machine wait: what counts is how long it is held.

Idle power alone is no fault: a program that works all the time on one of many processors cannot do without it, nor one
that other programs keep from a processor. What threads worked and what they stood in the run queue, by the time that
went by, tells how much of it not even one of them had anything to do; where a driver tells how long its device worked,
that time is no waiting either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import Report
from energyprof.model.run_queue import RunQueue

LEAST_SHARE: Final = 0.7
"""Of what was measured in all domains whose idle power is known."""
LEAST_WALL_S: Final = 2.0
"""A shorter run is all start and end."""
LEAST_AT_REST: Final = 0.5
"""Of the time that the program works or has nothing to do, the latter; others may keep it from work for any time."""


class StaticEnergy:
    """Find runs whose energy is mostly idle power because they wait; a shorter run saves what flows meanwhile."""

    name = "static_energy"
    summary = "runs that mostly wait, so that most of their energy is idle power (needs Linux)"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding, or nothing: where nobody knows whether others were in the way, too."""
        wall_s, (idle_j, measured_j) = run.report.run.wall_s, _idle_and_measured_j(run.report)
        if wall_s < LEAST_WALL_S or measured_j <= 0 or idle_j < LEAST_SHARE * measured_j or run.run_queue is None:
            return
        at_rest_s, at_work_s, busy_s = *_at_rest_and_work_s(run.run_queue), _busy_device_s(run.report)
        if at_rest_s - busy_s < LEAST_AT_REST * (at_rest_s + at_work_s):
            return
        at_rest_s -= busy_s
        now_j = idle_j * min(at_rest_s / wall_s, 1.0)
        yield Finding(
            rule=self.name,
            offenders=(),
            fault="most of the energy is idle power",
            evidence=f"for {at_rest_s:.3g} s of {wall_s:.3g} s the program had nothing to do; "
            f"{100 * min(idle_j / measured_j, 1.0):.0f} % of {measured_j:.3g} J is idle power",
            remedy="wait less or share the machine: work in parallel, more at once of what it waits for, a smaller "
            "machine; how it waits changes nothing",
            now_j=now_j,
            provenance=run.report.measured.provenance,
            saving_j=(0.0, now_j),
        )


def _at_rest_and_work_s(queue: RunQueue) -> tuple[float, float]:
    """Return how long at least no thread worked or wanted a processor, and how long any worked, at most."""
    rest_ns = work_ns = 0.0
    for one in queue.periods:
        long_ns, part = one.end_ns - one.start_ns, min(one.wanted(), 1.0)
        rest_ns += long_ns * (1 - part)
        work_ns += long_ns * part * one.worked_ns / max(one.worked_ns + one.waited_ns, 1)
    return rest_ns / 1e9, work_ns / 1e9


def _busy_device_s(report: Report) -> float:
    """Return how long the busiest device worked, as its driver tells."""
    told = [row.facts["utilization_ratio"]["mean"] for row in report.domains if "utilization_ratio" in row.facts]
    return min(max(told, default=0.0), 1.0) * report.run.wall_s


def _idle_and_measured_j(report: Report) -> tuple[float, float]:
    baselines_w = {row.domain: row.baseline_w for row in report.domains if row.counts}
    idle_j = measured_j = 0.0
    for line in report.ledger:
        baseline_w = baselines_w.get(line.domain)
        if baseline_w is not None and line.measured_j is not None:
            idle_j += min(baseline_w * line.covered_s, line.measured_j)
            measured_j += line.measured_j
    return idle_j, measured_j
