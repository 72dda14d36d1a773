"""The lanes of this process: one buffer of events per thread, found without a lock and without a check."""

from __future__ import annotations

import os
import sys
from _collections import deque  # type: ignore[import-not-found]  # `collections` is not loaded at the start of a program
from _thread import _local, get_ident, get_native_id
from _weakref import ref
from itertools import count
from time import perf_counter_ns

from energyprof.model.events import LANE, SPAWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread

LANE_KEY = "_energyprof_lane"
"""Where a thread that was started inside a stage finds the lane number its creator has announced; where a coroutine
task or a work item keeps the code `LANE + number` of its own.
"""

first_pid = os.getpid()
"""Of the process that the run began with, or of the parent of one that it started: another than its own in a child."""


class Lane:
    """One thread's events and who it is."""

    __slots__ = ("announced", "base", "buffer", "is_alive", "kind", "name", "number", "tid")

    def __init__(self, number: int, tid: int, name: str, buffer: list[int], is_alive: Callable[[], object]) -> None:
        self.number = number
        self.tid = tid
        self.name = name
        self.buffer = buffer
        self.is_alive = is_alive
        """Returns None once the thread has ended."""
        self.announced = ""
        """Id of the spool that holds its LANES row."""
        self.kind = "thread"
        self.base = 0
        """Number of the lane below whose creation it stands, where it is no thread's."""

    def row(self) -> dict[str, object]:
        """Return its entry in a LANES frame."""
        row: dict[str, object] = {"lane": self.number, "tid": self.tid, "kind": self.kind, "name": self.name}
        return {**row, "base": self.base} if self.base else row


class _Alive:
    """Lives in a thread's own storage and dies with it."""

    __slots__ = ("__weakref__",)


class Local(_local):
    """What belongs to a thread; `__init__` runs by itself when a thread first touches it, so no event need check."""

    def __init__(self) -> None:
        self.buffer: list[int] = []
        self.own_ext: Callable[[tuple[int, int]], None] = extend_of(self.buffer)
        """What takes this thread's events, and what delays its iterations where that is asked for."""
        self.ext = _ext(self.own_ext)
        self.running = LANE
        """The code that says which lane runs in this thread now; whoever puts another there puts it back."""
        self.alive = _Alive()
        self.lane = _enter(self.buffer, self.alive)
        on_first_event()


def _ext(extend: Callable[[tuple[int, int]], None]) -> Callable[[tuple[int, int]], None]:
    """Return what takes this thread's events: `extend` itself, as long as nobody wants to hear of them."""
    if around is not None:
        extend = around(extend)
    if on_event is None:
        return extend

    due_ns = 0

    def heard(event: tuple[int, int]) -> None:
        nonlocal due_ns
        extend(event)
        if event[1] >= due_ns:
            due_ns = 0 if on_event is None else on_event(event[1])
            if not due_ns:
                local.ext = extend

    return heard


def _enter(buffer: list[int], alive: _Alive) -> Lane:
    thread = python_threads().get(get_ident())
    number = None if thread is None else vars(thread).pop(LANE_KEY, None)
    tid = get_native_id()
    name = str(thread.name) if thread is not None else "MainThread" if tid == os.getpid() else ""
    lane = Lane(number or new_lane_number(), tid, name, buffer, ref(alive))
    lanes.append(lane)
    return lane


def python_threads() -> dict[int, Thread]:
    """Return the threads that the program knows of, by their idents; none before it imports `threading`.

    To ask `current_thread()` would invent a thread object for a foreign thread, which the program could see.
    """
    return getattr(sys.modules.get("threading"), "_active", {})


def keep_only_own_lane() -> None:
    """In a forked child: forget the threads that are not there, and what the parent had recorded in this one."""
    own = local.lane
    own.buffer.clear()
    local.running = LANE
    guests.clear()
    told_guests.clear()
    own.tid = get_native_id()
    local.own_ext = extend_of(own.buffer)
    lanes[:] = [own]


