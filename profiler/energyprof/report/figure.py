"""A figure of one run with its interval, what all figures of its sensor or model get wrong alike kept apart.

A model's rows reach from `least * (1 - below)` to `most * (1 + above)`, its common error multiplied in; a sensor's rows
are without. Between two runs that one model or sensor of one machine has read, the common error cancels in the ratio;
against a limit in joules it counts. Bounds of several domains are added, as everywhere: never too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from energyprof.model.domain import Provenance
from energyprof.model.ids import DomainId
from energyprof.model.report import EnergyRow, LayerRow, Report, StageRow, SumRow
from energyprof.report.layers import MODULE_CLASS

MODELLED = "estimated (model)"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; None: not known, its bounds may be."""

    value: float | None
    low: float | None = None
    """None in both bounds: nothing tells how sure it is. Without the common error."""
    high: float | None = None
    below: float = 0.0
    """The common error relative to the bounds, 0 or more."""
    above: float = 0.0
    provenance: Provenance = "measured"

    def each(self, count: float | None) -> Figure:
        """Return the figure for each of so many; of none, or an unknown number, it is not known."""
        if not count or count < 0:
            return replace(self, value=None, low=None, high=None)
        value, low, high = (None if one is None else one / count for one in (self.value, self.low, self.high))
        return replace(self, value=value, low=low, high=high)

    def whole(self) -> tuple[float | None, float | None]:
        """Return the bounds with the common error."""
        low = None if self.low is None else max(self.low, 0.0) * (1 - min(self.below, 1.0))
        return low, None if self.high is None else self.high * (1 + self.above)


class Figures:
    """The figures of one run."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._domains = {row.domain: row for row in report.domains if row.counts}
        self._of_layer: dict[str, list[StageRow]] = {}
        for row in report.stages:
            if MODULE_CLASS in row.facts:
                self._of_layer.setdefault(row.name, []).append(row)

    def measured(self) -> Figure:
        """Return that of the whole run: what a sensor or model gets wrong of it is wrong of all of it alike."""
        row = self.report.measured
        value = row.energy_j
        if value is None or row.low_j is None or row.high_j is None:
            return Figure(value, provenance=row.provenance)
        below, above = (1 - row.low_j / value, row.high_j / value - 1) if value > 0 else (0.0, 0.0)
        return Figure(value, value, value, below, above, row.provenance)

    def per_sample(self) -> Figure:
        """Return that of a sample of the loop."""
        steps = self.report.steps
        one = None if steps is None else steps.per_sample
        if steps is None or one is None:
            return Figure(None, provenance=self.report.measured.provenance)
        whole = self.measured()
        low, high = one.low_j / (1 - whole.below) if whole.below < 1 else 0.0, one.high_j / (1 + whole.above)
        low, high = min(low, one.energy_j), max(high, one.energy_j)
        return Figure(one.energy_j, low, high, whole.below, whole.above, steps.provenance)

    def stage(self, row: StageRow, *, is_own: bool = False) -> Figure:
        """Return that of a stage with all below it, or its own."""
        return self._sum(row.self_sum if is_own else row.total_sum, row.self_energy if is_own else row.total_energy)

    def layer(self, row: LayerRow, *, is_own: bool = False) -> Figure:
        """Return that of a layer in all of its phases: the sum of its stages."""
        stages = self._of_layer.get(row.layer, [])
        parts = [part for one in stages for part in (one.self_energy if is_own else one.total_energy)]
        return self._sum(row.self_sum if is_own else row.total_sum, parts)

    def _sum(self, row: SumRow, parts: Iterable[EnergyRow]) -> Figure:
        counted = [part for part in parts if part.domain in self._domains]
        if row.low_j is None or row.high_j is None:
            return Figure(row.energy_j, provenance=row.provenance)
        apart, whole = zip(*map(self._bounds, counted), strict=True) if counted else ((), ())
        low, high = _added(apart) if counted else (row.low_j, row.high_j)
        least, most = _added(whole) if counted else (row.low_j, row.high_j)
        below, above = (1 - least / low if low > 0 else 0.0), (most / high - 1 if high > 0 else 0.0)
        if row.energy_j is not None:  # rounded apart, a bound may cross the figure by a microjoule
            low, high = min(low, row.energy_j), max(high, row.energy_j)
        return Figure(row.energy_j, low, high, max(below, 0.0), max(above, 0.0), row.provenance)

    def _bounds(self, part: EnergyRow) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the bounds of one domain's part without and with the common error of the domain."""
        low, high = part.low_j or 0.0, part.high_j or 0.0
        below, above = self._error_of(part.domain)
        if self._domains[part.domain].provenance != MODELLED:
            return (low, high), (low * (1 - below), high * (1 + above))
        return (low / (1 - below) if below < 1 else 0.0, high / (1 + above)), (low, high)

    def _error_of(self, domain: DomainId) -> tuple[float, float]:
        below, above = self._domains[domain].gain_error
        return min(below, 1.0), above


def _added(bounds: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(low for low, _ in bounds), sum(high for _, high in bounds)
