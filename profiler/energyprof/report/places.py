"""Where findings are: the whole run, or stages with all below them, and what is spent there."""

from __future__ import annotations

from collections.abc import Sequence

from energyprof.model.finding import Finding
from energyprof.model.ids import StageId
from energyprof.model.report import Report
from energyprof.report.sums import exact_sum


class Places:
    """The places of one run."""

    def __init__(self, report: Report) -> None:
        self._parent = {row.stage: row.parent for row in report.stages}
        self._total_j = {row.stage: row.total_sum.energy_j for row in report.stages}
        self._waits = report.waits
        self._run_j = report.measured.energy_j

    def most_j(self, found: Finding) -> float | None:
        """Return the most that can be saved at a finding's offenders; None: nothing is known of the run's energy.

        All they spend, what devices draw while they keep them waiting (which is in no stage), never more than the run.
        """
        tops = self.tops(found.offenders)
        spent_j = self.energy_j(tops)
        if spent_j is None or self._run_j is None or not tops:
            return self._run_j
        waited = [wait.energy_j for wait in self._waits if self.is_within(wait.stage, set(tops))]
        return min(spent_j + exact_sum(waited), max(self._run_j, 0.0))

    def tops(self, stages: Sequence[StageId]) -> tuple[StageId, ...]:
        """Return those of the stages that stand in none of the others."""
        all_stages = set(stages)
        return tuple(
            stage for stage in dict.fromkeys(stages) if not self.is_within(self._parent.get(stage), all_stages)
        )

    def is_within(self, stage: StageId | None, outer: set[StageId]) -> bool:
        """Return whether a stage is one of the outer ones, or stands in one."""
        while stage is not None and stage not in outer:
            stage = self._parent.get(stage)
        return stage is not None

    def energy_j(self, tops: Sequence[StageId]) -> float | None:
        """Return the energy of a place, without any stage that of the run; None: of a part of it that is not known."""
        if not tops:
            return self._run_j
        found = [self._total_j.get(stage) for stage in tops]
        known = [max(energy_j, 0.0) for energy_j in found if energy_j is not None]
        return exact_sum(known) if len(known) == len(found) else None
