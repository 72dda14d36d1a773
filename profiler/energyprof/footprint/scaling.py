"""The energy of a larger shape of a model, from recordings of smaller ones of the same family; an estimate.

Layers of one kind (module class) cost energy = a * operations + b * bytes of parameters read + c * calls, with a, b, c
of 0 or more, fitted to the layers of all recordings. How operations, bytes and calls grow with the shape comes from
the recordings, too: layers whose names differ in numbers only are one group, each of whose amounts is a power of
each dimension, such as layers * d_model ** 2. Of layers whose operations nobody has a formula for (norms, activations,
what a module does in functions) the energy itself is taken to be such a power.

The error is found by leaving out the largest recording, predicting it from the others, and looking at the miss.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from energyprof.errors import InputError
from energyprof.model.range import Range
from energyprof.model.report import LayerPhase, LayerRow

BYTES_PER_PARAMETER: Final = 4
SMALL_PART: Final = 0.01
"""Of a recording's energy: below it a group counts by its absolute, above it by its relative miss."""
NOT_A_POWER: Final = 0.05
"""Relative miss of a power law above which it is said not to be one."""

Floats = NDArray[np.float64]
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

    @property
    def energy_j(self) -> float:
        """Of one call of the model."""
        return math.fsum(group.energy_j for group in self.groups)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a larger shape is expected to take, for one call of the model."""

    energy_j: Range
    """Bounds: as far off as the largest recording was missed; none where `miss` is None."""
    by_kind_j: tuple[tuple[str, float], ...]
    """Costliest first."""
    left_out: str
    """The recording that was left out to find the error; empty: there were too few."""
    miss: float | None
    """Predicted by measured energy of that recording, less 1; None: not found."""
    not_powers: tuple[str, ...]
    """Groups whose amounts are no powers of the shape."""


def shaped_run(name: str, shape: Shape, layers: Sequence[LayerRow], phase: LayerPhase = "total") -> ShapedRun:
    """Return the layers of a recording's costliest model as groups; raises InputError where it has none that do."""
    forward = {row.layer: row for row in layers if row.phase == "forward"}
    spent = {row.layer: row for row in layers if row.phase == phase}
    roots = [row for row in forward.values() if row.parent is None and row.calls > 0]
    if not roots:
        raise InputError(f"{name} has no call of a torch module; record one with: energyprof run SCRIPT")
    root = max(roots, key=lambda row: row.flops or 0)
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


def predict(runs: Sequence[ShapedRun], target: Shape) -> Prediction:
    """Return the energy of a shape; raises InputError where the recordings do not say how it grows."""
    by_kind, not_powers = _predicted(runs, target)
    energy_j = math.fsum(by_kind.values())
    largest = max(runs, key=lambda run: run.energy_j)
    others = [run for run in runs if run is not largest]
    try:
        miss: float | None = math.fsum(_predicted(others, largest.shape)[0].values()) / largest.energy_j - 1
    except (InputError, ZeroDivisionError):
        miss = None
    off = 0.0 if miss is None else abs(miss)
    return Prediction(
        energy_j=Range(energy_j, energy_j / (1 + off), energy_j * (1 + off)),
        by_kind_j=tuple(sorted(by_kind.items(), key=lambda row: -row[1])),
        left_out="" if miss is None else largest.name,
        miss=miss,
        not_powers=not_powers,
    )


