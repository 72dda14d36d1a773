"""Sums by index: what numpy's `bincount` does with weights, and the same piece by piece and for very many keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from energyprof.model.span import Floats, Ints

_SPARE_CELLS = 1 << 16


def sum_by(index: NDArray[np.integer], amount: Floats, count: int) -> Floats:
    """Return for each of 0 .. count-1 the sum of the amounts with this index."""
    return np.bincount(index, amount, count).astype(np.float64, copy=False)


class SumsByKey:
    """Amounts added up by key, 0 <= key < keys: in one table, or by sorting where a table would be mostly empty."""

    def __init__(self, keys: int, amounts: int) -> None:
        """Expect about `amounts` of them."""
        self._table = np.zeros(keys) if keys <= 8 * amounts + _SPARE_CELLS else None
        self._key: list[Ints] = [np.zeros(0, np.int64)]
        self._amount: list[Floats] = [np.zeros(0)]

    def add(self, key: Ints, amount: Floats, first: int, keys: int) -> None:
        """Add amounts whose keys are counted from `first` on and stay below first + keys."""
        if self._table is not None and keys <= 4 * len(key) + _SPARE_CELLS:
            self._table[first : first + keys] += sum_by(key, amount, keys)
        else:
            self._key.append(key + first)
            self._amount.append(amount)

    def found(self) -> tuple[Ints, Floats]:
        """Return the distinct keys, ascending, with the sums of their amounts where positive."""
        key, amount = np.concatenate(self._key), np.concatenate(self._amount)
        if self._table is not None:
            if len(key):
                self._table += sum_by(key, amount, len(self._table))
            held = np.flatnonzero(self._table > 0).astype(np.int64, copy=False)
            return held, self._table[held]
        if not len(key):
            return key, amount
        order = np.argsort(key, kind="stable")
        key = key[order]
        first = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        total = np.add.reduceat(amount[order], first)
        return key[first][total > 0], total[total > 0]
