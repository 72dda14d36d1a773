"""Which stages are open in a thread, told at every boundary to who has to mark it elsewhere too: on a device's stream.

What was open before anybody asked is not known here. The lane of an unknown beginning gets a *base*: a lane announced
at that instant, so that the converter knows where it stands. A path is relative to its base.
"""

from __future__ import annotations

from _collections import deque  # type: ignore[import-not-found]  # `collections` is not loaded at the start of a program
from time import perf_counter_ns

from energyprof.model.events import END_ANY, LANE, RESUME, SPAWN, STAGE_LIMIT, WORK
from energyprof.record import lanes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Place: TypeAlias = tuple[int, tuple[int, ...], int]
    """Number of the base, the codes of the stages open above it, outermost first, and how many of these were open
    where the lane was created: no event of its own ends them."""

GUESTS_KEPT = 50_000
"""Tasks and work items whose place is kept: nobody tells when one has ended, and the oldest most likely have."""
TIMED = 64
"""One event in so many is timed on its way; what that says of all is the median of the last TIMES_KEPT."""
TIMES_KEPT = 33
BASES_LIMIT = 4_096
"""Ends of stages that never began must not make lanes without end."""


class Paths:
    """Listens to the events of all threads from `listen` on, and calls `boundary` in the thread after each change."""

    def __init__(
        self,
        boundary: Callable[[int, tuple[int, ...], int], None],
        is_wanted: Callable[[], bool],
        before_end: Callable[[], None] | None = None,
    ) -> None:
        """`boundary` gets base, path and `perf_counter_ns`; nothing is followed until `is_wanted` once says so.

        `before_end` is called before an end is recorded, whose time is taken after that.
        """
        self._boundary = boundary
        self._is_wanted = is_wanted
        self._before_end = before_end
        self._is_on = False
        self._guests: dict[int, Place] = {}
        self._bases = 0
        self._last_base = 0
        self._until_timed = TIMED
        self._times_ns: deque[int] = deque(maxlen=TIMES_KEPT)

    def listen(self) -> None:
        """Listen to this thread from its next event on, and to all that record for the first time later."""
        lanes.around = self.around
        lanes.await_next_event()

    def stop(self) -> None:
        """Follow nothing more; what goes through `around` is only handed on from now on."""
        self._is_on = False
        self._is_wanted = _never
        self._times_ns.clear()
        if lanes.around == self.around:
            lanes.around = None

    def around(self, extend: Callable[[tuple[int, int]], None]) -> Callable[[tuple[int, int]], None]:
        """Return what a thread's events go through, on the way to its `extend`."""
        thread: _ThreadPath | None = None

        def heard(event: tuple[int, int]) -> None:
            nonlocal thread
            if not self._is_on:
                if not self._is_wanted():
                    extend(event)
                    return
                self._is_on = True
            if thread is None:
                thread = _ThreadPath(self, extend)
            self._until_timed -= 1
            if self._until_timed > 0:
                thread.take(event)
                return
            self._until_timed = TIMED
            began_ns = perf_counter_ns()
            thread.take(event)
            self._times_ns.append(perf_counter_ns() - began_ns)

        return heard

    def event_cost_ns(self) -> float:
        """Return what an event takes that is followed and told, as measured; 0 as long as nothing is known.

        It is a median, for a driver whose queue is full has the program wait, which it would have done all the same.
        """
        times_ns = sorted(self._times_ns)
        return float(times_ns[len(times_ns) // 2]) if times_ns else 0.0

    def new_base(self, extend: Callable[[tuple[int, int]], None], t_ns: int) -> Place:
        """Announce a base below the stage open on the lane that runs in this thread."""
        if self._bases < BASES_LIMIT:
            self._bases += 1
            self._last_base = lanes.new_lane_number()
            extend((SPAWN + self._last_base, t_ns))
        return self._last_base, (), 0

    def keep_guest(self, number: int, place: Place) -> None:
        """Keep where a task or a work item stands."""
        self._guests.pop(number, None)
        self._guests[number] = place
        while len(self._guests) > GUESTS_KEPT:
            self._guests.pop(next(iter(self._guests), number), None)

    def guest(self, number: int) -> Place | None:
        """Return where a task or a work item stands, if that is known."""
        return self._guests.get(number)

    def tell(self, place: Place, t_ns: int) -> None:
        """Say what is open in this thread now."""
        self._boundary(place[0], place[1], t_ns)

    def wait_for_end(self, event: tuple[int, int]) -> tuple[int, int]:
        """Return an end's event as it is to be recorded."""
        if self._before_end is None:
            return event
        self._before_end()
        return event[0], perf_counter_ns()


class _ThreadPath:
    """The stages open on the lane that runs in one thread."""

    __slots__ = ("_extend", "_own", "_paths", "_place", "_running")

    def __init__(self, paths: Paths, extend: Callable[[tuple[int, int]], None]) -> None:
        self._paths = paths
        self._extend = extend
        self._running = lanes.local.running - LANE
        """Number of the guest that runs; 0: the thread's own lane."""
        self._own: Place | None = None
        self._place: Place | None = None

    def take(self, event: tuple[int, int]) -> None:
        """Hand an event on, and follow it."""
        code, t_ns = event
        if code >= SPAWN:
            self._extend(event)
            if code < WORK:
                self._created(code - SPAWN)
            return
        if code >= LANE:
            self._extend(event)
            self._turn(code - LANE, t_ns)
            return
        if self._place is None:
            self._place = self._paths.new_base(self._extend, t_ns)
        if code < 0:
            event = self._paths.wait_for_end(event)
        self._extend(event)
        self._place = self._after(self._place, code, event[1])
        self._paths.tell(self._place, event[1])

    def _after(self, place: Place, code: int, t_ns: int) -> Place:
        base, path, root = place
        if code > 0:
            return (base, (*path, code % RESUME), root) if code % RESUME < STAGE_LIMIT else place
        own = path[root:]
        if own and code in {END_ANY, -own[-1]}:
            return base, path[:-1], root
        if code != END_ANY and -code in own:  # what is open inside ends with it
            return base, path[: len(path) - 1 - path[::-1].index(-code)], root
        if root:  # an end too many
            return place
        return self._paths.new_base(self._extend, t_ns)  # something ended that had begun before anybody listened

    def _created(self, number: int) -> None:
        if self._place is not None:
            base, path, _ = self._place
            self._paths.keep_guest(number, (base, path, len(path)))

    def _turn(self, number: int, t_ns: int) -> None:
        """Another lane runs in this thread now."""
        if self._running:
            if self._place is not None:
                self._paths.keep_guest(self._running, self._place)
        else:
            self._own = self._place
        self._running = number
        self._place = self._paths.guest(number) if number else self._own
        if self._place is None:
            self._place = self._paths.new_base(self._extend, t_ns)
        self._paths.tell(self._place, t_ns)


def _never() -> bool:
    return False
