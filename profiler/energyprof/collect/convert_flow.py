"""Data flow: from what stages gave and received to sums per pair of stages, in bounded memory.

An object is *given* by one stage and *received* by others. A stage inside one that has received the object already is
part of that: it is not counted apart, nor is what a stage receives inside the one that gives. What a stage receives
again is counted, too: it may do the same work twice.

A number may be met before the event that gives it, which another thread wrote: it waits until the next piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from energyprof.collect.convert_spans import Handled
from energyprof.model.events import GIVE, LIKE, PASS, SIZE, TAKE
from energyprof.model.span import Ints
from energyprof.model.tally import FLOWS, GIVEN, WIDTH, Tally

KNOWN_LIMIT = 131_072
"""Objects known at a time, per process: twice what the recorder knows."""
WAITING_LIMIT = 10_000
LANES_PER_PAIR = 32
"""So many pairs of lanes are told apart per pair of stages; what comes on others counts to the first one."""

FIRST_NUMBER = -1_000_000_000
"""Of tallies; they count down from here, far below what others count."""

Place = tuple[int, int]
"""Lane as stored, and lane-relative stage."""
ANYWHERE: Place = (-1, -1)
"""Stands for the place that hands on an object which is certainly the same."""


class _Given:
    """One object."""

    __slots__ = ("is_used", "nbytes", "place", "takers")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.nbytes = 0
        self.is_used = False
        self.takers: tuple[Place, ...] = ()


class FlowSums:
    """The flow of all processes; `parent` returns the stage around a lane-relative one, -1: none."""

    def __init__(self, parent: Callable[[int], int]) -> None:
        self._parent = parent
        self._known: dict[str, dict[int, _Given]] = {}
        """By process (its spool) and number."""
        self._waiting: dict[str, list[tuple[int, Place]]] = {}
        self._parents: dict[str, str] = {}
        self._edges: dict[tuple[int, int, int, int], list[int]] = {}
        self._lanes: dict[Place, list[Place]] = {}
        """By pair of stages the pairs of lanes."""
        self._given: dict[Place, list[int]] = {}
        self._is_changed = False
        self._session = 0

    def take(self, spool: str, parent_spool: str | None, handled: Handled, stored: Callable[[int], int]) -> None:
        """Count what stages did with objects; `stored` gives the lane under which one is stored."""
        waiting = self._waiting.pop(spool, ())
        if not len(handled.code) and not waiting:
            return
        known = self._known.setdefault(spool, {})
        received = self._read(handled, known, stored)
        self._settle(spool, waiting, received, (known, self._known.get(parent_spool or "", {})))
        self._parents[spool] = parent_spool or ""
        for child in [one for one in self._waiting if self._parents.get(one) == spool]:  # it may have been read first
            self._settle(child, (), self._waiting.pop(child), (self._known.get(child, {}), known))
        for number in list(known)[: max(0, len(known) - KNOWN_LIMIT)]:
            del known[number]
        self._is_changed = True

    def _read(
        self, handled: Handled, known: dict[int, _Given], stored: Callable[[int], int]
    ) -> list[tuple[int, Place]]:
        """Take note of what was given; return what was received, and by its negative number what was handed on."""
        received: list[tuple[int, Place]] = []
        latest: _Given | None = None
        rows = zip(handled.lane.tolist(), handled.stage.tolist(), handled.code.tolist(), strict=True)
        for lane, stage, code in rows:
            if code >= SIZE:
                if latest is not None:
                    latest.nbytes = code - SIZE
            elif code >= LIKE:
                received.append((-(code - LIKE), (stored(lane), stage)))
            elif code >= PASS:
                received.append((-(code - PASS), ANYWHERE))
            elif code >= TAKE:
                received.append((code - TAKE, (stored(lane), stage)))
            elif stage >= 0:
                place = stored(lane), stage
                latest = known[code - GIVE] = _Given(place)
                self._sums(place)[0] += 1
            else:
                latest = None  # it was given outside any stage
        return received

    def _settle(
        self,
        spool: str,
        waiting: Sequence[tuple[int, Place]],
        received: Sequence[tuple[int, Place]],
        known: tuple[dict[int, _Given], ...],
    ) -> None:
        """Count what has waited and what has come; what is not known waits until the next piece, once."""
        left = []
        for place_in_line, (number, place) in enumerate((*waiting, *received)):
            given = next((objects[abs(number)] for objects in known if abs(number) in objects), None)
            if given is None:
                left += [(number, place)] if place_in_line >= len(waiting) else []
            elif number < 0:
                if place == ANYWHERE or self._is_around(place, given.place):
                    self._use(given)
            elif place[1] >= 0:
                self._receive(given, place)
        if left:
            self._waiting[spool] = left[:WAITING_LIMIT]

    def forget(self, spool: str) -> None:
        """Forget the objects of a process that ended."""
        self._known.pop(spool, None)
        self._waiting.pop(spool, None)
        self._parents.pop(spool, None)

    def tallies(self) -> dict[int, Tally]:
        """Return all sums so far as tallies by number, if they have changed; see `FIRST_NUMBER`."""
        if not self._is_changed:
            return {}
        self._is_changed = False
        first = FIRST_NUMBER - 2 * self._session
        edges, given = _columns(self._edges, FLOWS), _columns(self._given, GIVEN)
        return {first: Tally(FLOWS, 0, 0, edges), first - 1: Tally(GIVEN, 0, 0, given)}

    def state(self) -> dict[str, Any]:
        """Return what it takes to go on beside the tallies taken so far."""
        return {"session": self._session}

    def go_on(self, state: dict[str, Any]) -> None:
        """Go on; objects on their way are forgotten."""
        self._session = state["session"] + 1

    def _use(self, given: _Given) -> None:
        if not given.is_used:
            given.is_used = True
            self._sums(given.place)[1] += 1

    def _is_around(self, place: Place, other: Place) -> bool:
        """Return whether a stage is one around another: what it returns that looks alike came from there."""
        around = self._parent(other[1]) if place[0] == other[0] else -1
        while around >= 0 and around != place[1]:
            around = self._parent(around)
        return around >= 0

    def _receive(self, given: _Given, place: Place) -> None:
        self._use(given)
        lane, stage = place
        if place in given.takers:
            self._sums(place)[2] += 1
        else:
            # Inside what gave it, or has received it, it is no flow of its own.
            around = stage
            while around >= 0:
                if (lane, around) == given.place or (lane, around) in given.takers:
                    return
                around = self._parent(around)
            given.takers = (*given.takers[-7:], place)
        edge = self._edge(given.place, place)
        edge[0] += 1
        edge[1] += given.nbytes

    def _sums(self, place: Place) -> list[int]:
        return self._given.setdefault(place, [0, 0, 0])

    def _edge(self, source: Place, target: Place) -> list[int]:
        lanes = self._lanes.setdefault((source[1], target[1]), [])
        pair = (source[0], target[0])
        if pair not in lanes:
            if len(lanes) < LANES_PER_PAIR:
                lanes.append(pair)
            else:
                pair = lanes[0]
        return self._edges.setdefault((pair[0], source[1], pair[1], target[1]), [0, 0])


def _columns(rows: dict[Any, list[int]], kind: int) -> tuple[Ints, ...]:
    table = np.array([(*key, *sums) for key, sums in rows.items()], np.int64).reshape(-1, WIDTH[kind])
    return tuple(column.copy() for column in table.T)
