"""What the program told of its work, beside the joules that this took."""

from __future__ import annotations

import math

from energyprof.model.report import SumRow
from energyprof.model.told import Told
from energyprof.model.work_rows import BoundedJ, MetricRow, UnitRow


def unit_rows(told: Told, measured: SumRow, wall_s: float) -> tuple[UnitRow, ...]:
    """Return what each unit of work took of all that was measured; a recording may hold a count beyond all numbers."""
    return tuple(
        UnitRow(
            name=unit.name,
            count=unit.count,
            per_s=unit.count / wall_s if wall_s > 0 else None,
            provenance=measured.provenance,
            per_unit=_per_unit(measured, unit.count),
        )
        for unit in told.units
        if math.isfinite(unit.count)
    )


def metric_rows(told: Told, start_ns: int) -> tuple[MetricRow, ...]:
    """Return what was told last of each metric; `start_ns` is that of the run."""
    return tuple(
        MetricRow(metric.name, metric.value, (metric.t_ns - start_ns) / 1e9, metric.times) for metric in told.metrics
    )


def _per_unit(measured: SumRow, count: float) -> BoundedJ | None:
    if measured.energy_j is None or count <= 0:
        return None
    low_j = measured.energy_j if measured.low_j is None else measured.low_j
    high_j = measured.energy_j if measured.high_j is None else measured.high_j
    return BoundedJ(measured.energy_j / count, low_j / count, high_j / count)
