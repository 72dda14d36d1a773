"""Most of the energy is idle power: what counts is how long the machine is held, not what it works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import Report

LEAST_SHARE: Final = 0.7
"""Of what was measured in all domains whose idle power is known."""
LEAST_WALL_S: Final = 2.0
"""A shorter run is all start and end."""


class StaticEnergy:
    """Find runs whose energy is mostly idle power; a shorter run saves from nothing to all of it."""

    name = "static_energy"
    summary = "runs whose energy is mostly idle power"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding, or nothing."""
        idle_j, measured_j = _idle_and_measured_j(run.report)
        if run.report.run.wall_s < LEAST_WALL_S or measured_j <= 0 or idle_j < LEAST_SHARE * measured_j:
            return
        yield Finding(
            rule=self.name,
            offenders=(),
            fault="most of the energy is idle power",
            evidence=f"{100 * min(idle_j / measured_j, 1.0):.0f} % of {measured_j:.3g} J is idle power times "
            f"{run.report.run.wall_s:.3g} s",
            remedy="be done sooner or share the machine: larger batches, more workers, work in parallel, a smaller "
            "machine; waiting saves nothing",
            now_j=idle_j,
            provenance=run.report.measured.provenance,
            saving_j=(0.0, idle_j),
        )


def _idle_and_measured_j(report: Report) -> tuple[float, float]:
    baselines_w = {row.domain: row.baseline_w for row in report.domains if row.counts}
    idle_j = measured_j = 0.0
    for line in report.ledger:
        baseline_w = baselines_w.get(line.domain)
        if baseline_w is not None and line.measured_j is not None:
            idle_j += min(baseline_w * line.covered_s, line.measured_j)
            measured_j += line.measured_j
    return idle_j, measured_j
