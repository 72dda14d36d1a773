"""How amounts and energies of layers grow with a shape: power laws, costs of operations, sizes of inputs of a call."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

SMALL_PART: Final = 0.01
"""Of the energy around it: below it a figure counts by its absolute, above it by its relative miss."""
WORTH_IT: Final = 0.5
"""A size squared is believed in where recordings left out are then missed by no more than this part of what they are
missed by without: beyond the recordings it soon outgrows everything else."""
MANY_DIMENSIONS: Final = 3
"""From which on not every product of some of them is a term of its own."""

Floats = NDArray[np.float64]


def power_law(design: Floats, goal: Floats, column: Floats) -> tuple[float, float]:
    """Return an amount at the target by the power law of the runs, and how far that misses theirs.

    `design` has a row of logarithms for each run, after a 1; `goal` is such a row.
    """
    if not (column > 0).all():
        return 0.0, float((column > 0).any())
    powers, *_ = np.linalg.lstsq(design, np.log(column), rcond=None)
    off = float(np.abs(np.exp(design @ powers - np.log(column)) - 1).max())
    return float(np.exp(goal @ powers)), off


def exponents(design: Floats, column: Floats) -> Floats:
    """Return the power of each dimension in a column above 0."""
    powers, *_ = np.linalg.lstsq(design, np.log(column), rcond=None)
    return np.asarray(powers[1:])


def costs(amounts: Floats, energies_j: Floats, around_j: Floats) -> Floats:
    """Return what one of each amount costs in J, 0 or more; `around_j`: of the whole model of each row."""
    weights = 1 / (np.maximum(energies_j, 0.0) + SMALL_PART * around_j)
    design = amounts * weights[:, None]
    sizes = np.where(design.max(axis=0) > 0, design.max(axis=0), 1.0)
    found, _ = nnls(design / sizes, energies_j * weights)
    return np.asarray(found / sizes)


def one_call_j(sizes: Floats, goal: Floats, energies_j: Floats) -> float:
    """Return the energy of one call at the target: a constant and products of dimensions of its inputs, none below 0.

    `sizes` has a row for each run and a column for each dimension that changes what one call handles. Whether a
    dimension may count twice, as a sequence does in attention, is decided by leaving out each shape in turn.
    """
    if not energies_j.any():
        return 0.0
    once, twice = _once(sizes.shape[1]), _twice(sizes.shape[1])
    shapes = np.unique(sizes, axis=0, return_inverse=True)[1].ravel()
    terms = once
    if shapes.max(initial=0) + 1 > len(once) and twice:
        missed = [_missed(choice, sizes, energies_j, shapes) for choice in (once, once + twice)]
        terms = once + twice if missed[1] < WORTH_IT * missed[0] else once
    return float(_columns(terms, goal[None, :])[0] @ _fitted(terms, sizes, energies_j))


def _once(dimensions: int) -> list[tuple[int, ...]]:
    """Return products of some dimensions, each as often as it says its place."""
    places = range(dimensions)
    lengths = range(dimensions + 1) if dimensions <= MANY_DIMENSIONS else (0, 1, dimensions)
    return [chosen for length in lengths for chosen in combinations(places, length)]


def _twice(dimensions: int) -> list[tuple[int, ...]]:
    return [(*range(dimensions), place) for place in range(dimensions)]


def _columns(terms: Sequence[tuple[int, ...]], sizes: Floats) -> Floats:
    return np.stack([sizes[:, list(term)].prod(axis=1) for term in terms], axis=1)


def _fitted(terms: Sequence[tuple[int, ...]], sizes: Floats, energies_j: Floats) -> Floats:
    return costs(_columns(terms, sizes), energies_j, np.full(len(energies_j), energies_j.max()))


def _missed(terms: Sequence[tuple[int, ...]], sizes: Floats, energies_j: Floats, shapes: NDArray[np.intp]) -> float:
    """Return the mean relative miss of each shape, predicted from the others."""
    off = 0.0
    for shape in range(int(shapes.max()) + 1):
        out = shapes == shape
        predicted = _columns(terms, sizes[out]) @ _fitted(terms, sizes[~out], energies_j[~out])
        off += float(
            (np.abs(predicted - energies_j[out]) / np.maximum(energies_j[out], SMALL_PART * energies_j.max())).mean()
        )
    return off
