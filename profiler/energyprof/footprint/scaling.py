"""The energy of a larger shape of a model, from recordings of smaller ones of the same family; an estimate.

Layers of one kind (module class) cost energy = a * operations + b * bytes of parameters read + c * calls, with a, b, c
of 0 or more, fitted to the layers of all recordings. How operations, bytes and calls grow with the shape comes from
the recordings, too: layers whose names differ in numbers only are one group, each of whose amounts is a power of
each dimension, such as layers * d_model ** 2. Of layers whose operations nobody has a formula for (norms, activations,
what a module does in functions, attention among them) a call costs a constant and what grows with its inputs.

The error is found by fitting the smaller shapes only and predicting every larger one, wherever one can part them. All
recordings of a shape are left out together. Bounds are the worst of those misses; where the target is more times as
large as the farthest prediction tested, they are widened as the logarithms of the two factors are to each other. A
target smaller than all recordings is tested the other way round: smaller ones are predicted from larger ones. What
recordings of one shape differ by is added: the machine's speed when the target runs is not that of the recordings.
What the sensor or model gets wrong of all joules alike is in every recording, so that no such test can show it: it is
multiplied in last, as in reports, and the bounds without it are kept for comparisons with other joules of the machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from energyprof.errors import InputError
from energyprof.footprint.error_factors import Error
from energyprof.footprint.growth import Floats, costs, exponents, one_call_j, power_law
from energyprof.footprint.layer_groups import LayerGroup, Shape, ShapedRun
from energyprof.model.range import Range

NOT_A_POWER: Final = 0.05
"""Relative miss of a power law above which it is said not to be one."""
NO_POWER: Final = 0.1
"""Power of a dimension in the number of calls below which it does not change it."""
LONGEST_WIDENING: Final = 3.0
"""Times as far as was tested, in logarithms, up to which bounds are widened; beyond it nothing is known of them."""


class HeldOut(NamedTuple):
    """A shape that was predicted from smaller ones only; for a target below all recordings, from larger ones only."""

    name: str
    """Its first recording."""
    fitted_to: str
    """The largest that was fitted; of larger ones the smallest."""
    factor: float
    """Its energy by that of this one."""
    miss: float
    """Predicted by measured energy, less 1."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a larger shape is expected to take, for one call of the model."""

    energy_j: Range
    """With the common error; no bounds where nothing was held out, or the target is too far away."""
    fit_j: Range
    """Without it: bounds among joules of this machine, which the same sensor or model reads."""
    common_error: Error
    """Relative, below and above: what sensor or model get wrong of all joules alike."""
    by_kind_j: tuple[tuple[str, float], ...]
    """Costliest first."""
    held_out: tuple[HeldOut, ...]
    """Empty: there were too few recordings."""
    factor: float
    """The predicted energy by that of the largest recording, or of the smallest where it is smaller than that."""
    is_smaller: bool
    """Whether it is smaller than every recording."""
    has_bounds: bool
    repeat_spread: float | None
    """Largest by smallest recording of one shape, less 1, where they differ most; None: no shape has two."""
    not_powers: tuple[str, ...]
    """Groups whose amounts are no powers of the shape."""

    @property
    def worst(self) -> HeldOut | None:
        """Return the one that was missed most."""
        return max(self.held_out, key=lambda one: _apart(one.miss), default=None)

    @property
    def tested_factor(self) -> float:
        """Return how many times as large as the largest that was fitted the farthest prediction was; 1: none."""
        return _farthest(self.held_out, is_smaller=self.is_smaller)

    @property
    def is_beyond(self) -> bool:
        """Return whether the target is farther from the recordings than any prediction that was tested."""
        return self.factor < self.tested_factor if self.is_smaller else self.factor > self.tested_factor


def predict(runs: Sequence[ShapedRun], target: Shape) -> Prediction:
    """Return the energy of a shape; raises InputError where the recordings do not say how it grows."""
    by_kind, not_powers = _predicted(runs, target)
    energy_j = math.fsum(by_kind.values())
    shapes = _by_shape(runs)
    is_smaller = energy_j < _mean_j(shapes[0])
    held_out = tuple(_held_out(shapes[::-1] if is_smaller else shapes))
    factor = energy_j / _mean_j(shapes[0] if is_smaller else shapes[-1])
    spread = _repeat_spread(shapes)
    off, has_bounds = _bounds(held_out, factor, spread or 0.0, is_smaller=is_smaller)
    fit_j = Range(energy_j, energy_j / (1 + off), energy_j * (1 + off))
    below, above = (max(errors) for errors in zip(*(run.common_error for run in runs), strict=True))
    return Prediction(
        energy_j=Range(energy_j, fit_j.low * (1 - min(below, 1.0)), fit_j.high * (1 + above)),
        fit_j=fit_j,
        common_error=(below, above),
        by_kind_j=tuple(sorted(by_kind.items(), key=lambda row: -row[1])),
        held_out=held_out,
        factor=factor,
        is_smaller=is_smaller,
        has_bounds=has_bounds,
        repeat_spread=spread,
        not_powers=not_powers,
    )