def _predicted(runs: Sequence[ShapedRun], target: Shape) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the energy of each kind, and the groups that are no powers of the shape."""
    design, goal = _dimensions(runs, target)
    patterns = _same_family(runs)
    costs = {kind: _costs(runs, kind) for kind in {g.kind for run in runs for g in run.groups if g.amounts[0] > 0}}
    by_kind: dict[str, float] = dict.fromkeys((group.kind for run in runs for group in run.groups), 0.0)
    not_powers = []
    for pattern, groups in patterns.items():
        if not all(group.amounts[0] > 0 for group in groups):
            energies = np.array([max(group.energy_j, 0.0) for group in groups])
            by_kind[groups[0].kind] += _grown(design, goal, energies)[0]
            continue
        amounts = np.array([group.amounts for group in groups])
        grown = []
        for column in amounts.T:
            value, off = _grown(design, goal, column)
            grown.append(value)
            if off > NOT_A_POWER and pattern not in not_powers:
                not_powers.append(pattern)
        by_kind[groups[0].kind] += float(costs[groups[0].kind] @ np.array(grown))
    return by_kind, tuple(not_powers)


def _dimensions(runs: Sequence[ShapedRun], target: Shape) -> tuple[Floats, Floats]:
    """Return the logarithms of the dimensions that change, a row for each run, and those of the target."""
    names = sorted(set(target).union(*(run.shape for run in runs)))
    for run in runs:
        lacking = sorted(set(names) - set(run.shape))
        if lacking:
            raise InputError(f"{run.name} does not say its {lacking[0]}; write {run.name}@{lacking[0]}=N,...")
    goal = {name: target.get(name, runs[-1].shape[name]) for name in names}
    changing = [name for name in names if len({run.shape[name] for run in runs}) > 1]
    for name in names:
        if name not in changing and goal[name] != runs[0].shape[name]:
            raise InputError(f"{name} is {runs[0].shape[name]:g} in all recordings: record one in which it differs")
        if name in target or name not in changing:
            continue
        raise InputError(f"{name} differs among the recordings; say with --scale-to which it is to be")
    design = np.array([[1.0, *(math.log(run.shape[name]) for name in changing)] for run in runs])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise InputError(
            f"{len(runs)} recordings do not tell apart what {' and '.join(changing)} do; "
            "add one in which only one of them differs"
        )
    return design, np.array([1.0, *(math.log(goal[name]) for name in changing)])


def _same_family(runs: Sequence[ShapedRun]) -> dict[str, list[LayerGroup]]:
    found = [{group.pattern: group for group in run.groups} for run in runs]
    for run, groups in zip(runs[1:], found[1:], strict=True):
        odd = sorted(set(groups) ^ set(found[0]))
        if odd:
            raise InputError(f"{run.name} is not of the family of {runs[0].name}: only one has {odd[0]}")
    return {pattern: [groups[pattern] for groups in found] for pattern in found[0]}


def _grown(design: Floats, goal: Floats, column: Floats) -> tuple[float, float]:
    """Return an amount at the target by the power law of the runs, and how far that misses theirs."""
    if not (column > 0).all():
        return 0.0, float((column > 0).any())
    powers, *_ = np.linalg.lstsq(design, np.log(column), rcond=None)
    off = float(np.abs(np.exp(design @ powers - np.log(column)) - 1).max())
    return float(np.exp(goal @ powers)), off


def _costs(runs: Sequence[ShapedRun], kind: str) -> Floats:
    """Return the joules of an operation, of a byte and of a call of one kind of layer."""
    rows, energies = [], []
    for run in runs:
        for group in run.groups:
            if group.kind == kind and group.amounts[0] > 0:
                weight = 1 / (max(group.energy_j, 0.0) + SMALL_PART * run.energy_j)
                rows.append([amount * weight for amount in group.amounts])
                energies.append(group.energy_j * weight)
    design = np.array(rows)
    sizes = np.where(design.max(axis=0) > 0, design.max(axis=0), 1.0)
    found, _ = nnls(design / sizes, np.array(energies))
    return np.asarray(found / sizes)


def _amounts(row: LayerRow, below: Sequence[LayerRow], calls: int) -> Amounts:
    whole = row.flops or 0
    own = max(0, whole - sum(one.flops or 0 for one in below))
    parameters = max(0, row.parameters - sum(one.parameters for one in below))
    return own / calls, parameters * BYTES_PER_PARAMETER * row.calls / calls, row.calls / calls


def _root_of(row: LayerRow, rows: Mapping[str, LayerRow]) -> str:
    while row.parent is not None and row.parent in rows:
        row = rows[row.parent]
    return row.layer
