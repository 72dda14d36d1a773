"""Below which lane each child process stands: told at once by a fork, by pid for a process that was launched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from energyprof.collect.convert_process import Process
from energyprof.model.recording import LaneOrigin

LAUNCHES_KEPT = 10_000
"""A child turns up soon after its launch, or never."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A process made by a recorded one other than by a fork of its own."""

    by: Process
    number: int
    """Of the lane that was announced for it."""
    pid: int
    """0: not known."""
    since_ns: int
    until_ns: int


class Children:
    """Match child processes with what their makers told of them, whichever comes first."""

    def __init__(self, process_of: Callable[[str], Process]) -> None:
        """`process_of` returns the process of a spool."""
        self._process_of = process_of
        self._launches: dict[int, list[Launch]] = {}
        """By pid, in the order told."""
        self._waiting: dict[int, Process] = {}
        """Those of whom nothing has been told yet, by the index of the main thread's lane."""

    def place(self, child: Process, main: int) -> list[LaneOrigin]:
        """Return where `child`, whose main thread is lane `main`, stands: one origin, or none yet."""
        if child.parent_lane and not child.is_asked_for:
            return [self._by_fork(child, main)]
        launch = self._launch_of(child)
        if launch is None:
            self._waiting[main] = child
            return []
        self._waiting.pop(main, None)
        return [LaneOrigin(main, launch.by.lane(launch.number, "process"), -1, child.started_ns)]

    def told(self, by: Process, entry: dict[str, Any]) -> list[LaneOrigin]:
        """Take what a process tells of one it launched, or of a device's stream; return the origins known by it."""
        if "base" in entry:
            return [LaneOrigin(by.lane(entry["lane"], "device"), by.lane(entry["base"], "thread"), -1, by.started_ns)]
        since_ns, until_ns = by.monotonic_ns(entry["since_ns"]), by.monotonic_ns(entry["until_ns"])
        launch = Launch(by, entry["lane"], entry["pid"], since_ns, until_ns)
        self._launches.setdefault(launch.pid, []).append(launch)
        while len(self._launches) > LAUNCHES_KEPT:  # most were of programs that record nothing
            del self._launches[next(iter(self._launches))]
        return [origin for main, child in list(self._waiting.items()) for origin in self.place(child, main)]

    def forget(self, process: Process) -> None:
        """Forget what a process told that is gone, and what was told of it."""
        for pid, launches in list(self._launches.items()):
            kept = [launch for launch in launches if launch.by is not process and pid != process.pid]
            if kept:
                self._launches[pid] = kept
            else:
                del self._launches[pid]
        self._waiting = {main: child for main, child in self._waiting.items() if child is not process}

    def rest_of(self, process: Process) -> list[LaneOrigin]:
        """Return the same as `rest` of one process, as far as its children are known by now."""
        waiting = [(main, child) for main, child in self._waiting.items() if child is process]
        origins = [self._by_fork(child, main) for main, child in waiting if child.parent_lane]
        if process.parent_spool is not None and process.main is not None:
            others = [lane for lane in process.threads if lane != process.main]
            origins += [LaneOrigin(lane, process.main, -1, process.started_ns) for lane in others]
        return origins

    def rest(self, processes: Iterable[Process]) -> list[LaneOrigin]:
        """Return where all else most likely stands; the first origin of a lane counts, so these yield to what was told.

        A child of whom nothing was told stands where its fork stands, a thread that Python did not start where its
        process stands.
        """
        origins = [self._by_fork(child, main) for main, child in self._waiting.items() if child.parent_lane]
        for process in processes:
            if process.parent_spool is not None and process.main is not None:
                others = [lane for lane in process.threads if lane != process.main]
                origins += [LaneOrigin(lane, process.main, -1, process.started_ns) for lane in others]
        return origins

    def _by_fork(self, child: Process, main: int) -> LaneOrigin:
        created = self._process_of(child.parent_spool or "").lane(child.parent_lane, "process")
        return LaneOrigin(main, created, -1, child.started_ns)

    def _launch_of(self, child: Process) -> Launch | None:
        for pid in (child.pid, *child.between):
            launch = _latest(self._launches.get(pid, ()), child)
            if launch is not None:
                return launch
        unknown = [launch for launch in self._launches.get(0, ()) if launch.by.spool == child.parent_spool]
        return _latest([launch for launch in unknown if launch.until_ns >= child.started_ns], child)


def _latest(launches: Sequence[Launch], child: Process) -> Launch | None:
    """Return the last launch before the child began: an earlier one of this pid was of a process that is gone."""
    before = [launch for launch in launches if launch.since_ns <= child.started_ns and launch.by is not child]
    return max(before, key=lambda launch: launch.since_ns, default=None)


def replaced_by(process: Process, processes: Iterable[Process]) -> list[Process]:
    """Return those that had the pid of `process` before: they are gone, or were turned into it by `exec`."""
    return [
        other
        for other in processes
        if other.pid == process.pid and other.started_ns < process.started_ns and other is not process
    ]