def _bounds(held_out: Sequence[HeldOut], factor: float, spread: float, *, is_smaller: bool) -> tuple[float, bool]:
    """Return how far off, relative, the figure may be, and whether that is known."""
    tested = _farthest(held_out, is_smaller=is_smaller)
    apart = max((_apart(one.miss) for one in held_out), default=0.0)
    if tested == 1 or factor <= 0:
        return 0.0, False
    farther = max(1.0, math.log(factor) / math.log(tested))
    if farther > LONGEST_WIDENING or not math.isfinite(apart):
        return 0.0, False
    return math.exp(apart * farther + math.log1p(spread)) - 1, True


def _farthest(held_out: Sequence[HeldOut], *, is_smaller: bool) -> float:
    factors = [1.0, *(one.factor for one in held_out)]
    return min(factors) if is_smaller else max(factors)


def _held_out(shapes: Sequence[Sequence[ShapedRun]]) -> list[HeldOut]:
    """Return every shape as predicted from those before it, for every number of them that is enough."""
    found = []
    for cut in range(1, len(shapes)):
        fitted = [run for shape in shapes[:cut] for run in shape]
        for shape in shapes[cut:]:
            measured_j, last_j = _mean_j(shape), _mean_j(shapes[cut - 1])
            if min(measured_j, last_j) <= 0:
                continue
            try:
                energy_j = math.fsum(_predicted(fitted, shape[0].shape)[0].values())
            except InputError:
                continue
            name, last = shape[0].name, shapes[cut - 1][0].name
            found.append(HeldOut(name, last, measured_j / last_j, energy_j / measured_j - 1))
    return found


def _by_shape(runs: Sequence[ShapedRun]) -> list[list[ShapedRun]]:
    """Return the recordings of each shape, that of least energy first."""
    found: dict[tuple[tuple[str, float], ...], list[ShapedRun]] = {}
    for run in runs:
        found.setdefault(tuple(sorted(run.shape.items())), []).append(run)
    return sorted(found.values(), key=_mean_j)


def _mean_j(runs: Sequence[ShapedRun]) -> float:
    return math.fsum(run.energy_j for run in runs) / len(runs)


def _repeat_spread(shapes: Sequence[Sequence[ShapedRun]]) -> float | None:
    energies = [sorted(run.energy_j for run in shape) for shape in shapes if len(shape) > 1]
    return max((one[-1] / one[0] - 1 for one in energies if one[0] > 0), default=None)


def _apart(miss: float) -> float:
    """Return how far a prediction is from what was measured, up or down, as a logarithm."""
    return abs(math.log1p(miss)) if miss > -1 else math.inf


def _predicted(runs: Sequence[ShapedRun], target: Shape) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the energy of each kind, and the groups that are no powers of the shape."""
    design, goal = _dimensions(runs, target)
    patterns = _same_family(runs)
    sizes, largest = np.exp(design[:, 1:]), np.exp(goal[1:])
    cost = {kind: _costs(runs, kind) for kind in {g.kind for run in runs for g in run.groups if g.amounts[0] > 0}}
    by_kind: dict[str, float] = dict.fromkeys((group.kind for run in runs for group in run.groups), 0.0)
    not_powers = []
    for pattern, groups in patterns.items():
        if not all(group.amounts[0] > 0 for group in groups):
            calls = np.array([group.amounts[2] for group in groups])
            energies = np.array([max(group.energy_j, 0.0) for group in groups])
            if (calls > 0).all():
                of_inputs = np.abs(exponents(design, calls)) < NO_POWER
                each_j = one_call_j(sizes[:, of_inputs], largest[of_inputs], energies / calls)
                by_kind[groups[0].kind] += each_j * power_law(design, goal, calls)[0]
            continue
        amounts = np.array([group.amounts for group in groups])
        grown = []
        for column in amounts.T:
            value, off = power_law(design, goal, column)
            grown.append(value)
            if off > NOT_A_POWER and pattern not in not_powers:
                not_powers.append(pattern)
        by_kind[groups[0].kind] += float(cost[groups[0].kind] @ np.array(grown))
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


def _costs(runs: Sequence[ShapedRun], kind: str) -> Floats:
    """Return the joules of an operation, of a byte and of a call of one kind of layer."""
    rows = [
        (group, run.energy_j) for run in runs for group in run.groups if group.kind == kind and group.amounts[0] > 0
    ]
    return costs(
        np.array([group.amounts for group, _ in rows]),
        np.array([group.energy_j for group, _ in rows]),
        np.array([around_j for _, around_j in rows]),
    )
