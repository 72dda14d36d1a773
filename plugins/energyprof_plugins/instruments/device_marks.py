"""What ran on a device, stage by stage: every boundary of the program is marked in the stream its work goes to.

A mark is dated by the device when it comes to it, so a kernel is billed to the stage that launched it, however late it
runs. Marks are looked at, never waited for, when the recorder flushes. What lies between two marks of a stream belongs
to whoever set the first one; threads that share a stream take turns. Calls are counted on the host: a stage on a
device's lane only goes on there (`RESUME`).
"""

from __future__ import annotations

from _thread import RLock, get_ident
from bisect import bisect_left
from collections import deque
from itertools import islice
from time import perf_counter_ns, sleep

from energyprof.model.events import RESUME
from energyprof_plugins.instruments.device_times import HostTimes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from energyprof.sink_doors import DeviceSink
    from energyprof_plugins.instruments.device_clock import DeviceClock, Place

    _Mark: TypeAlias = tuple[Any, int, list[tuple[int, int]]]
    """Event, host time at which it was put there, and what happens then: (base, code)."""

MARKS_AT_A_TIME = 256
PENDING_LIMIT = 50_000
"""Marks of one stream that the device has not come to; what is beyond is not marked, and said at the end."""
LAST_WAIT_NS = 500_000_000
"""How long the end of the program waits for marks, once its own work is done."""