def await_next_event() -> None:
    """Have `on_first_event` called when this thread records its next event, right after that."""
    extend = local.own_ext

    def first(event: tuple[int, int]) -> None:
        local.ext = ext = _ext(extend)
        ext(event)
        on_first_event()  # that of whichever recorder is there by then

    local.ext = first


def events_held() -> int:
    """Return how many events wait in the buffers of all threads."""
    return sum([len(lane.buffer) for lane in lanes]) // 2


def forget_events() -> None:
    """Begin anew: the end of a stage that was open when a recorder closed may have been written after that."""
    for lane in list(lanes):
        del lane.buffer[:]
    del guests[:]
    told_guests.clear()


def announce_spawn() -> int:
    """Record that a lane is created here, below the stage open at this instant, and return its number.

    Not by `ext`: of a program that starts threads and marks nothing, there is nothing to flush.
    """
    number = new_lane_number()
    local.buffer.extend((SPAWN + number, perf_counter_ns()))
    return number


def device_lane(device: int, base: int, name: str) -> Lane:
    """Return a new lane of a stream of a device, whose stages stand where those of the lane `base` would."""
    lane = Lane(new_lane_number(), device, name, [], _forever)
    lane.kind, lane.base = "device", base
    lanes.append(lane)
    return lane


def _forever() -> object:
    return _forever


def announce_guest(name: str) -> int:
    """Record that a lane which runs in threads of others is created here; return the code that says it runs."""
    number = new_lane_number()
    local.ext((SPAWN + number, perf_counter_ns()))
    guests.append((number, name))
    return LANE + number


def guest_rows(new: list[tuple[int, str]]) -> list[dict[str, object]]:
    """Return the one entry of these guests in a LANES frame: there may be many, and each costs the flusher."""
    if not new:
        return []
    return [{"kind": "task", "lanes": [number for number, _ in new], "names": [name for _, name in new]}]


def set_recording(is_on: bool) -> None:
    """Have stages record from now on, or not any more."""
    global is_recording  # noqa: PLW0603 - read at each stage that is imported later
    is_recording = is_on
    stages = sys.modules.get("energyprof.record.stage")
    # Not imported for its sake: the program has asked for no stage yet, or is doing so now and will see it.
    set_active = getattr(stages, "set_active", None)
    if set_active is not None:
        set_active(is_on)


def plain_extend(buffer: list[int]) -> Callable[[tuple[int, int]], None]:
    """Return what events of a thread go through where nothing is to happen on their way: C, and no call of ours."""
    return buffer.extend


def nothing() -> None:
    """What is called while no recorder is there."""


is_recording = False
"""Whether stages record; what a stage goes by that is imported later than that is known."""
watches_flow = False
"""Whether stages tell which objects they hand out and receive."""
on_thread: Callable[[], None] = nothing
"""Called in a thread that is about to start another."""
on_event: Callable[[int], int] | None = None
"""Called in a thread with the time of its event just recorded; returns from when on it wants the next, 0: none."""
around: Callable[[Callable[[tuple[int, int]], None]], Callable[[tuple[int, int]], None]] | None = None
"""Makes what listens to a thread's events of what takes them; set by `paths`."""
on_first_event: Callable[[], None] = nothing
"""Called in a thread that has just got its lane; set by the recorder."""
extend_of: Callable[[list[int]], Callable[[tuple[int, int]], None]] = plain_extend
"""Makes a thread's `ext` of its buffer; another one where delays are asked for (`dephase`)."""
new_lane_number = count(1).__next__
lanes: list[Lane] = []
"""Threads that have recorded something, the ended ones until their events are written. Append and remove only."""
guests: list[tuple[int, str]] = []
"""Number and name of the coroutine tasks and work items that have not been written yet."""
told_guests: deque[tuple[int, str]] = deque(maxlen=4_096)
"""The latest of those that have been, for a folder that is deleted before anybody has read them."""
local = Local()
"""The importing thread enters at once: `threading.local` asks no `__init__` of the thread that creates it later."""
