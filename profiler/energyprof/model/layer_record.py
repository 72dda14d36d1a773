"""A layer as one flat record of a table, for spreadsheets and data frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from energyprof.errors import InputError
from energyprof.model.report import LAYER_PHASES, LayerPhase, LayerRow, SumRow


def flat_layers(rows: Iterable[LayerRow], phase: LayerPhase | None) -> list[dict[str, Any]]:
    """Return the layers of one phase as flat records (None: of all phases); raises InputError for no phase there is."""
    if phase is not None and phase not in LAYER_PHASES:
        raise InputError(f"phase is {phase!r}; choose {', '.join(LAYER_PHASES)}, or None for all of them")
    return [flat_layer(row) for row in rows if phase in {None, row.phase}]


def flat_layer(row: LayerRow) -> dict[str, Any]:
    """Return a layer as one flat record; what is refused or unknown is None."""
    return {
        "layer": row.layer,
        "phase": row.phase,
        "parent": row.parent,
        "depth": row.depth,
        "module_class": row.module_class,
        "calls": row.calls,
        **_flat_sum("self", row.self_sum),
        **_flat_sum("total", row.total_sum),
        "provenance": row.total_sum.provenance,
        "share": row.self_sum.share,
        "per_call_j": row.per_call_j,
        "per_sample_j": row.per_sample_j,
        "mean_power_w": row.mean_power_w,
        "wall_s": row.wall_s,
        "self_wall_s": row.self_wall_s,
        "off_cpu_s": row.off_cpu_s,
        "parameters": row.parameters,
        "flops": row.flops,
        "joules_per_gflop": row.joules_per_gflop,
        "samples": row.samples,
        "tokens": row.tokens,
        "per_token_j": row.per_token_j,
        "folded": row.folded,
    }


def _flat_sum(name: str, figure: SumRow) -> dict[str, float | None]:
    return {f"{name}_j": figure.energy_j, f"{name}_low_j": figure.low_j, f"{name}_high_j": figure.high_j}
