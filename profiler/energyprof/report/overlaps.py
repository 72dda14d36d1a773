"""Which joules of a finding are those of another one: they can be saved once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from energyprof.model.finding import Finding, Overlap
from energyprof.model.ids import StageId
from energyprof.model.report import Report
from energyprof.report.sums import exact_sum

LEAST_SHARE: Final = 0.005
"""Of what a finding spends, below which printed figures do not tell."""


def with_overlaps(findings: Sequence[Finding], report: Report) -> tuple[Finding, ...]:
    """Return the findings, each with what it shares with every one before it."""
    places = _Places(report)
    return tuple(
        replace(found, overlaps=tuple(_overlaps(found, findings[:place], places)))
        for place, found in enumerate(findings)
    )


def _overlaps(found: Finding, before: Sequence[Finding], places: _Places) -> Iterable[Overlap]:
    for number, other in enumerate(before, 1):
        low_j, high_j = places.shared_j(found, other)
        if high_j > LEAST_SHARE * max(found.now_j or 0.0, 0.0):
            yield Overlap(number, low_j, high_j)


class _Places:
    """Where findings are: the whole run, or stages with all below them."""

    def __init__(self, report: Report) -> None:
        self._parent = {row.stage: row.parent for row in report.stages}
        self._total_j = {row.stage: row.total_sum.energy_j for row in report.stages}
        self._run_j = report.measured.energy_j

    def shared_j(self, one: Finding, other: Finding) -> tuple[float, float]:
        """Return at least and at most what both spend; nothing where they have no stage in common or one is unknown.

        Two parts of one whole share at least what they exceed it by together, at most all of the smaller one.
        """
        is_apart = one.offenders and other.offenders and not self._common(one, other)
        if one.now_j is None or other.now_j is None or is_apart:
            return 0.0, 0.0
        one_j, other_j = max(one.now_j, 0.0), max(other.now_j, 0.0)
        common_j = self._energy_j(self._common(one, other))
        if common_j is None:
            return 0.0, min(one_j, other_j)
        within = [self._least_within_j(found, common_j) for found in (one, other)]
        high_j = min(one_j, other_j, common_j)
        return min(max(sum(within) - common_j, 0.0), high_j), high_j

    def _least_within_j(self, found: Finding, common_j: float) -> float:
        """Return what it must spend in the common place: all that does not fit into the rest of its own."""
        own_j = self._energy_j(self._tops(found.offenders))
        return 0.0 if own_j is None else max(found.now_j or 0.0, 0.0) - max(own_j - common_j, 0.0)

    def _common(self, one: Finding, other: Finding) -> tuple[StageId, ...]:
        """Return the outermost stages that are in both; none: both are about the run as a whole."""
        if not one.offenders or not other.offenders:
            return self._tops(one.offenders or other.offenders)
        pairs = ((one.offenders, other.offenders), (other.offenders, one.offenders))
        return self._tops([stage for inner, outer in pairs for stage in inner if self._is_within(stage, set(outer))])

    def _tops(self, stages: Sequence[StageId]) -> tuple[StageId, ...]:
        all_stages = set(stages)
        return tuple(
            stage for stage in dict.fromkeys(stages) if not self._is_within(self._parent.get(stage), all_stages)
        )

    def _is_within(self, stage: StageId | None, outer: set[StageId]) -> bool:
        while stage is not None and stage not in outer:
            stage = self._parent.get(stage)
        return stage is not None

    def _energy_j(self, tops: Sequence[StageId]) -> float | None:
        """Return the energy of a place; None: of a part of it that is not known."""
        if not tops:
            return self._run_j
        found = [self._total_j.get(stage) for stage in tops]
        known = [max(energy_j, 0.0) for energy_j in found if energy_j is not None]
        return exact_sum(known) if len(known) == len(found) else None
