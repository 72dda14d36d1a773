"""What makes a box hot, by the metric that the reader chose; the steps of the scale are those of shares, always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from energyprof.model.report import StageRow
from energyprof_plugins.exporters.diagram.fold import Box, Folded, Rest
from energyprof_plugins.exporters.diagram.wishes import Metric
from energyprof_plugins.exporters.figures import joules, joules_with_bounds, percent, seconds

SCALES: Final[Mapping[Metric, str]] = {
    "self": "self share of stage energy",
    "total": "total share of stage energy",
    "embodied": "embodied share of stage energy (further in: total)",
    "time": "self share of all stage time",
    "per-call": "total of one call, relative to the costliest drawn",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric over all that is drawn."""

    metric: Metric
    stages_uj: int
    self_s: float
    """Own time of all stages, as for the metric `time`."""
    costliest_j: float
    """The most that one call of a drawn box costs."""

    @staticmethod
    def of(folded: Folded, metric: Metric) -> Measure:
        """Return what shares are shares of."""
        self_s = costliest_j = 0.0
        if metric == "time":
            self_s = sum(row.self_wall_s for row in folded.report.stages)
        if metric == "per-call":
            drawn = map(folded.box, folded.shown)
            costliest_j = max((per_call_j(box.rows, box.total.energy_j) or 0.0 for box in drawn), default=0.0)
        return Measure(metric, folded.stages_uj, self_s, costliest_j)

    def share(self, box: Box) -> float:
        """Return how hot a box is, 0..1."""
        if self.metric == "time":
            return _part(sum(row.self_wall_s for row in box.rows), self.self_s)
        if self.metric == "per-call":
            return _part(per_call_j(box.rows, box.total.energy_j) or 0.0, self.costliest_j)
        if self.metric == "self":
            return _part(box.own.energy_uj, self.stages_uj)
        embodied_j = _embodied_j(box)
        energy_uj = box.group.rank_uj
        return _part(
            round(embodied_j * 1e6) if self.metric == "embodied" and embodied_j is not None else energy_uj,
            self.stages_uj,
        )

    def share_of_rest(self, rest: Rest, rows: Sequence[StageRow]) -> float:
        """Return how hot a remainder is, 0..1."""
        members = [rows[member] for member in rest.members]
        if self.metric == "time":
            return _part(sum(row.self_wall_s for row in members), self.self_s)
        if self.metric == "per-call":
            each = [per_call_j([row], row.total_sum.energy_j) or 0.0 for row in members]
            return _part(min(max(each, default=0.0), self.costliest_j), self.costliest_j)
        return self.share_of_energy(rest.energy_uj)

    def share_of_energy(self, energy_uj: int) -> float:
        """Return the share of what stands for no single stage, of whose calls and time nothing is said."""
        return _part(energy_uj, self.stages_uj) if self.metric in {"self", "total", "embodied"} else 0.0

    def headline(self, box: Box) -> str | None:
        """Return the line that tells the metric; None: the energies that every box tells are enough."""
        if self.metric == "embodied":
            return _embodied_text(box)
        if self.metric == "time":
            own_s, wall_s = (sum(getattr(row, name) for row in box.rows) for name in ("self_wall_s", "wall_s"))
            share = f" ({percent(_part(own_s, self.self_s))})"
            return (
                f"{seconds(own_s)}{share}" if own_s == wall_s else f"self {seconds(own_s)}{share} of {seconds(wall_s)}"
            )
        if self.metric == "per-call":
            each_j = None if box.total.nothing else per_call_j(box.rows, box.total.energy_j)
            return None if each_j is None else f"{joules(each_j)} a call"
        return None


def per_call_j(rows: Sequence[StageRow], energy_j: float | None) -> float | None:
    """Return the energy of one call with all below it; None: never called, or not known."""
    calls = sum(row.calls for row in rows)
    return None if energy_j is None or not calls else energy_j / calls


def _embodied_j(box: Box) -> float | None:
    known = [row.embodied_j for row in box.rows if row.embodied_j is not None]
    return sum(known) if known and len(known) == len(box.rows) else None


def _embodied_text(box: Box) -> str | None:
    energy_j = _embodied_j(box)
    if energy_j is None:
        return None
    low, high = ([getattr(row, name) for row in box.rows] for name in ("embodied_low_j", "embodied_high_j"))
    if any(bound is None for bound in (*low, *high)):
        return f"embodied {joules(energy_j)}"
    return f"embodied {joules_with_bounds(energy_j, sum(low), sum(high))}"


def _part(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else 0.0
