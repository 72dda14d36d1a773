"""The layers of a recorded model as groups whose names differ in numbers only, for one call of the model."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from energyprof.errors import InputError
from energyprof.footprint.error_factors import NONE, Error
from energyprof.model.report import LayerPhase, LayerRow

BYTES_PER_PARAMETER: Final = 4

Shape = Mapping[str, float]
Amounts = tuple[float, float, float]
"""Operations, bytes of parameters, calls; each for one call of the model."""


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers of a model whose names differ in numbers only, together, for one call of the model."""

    pattern: str
    kind: str
    energy_j: float
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class ShapedRun:
    """A recording of a model of one shape."""

    name: str
    shape: Shape
    groups: tuple[LayerGroup, ...]
    common_error: Error = NONE
    """Relative, below and above: what sensors or models get wrong of all of its joules alike."""

    @property
    def energy_j(self) -> float:
        """Of one call of the model."""
        return math.fsum(group.energy_j for group in self.groups)


def shaped_run(name: str, shape: Shape, layers: Sequence[LayerRow], phase: LayerPhase = "total") -> ShapedRun:
    """Return the layers of a recording's costliest model as groups; raises InputError where it has none that do."""
    forward = {row.layer: row for row in layers if row.phase == "forward"}
    spent = {row.layer: row for row in layers if row.phase == phase}
    root = costliest_model(name, layers)
    members = [row for row in forward.values() if _root_of(row, forward) == root.layer and row.layer in spent]
    unknown = [row.layer for row in members if spent[row.layer].self_sum.energy_j is None]
    if unknown:
        raise InputError(
            f"{name}: the energy of {len(unknown)} layers cannot be told apart ({unknown[0]}); record it with --repeat"
        )
    below: dict[str, list[LayerRow]] = {}
    for row in members:
        below.setdefault(row.parent or "", []).append(row)
    found: dict[str, LayerGroup] = {}
    for row in members:
        pattern = re.sub(r"\d+", "*", row.layer)
        amounts = _amounts(row, below.get(row.layer, []), root.calls)
        energy_j = (spent[row.layer].self_sum.energy_j or 0.0) / root.calls
        before = found.get(pattern)
        if before is not None:
            energy_j += before.energy_j
            amounts = (*map(sum, zip(amounts, before.amounts, strict=True)),)  # type: ignore[assignment]  # still three
        found[pattern] = LayerGroup(pattern, row.module_class, energy_j, amounts)
    return ShapedRun(name, dict(shape), tuple(found.values()))


def costliest_model(name: str, layers: Sequence[LayerRow]) -> LayerRow:
    """Return the forward of the model with the most operations; raises InputError where none was called."""
    roots = [row for row in layers if row.phase == "forward" and row.parent is None and row.calls > 0]
    if not roots:
        raise InputError(f"{name} has no call of a torch module; record one with: energyprof run SCRIPT")
    return max(roots, key=lambda row: row.flops or 0)


def _amounts(row: LayerRow, below: Sequence[LayerRow], calls: int) -> Amounts:
    whole = row.flops or 0
    own = max(0, whole - sum(one.flops or 0 for one in below))
    parameters = max(0, row.parameters - sum(one.parameters for one in below))
    return own / calls, parameters * BYTES_PER_PARAMETER * row.calls / calls, row.calls / calls


def _root_of(row: LayerRow, rows: Mapping[str, LayerRow]) -> str:
    while row.parent is not None and row.parent in rows:
        row = rows[row.parent]
    return row.layer
