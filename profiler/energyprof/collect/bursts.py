"""When spans are stored one by one and when only counted, so that a recording never outgrows its bound.

Until half of the bound is used everything is stored. From then on time is cut into periods with one *burst* each, at a
random place of it, in which spans are stored; in the *stretches* between bursts they are counted. A burst may use a
small part of the room that is left, and a period that used more than that makes the next ones twice as long: what a
period needs stays the same whatever its length, so the room is never used up. Edges are made ahead of time and are
moved at most forward in the order of events: what has been decided stays decided.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from energyprof.model.span import Ints

BEGIN_SHARE: Final = 0.5
LEFT_OVER: Final = 1 / 8
"""Part of the bound kept for what must be written at the end."""
PERIOD_PART: Final = 1 / 16
"""Part of the room left from which on a period has used too much, and the next ones are longer."""
BURST_PART: Final = 1 / 8
"""Part of the room left that the spans of one burst may use: few long bursts say more than many short ones."""
LAST_PART: Final = 1 / 64
"""Part of the bound: with less room than that there are no more bursts."""
FIRST_PERIOD_NS: Final = 2_000_000_000
LONGEST_PERIOD_NS: Final = 86_400_000_000_000
BURST_SHARE: Final = 0.25
LONGEST_BURST_NS: Final = 30_000_000_000
SPAN_BYTES: Final = 8
"""A stored span takes 4 to 8 bytes, a run of a coroutine no more."""
NEVER_NS: Final = 1 << 62
KEPT_NS: Final = 600_000_000_000
"""Places that were over so long ago are forgotten; what still comes from there is stored."""

LANE_BYTES: Final = 4096
"""Part of the bound for which one lane is kept apart: one that comes alone takes 400 bytes, more in each stretch."""
FEWEST_LANES, MOST_LANES = 64, 100_000


def lane_limit(limit_bytes: int) -> int | None:
    """Return how many lanes a recording of this bound keeps apart; None: all."""
    return min(max(limit_bytes // LANE_BYTES, FEWEST_LANES), MOST_LANES) if limit_bytes else None


class Bursts:
    """The plan of one recording."""

    def __init__(self, limit_bytes: int, size_bytes: Callable[[], int], seed: int) -> None:
        """Keep the file, of which `size_bytes` tells the size, below `limit_bytes`."""
        self._limit = limit_bytes
        self._size = size_bytes
        self._random = random.Random(seed)
        self._edges: list[int] = []
        """A stretch, a burst, a stretch and so on; the last one goes on until the next edge is made."""
        self._column = np.zeros(0, np.int64)
        self._forgotten = 0
        """Edges that are not kept any more, an even number."""
        self._period_ns = FIRST_PERIOD_NS
        self._period_start_ns = 0
        self._size_before = 0
        self._rows_left = 0
        self._rows_of = -1
        """The place whose rows are being counted down."""
        self.seen_ns = 0
        """The latest time of which anything has been dealt with."""

    @property
    def is_counting(self) -> bool:
        """Whether counting has begun."""
        return bool(self._edges)

    @property
    def limit_bytes(self) -> int:
        """The bound of the recording."""
        return self._limit

    @property
    def period_ns(self) -> int:
        """How long a period lasts at present."""
        return self._period_ns

    def look(self, now_ns: int) -> None:
        """Begin counting if it is time, and make the edges up to `now_ns`."""
        if not self._edges:
            if self._size() < BEGIN_SHARE * self._limit:
                return
            self._begin(self.seen_ns + 1 if self.seen_ns else now_ns)
        if self._edges[-1] <= now_ns:
            self._go_on_until(now_ns)

    def _begin(self, start_ns: int) -> None:
        self._edges = [start_ns]
        self._period_start_ns = start_ns
        self._size_before = self._size()
        self._go_on_until(start_ns)

    def _go_on_until(self, now_ns: int) -> None:
        while len(self._edges) < 2 or self._edges[-1] <= now_ns:
            self._plan()
        old = bisect_right(self._edges, now_ns - KEPT_NS) // 2 * 2
        if old > 2:
            del self._edges[:old]
            self._forgotten += old
        self._column = np.array(self._edges, np.int64)

    def _plan(self) -> None:
        """Add the burst of the next period."""
        size = self._size()
        room = self._limit * (1 - LEFT_OVER) - size
        if room <= LAST_PART * self._limit:
            self._edges.append(NEVER_NS)
            return
        if size - self._size_before > PERIOD_PART * room:
            self._period_ns = min(2 * self._period_ns, LONGEST_PERIOD_NS)
        self._size_before = size
        burst_ns = min(round(BURST_SHARE * self._period_ns), LONGEST_BURST_NS)
        begin_ns = self._period_start_ns + self._random.randrange(self._period_ns - burst_ns)
        begin_ns = max(begin_ns, self._edges[-1] + 1)
        self._period_start_ns += self._period_ns
        self._edges += [begin_ns, begin_ns + burst_ns]

    def place(self, t_ns: Ints) -> Ints:
        """Return at which place each time lies: an even one is a stretch, an odd one a burst, -1 before all."""
        if len(t_ns) and self._edges:
            self.look(int(t_ns.max()))
        place: Ints = np.searchsorted(self._column, t_ns, "right") - 1
        return np.where(place >= 0, place + self._forgotten, -1)

    def bounds(self, place: int) -> tuple[int, int]:
        """Return from when until when a stretch or a burst lasts, as far as is known now."""
        at = place - self._forgotten
        return (self._edges[at], self._edges[at + 1]) if at >= 0 else (0, 0)

    def place_of(self, t_ns: int) -> int:
        """Return the place of one time."""
        at = bisect_right(self._edges, t_ns) - 1
        return at + self._forgotten if at >= 0 else -1

    def expect(self, rows: int) -> None:
        """Begin counting before so many rows are stored for which there is no room any more."""
        if not self._edges and self.seen_ns and self._size() + rows * SPAN_BYTES >= BEGIN_SHARE * self._limit:
            self._begin(self.seen_ns + 1)

    def admit(self, start_ns: Ints, end_ns: Ints) -> None:
        """End each burst that gets more than its part of these rows, which come next, where it has had it."""
        first, last = self.place(start_ns), self.place(end_ns)
        inside = (first == last) & (first % 2 == 1)
        for place in np.unique(first[inside]).tolist():
            self._admit(place, np.sort(end_ns[inside & (first == place)]))

    def _admit(self, place: int, end_ns: Ints) -> None:
        if place != self._rows_of:
            self._rows_of = place
            room = max(self._limit * (1 - LEFT_OVER) - self._size(), 0.0)
            self._rows_left = round(room * BURST_PART / SPAN_BYTES)
        at = place - self._forgotten
        if len(end_ns) > self._rows_left:
            last_ns = int(end_ns[self._rows_left - 1]) if self._rows_left > 0 else 0
            cut_ns = max(last_ns, self.seen_ns, self._edges[at]) + 1
            self._edges[at + 1] = min(self._edges[at + 1], cut_ns)
            self._column = np.array(self._edges, np.int64)
        self._rows_left -= int(np.searchsorted(end_ns, self._edges[at + 1]))

    def saw(self, t_ns: int) -> None:
        """Take note that all there is until `t_ns` may have been dealt with; no edge before it is moved any more."""
        self.seen_ns = max(self.seen_ns, t_ns)

    def state(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "edges": self._edges,
            "forgotten": self._forgotten,
            "period_ns": self._period_ns,
            "period_start_ns": self._period_start_ns,
            "size_before": self._size_before,
            "seen_ns": self.seen_ns,
        }

    def go_on(self, state: dict[str, Any]) -> None:
        """Take up the plan where `state` was returned."""
        self._edges = [*state["edges"]]
        self._forgotten = state["forgotten"]
        self._column = np.array(self._edges, np.int64)
        self._period_ns = state["period_ns"]
        self._period_start_ns = state["period_start_ns"]
        self._size_before = state["size_before"]
        self.seen_ns = state["seen_ns"]
