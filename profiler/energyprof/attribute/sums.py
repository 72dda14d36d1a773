"""Sums by index: what numpy's `bincount` does with weights, and the same for very many keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from energyprof.model.span import Floats, Ints


def sum_by(index: NDArray[np.integer], amount: Floats, count: int) -> Floats:
    """Return for each of 0 .. count-1 the sum of the amounts with this index."""
    return np.bincount(index, amount, count).astype(np.float64, copy=False)


def sum_by_sorting(key: Ints, amount: Floats) -> tuple[Ints, Floats]:
    """Return the distinct keys, ascending, with the sums of their amounts where positive; keys may be very large."""
    if not len(key):
        return key, amount
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    total = np.add.reduceat(amount[order], first)
    return key[first][total > 0], total[total > 0]
