"""The lanes of all processes of a run: one row each, handed on when new or when more has become known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from energyprof.model.recording import LaneRow
from energyprof.model.span import LANE_KINDS


class LaneTable:
    """Lanes as first seen, indices counting up from 0 over the whole run."""

    def __init__(self) -> None:
        self._rows: list[LaneRow] = []
        self._fresh: dict[int, None] = {}

    def add(self, pid: int, number: int, kind: str) -> int:
        """Return the index of a new lane of which only this is known yet."""
        index = len(self._rows)
        self._rows.append(LaneRow(index, pid, number, 0, LANE_KINDS.index(kind), ""))
        self._fresh[index] = None
        return index

    def describe(self, index: int, pid: int, tid: int, kind: str, name: str) -> None:
        """Complete a lane with what its process announced."""
        self._rows[index] = replace(self._rows[index], pid=pid, tid=tid, kind=LANE_KINDS.index(kind), name=name)
        self._fresh[index] = None

    def place(self, index: int, host: int) -> None:
        """Note that a lane runs in the thread whose own lane is `host`."""
        self._rows[index] = replace(self._rows[index], host=host)
        self._fresh[index] = None

    def is_placed(self, index: int) -> bool:
        """Tell whether the thread of a lane is known."""
        return self._rows[index].host >= 0

    def go_on(self, rows: Iterable[LaneRow]) -> None:
        """Take up with lanes that have been handed on before, row = index."""
        self._rows = list(rows)

    def take_fresh(self) -> list[LaneRow]:
        """Return the lanes that are new or changed since the last call."""
        fresh = [self._rows[index] for index in sorted(self._fresh)]
        self._fresh.clear()
        return fresh