class Stream:
    """One stream: which stages are open at its end, and the marks that the device has not dated yet."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.base = 0
        self.path: tuple[int, ...] = ()
        self.owner = 0
        """Thread that set the last mark."""
        self.pending: deque[_Mark] = deque()
        self.last_ns = 0

    def change_to(self, base: int, path: tuple[int, ...]) -> list[tuple[int, int]]:
        """Have these stages open from here on; return what that takes."""
        before = self.path
        if base == self.base:  # as nearly always: one begins, or one ends
            if path[:-1] == before and path:
                self.path = path
                return [(base, RESUME + path[-1])]
            if before[:-1] == path and before:
                self.path = path
                return [(base, -before[-1])]
        common = 0
        if base == self.base:
            for one, other in zip(self.path, path, strict=False):
                if one != other:
                    break
                common += 1
        changes = [(self.base, -code) for code in reversed(self.path[common:])]
        changes += [(base, RESUME + code) for code in path[common:]]
        self.base, self.path = base, path
        return changes


class DeviceMarks:
    """Marks boundaries from `start` to `stop`, and writes what the device has come to into lanes of its streams."""

    def __init__(  # noqa: PLR0913 - a limit and two clocks by keyword
        self,
        sink: DeviceSink,
        clock: DeviceClock,
        name: str,
        *,
        limit: int = PENDING_LIMIT,
        now_ns: Callable[[], int] = perf_counter_ns,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        """`name` begins the names of the lanes; at most `limit` marks of a stream wait to be dated."""
        self._sink = sink
        self._clock = clock
        self._name = name
        self._limit = limit
        self._now_ns = now_ns
        self._pause = pause
        self._undo: Callable[[], None] | None = None
        self._begin()

    def forget(self) -> None:
        """In a forked child: the device stays with the parent, as do the locks that its threads held."""
        from energyprof_plugins.instruments.device_clock import never_free

        never_free((self._streams, self._times, self._clock))
        self._begin()

    def _begin(self) -> None:
        self._is_there = False
        """Whether the program uses the device; it never ceases to."""
        self._lock, self._resolving = RLock(), RLock()
        self._is_marking = False
        self._streams: dict[Place, Stream] = {}
        self._times: dict[int, HostTimes] = {}
        self._lanes: dict[tuple[Place, int], Callable[[tuple[int, int]], None]] = {}
        self.lost = 0
        """Boundaries that were not marked, or never dated."""

    def start(self, before_end: Callable[[], None] | None = None) -> None:
        """Mark boundaries from now on, as soon as the program uses the device."""
        self._undo = self._sink.on_boundary(self.boundary, self._clock.is_there, before_end)
        self._sink.on_flush(self.resolve)

    def stop(self) -> None:
        """Mark nothing more; wait for the marks there are, at most LAST_WAIT_NS, and say how many are lost."""
        if self._undo is None:
            return
        self._undo()
        self._undo = None
        until_ns = self._now_ns() + LAST_WAIT_NS
        self.resolve()
        while self._is_any_pending() and self._now_ns() < until_ns:
            self._pause(0.001)
            self.resolve()
        self.lost += sum(len(stream.pending) for stream in self._streams.values())
        if self.lost:
            self._sink.warn(
                f"{self._name} never dated {self.lost:,} of the boundaries, and what it did there may stand under "
                "another stage; let the program end with a synchronize"
            )

    def _is_any_pending(self) -> bool:
        return self._clock.is_there() and any(stream.pending for stream in self._streams.values())

    # --- in the program's threads ----------------------------------------------------------------------------------

    def boundary(self, base: int, path: tuple[int, ...], t_ns: int) -> None:
        """Mark what is open in this thread from now on."""
        if not self._is_there:
            self._is_there = self._clock.is_there()
            if not self._is_there:
                return
        with self._lock:
            if self._is_marking:  # a signal handler came in between: the next boundary makes up for it
                return
            self._is_marking = True
            try:
                self._mark(base, path, t_ns)
            finally:
                self._is_marking = False

    def _mark(self, base: int, path: tuple[int, ...], t_ns: int) -> None:
        place = self._clock.here()
        if place is None:
            return
        stream = self._streams.get(place)
        if stream is None:
            stream = self._streams[place] = Stream(place)
        self._turn(stream, base, path, t_ns)
        me = stream.owner = get_ident()
        for other in self._streams.values() if len(self._streams) > 1 else ():
            if other is not stream and other.owner == me and other.path:
                self._turn(other, other.base, (), t_ns)  # no more of this thread's work goes there now

    def _turn(self, stream: Stream, base: int, path: tuple[int, ...], t_ns: int) -> None:
        if path == stream.path and (base == stream.base or not path):
            return
        if len(stream.pending) >= self._limit:
            self.lost += 1
            return
        event = self._clock.mark(stream.place)
        stream.pending.append((event, t_ns, stream.change_to(base, path)))

    # --- in the recorder's thread ----------------------------------------------------------------------------------

    def resolve(self) -> None:
        """Write what the device has come to since the last time; never waits for it."""
        if not self._streams or not self._clock.is_there():
            return
        with self._resolving:
            for stream in list(self._streams.values()):
                device = stream.place.device
                times = self._times.get(device)
                if times is None:
                    times = self._times[device] = HostTimes(self._clock, device, self._now_ns)
                if times.refresh():
                    self._write(stream, times)

    def _write(self, stream: Stream, times: HostTimes) -> None:
        while done := self._done(stream.pending):
            seen_ns = self._now_ns()
            for event, put_ns, changes in done:
                # It was dated after it was put there and before it was seen, whatever the clocks say.
                t_ns = max(min(times.host_ns(event), seen_ns), put_ns, stream.last_ns)
                stream.last_ns = t_ns
                self._clock.release(event)
                for base, code in changes:
                    self._lane(stream.place, base)((code, t_ns))

    def _done(self, pending: deque[_Mark]) -> list[_Mark]:
        """Take the marks that the device has come to, some at a time; it comes to them in turn, so few are asked."""
        some = list(islice(pending, MARKS_AT_A_TIME))
        many = len(some)
        if some and not self._clock.is_done(some[-1][0]):
            many = bisect_left(range(many - 1), True, key=lambda at: not self._clock.is_done(some[at][0]))
        for _ in range(many):
            pending.popleft()
        return some[:many]

    def _lane(self, place: Place, base: int) -> Callable[[tuple[int, int]], None]:
        lane = self._lanes.get((place, base))
        if lane is None:
            name = f"{self._name}:{place.device} stream {place.stream}"
            lane = self._lanes[place, base] = self._sink.device_lane(place.device, base, name)
        return lane
