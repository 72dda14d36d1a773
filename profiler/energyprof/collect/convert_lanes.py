"""The lanes of all processes of a run: one row each, handed on when new or when more has become known.

Beyond a limit, lanes of threads, tasks and work items that were created below the same stage of the same lane share a
row, the *pool*: a server makes millions of them. Inside the converter each keeps a number of its own, from `POOLED` on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from energyprof.model.recording import LaneRow
from energyprof.model.span import LANE_KINDS, Index, Ints

POOLED: Final = 1 << 28
POOLS_SHARE: Final = 4
"""There are at most so many times fewer pools than other lanes."""


class LaneTable:
    """Lanes as first seen, indices counting up from 0 over the whole run."""

    def __init__(self, limit: int | None = None) -> None:
        """Keep at most `limit` lanes apart; None: any number."""
        self._limit = limit
        self._rows: list[LaneRow] = []
        self._fresh: dict[int, None] = {}
        self._pools: dict[tuple[int, int, int], int] = {}
        """By creating lane, stage open there and kind."""
        self._pool_of: dict[int, int] = {}
        """Of lanes from POOLED on."""
        self._host_of: dict[int, int] = {}
        """Of lanes from POOLED on whose pool is not known yet."""
        self._next_pooled = POOLED
        self._mains = 0
        """Rows of main threads."""

    def add(self, pid: int, number: int, kind: str, *, is_main: bool = False) -> int:
        """Return the index of a new lane of which only this is known yet.

        Main threads of processes have a limit of their own: where they stand is often told after all they did.
        """
        others = len(self._rows) - len(self._pools) - self._mains
        is_full = self._limit is not None and (self._mains if is_main else others) >= self._limit
        if is_full and kind != "device":  # in a pool nobody would know of which device it is
            self._next_pooled += 1
            return self._next_pooled - 1
        self._mains += is_main
        return self._add_row(LaneRow(len(self._rows), pid, number, 0, LANE_KINDS.index(kind), ""))

    def _add_row(self, row: LaneRow) -> int:
        self._rows.append(row)
        self._fresh[row.index] = None
        return row.index

    def join(self, index: int, creator: int, stage: int, like: tuple[int, str]) -> tuple[int, bool]:
        """Put a lane from POOLED on into the pool of those created in the same place; return it, and whether it is new.

        `like`: pid and kind.
        """
        pid, kind = like
        key = (creator, stage, LANE_KINDS.index(kind))
        pool = self._pools.get(key)
        is_new = pool is None
        if pool is None and creator >= 0 and self._limit is not None and len(self._pools) > self._limit // POOLS_SHARE:
            pool, is_new = creator, False
        elif pool is None:
            pool = self._pools[key] = self._add_row(LaneRow(len(self._rows), pid, 0, 0, key[2], "<others>"))
        self._pool_of[index] = pool
        if index in self._host_of:
            self.place(index, self._host_of.pop(index))
        return pool, is_new

    def rejoin(self, pool: int) -> int:
        """Return a lane from POOLED on that belongs to a pool."""
        self._next_pooled += 1
        self._pool_of[self._next_pooled - 1] = pool
        return self._next_pooled - 1

    def take_up(self, index: int, pool: int) -> None:
        """Take up with a lane from POOLED on that another collector had numbered so."""
        self._pool_of[index] = pool
        self._next_pooled = max(self._next_pooled, index + 1)

    def leave(self, index: int) -> int | None:
        """Forget a lane from POOLED on; return its pool."""
        self._host_of.pop(index, None)
        return self._pool_of.pop(index, None)

    def stored(self, index: int) -> int:
        """Return the lane as which this one is stored; those of whose making nothing is known have a pool, too."""
        if index < POOLED:
            return index
        pool = self._pool_of.get(index)
        return self.join(index, -1, -1, (0, "task"))[0] if pool is None else pool

    def stored_column(self, lane: Index | Ints) -> Index:
        """Return the same of a column."""
        if not len(lane) or int(lane.max()) < POOLED:
            return lane.astype(np.int32)
        distinct, at = np.unique(lane, return_inverse=True)
        return np.array([self.stored(index) for index in distinct.tolist()], np.int32)[at]

    def describe(self, index: int, pid: int, tid: int, kind: str, name: str) -> None:
        """Complete a lane with what its process announced."""
        if index < POOLED:
            self._rows[index] = replace(self._rows[index], pid=pid, tid=tid, kind=LANE_KINDS.index(kind), name=name)
            self._fresh[index] = None

    def place(self, index: int, host: int) -> None:
        """Note that a lane runs in the thread whose own lane is `host`; of a pool the first one counts."""
        if index >= POOLED and index not in self._pool_of:
            self._host_of[index] = host
            return
        index, host = self.stored(index), self.stored(host)
        if self._rows[index].host < 0 and index != host:
            self._rows[index] = replace(self._rows[index], host=host)
            self._fresh[index] = None

    def is_placed(self, index: int) -> bool:
        """Tell whether the thread of a lane is known."""
        return index not in self._host_of and self._rows[self.stored(index)].host >= 0

    def state(self) -> list[Any]:
        """Return the pools, as JSON values."""
        return [(*key, pool) for key, pool in self._pools.items()]

    def go_on(self, rows: Iterable[LaneRow]) -> None:
        """Take up with lanes that have been handed on before, row = index."""
        self._rows = list(rows)

    def go_on_with_pools(self, pools: Iterable[Any]) -> None:
        """Take up with the pools that `state` returned."""
        self._pools = {(creator, stage, kind): pool for creator, stage, kind, pool in pools}

    def take_fresh(self) -> list[LaneRow]:
        """Return the lanes that are new or changed since the last call."""
        fresh = [self._rows[index] for index in sorted(self._fresh)]
        self._fresh.clear()
        return fresh


class PoolRanges:
    """To which pool the lanes of a process belong that have been forgotten: stretches of numbers, few as a rule."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        pairs = sorted(ranges)
        self._first = [first for first, _ in pairs]
        self._pool = [pool for _, pool in pairs]

    def add(self, number: int, pool: int) -> None:
        """Note a lane; what lies between noted numbers counts like the one before."""
        at = bisect_right(self._first, number)
        if at and self._pool[at - 1] == pool:
            return
        self._first.insert(at, number)
        self._pool.insert(at, pool)
        if len(self._first) > RANGES_KEPT:  # the lanes that were made first are the least likely to come again
            del self._first[0], self._pool[0]

    def pool(self, number: int) -> int | None:
        """Return the pool of a lane; None: it was made after all that were noted."""
        at = bisect_right(self._first, number)
        return self._pool[at - 1] if at else None

    def rows(self) -> list[tuple[int, int]]:
        """Return the stretches as (first number, pool)."""
        return list(zip(self._first, self._pool, strict=True))


RANGES_KEPT: Final = 1000
