"""The events of a trace as columns: one row for each stage, launch or kernel, tracks and names as numbers.

Read are complete events (X), pairs of begin and end (B, E), the arrows from host to device (s of ac2g) and the names of
processes and threads (M). Counters, instants, asynchronous events and the rest are counted and left out.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from energyprof.model.events import NAME_LIMIT, OTHER_STAGE
from energyprof_plugins.recordings.chrome_json import ChromeJson, Event
from energyprof_plugins.recordings.chrome_names import EventName, Role, event_name, role_of

BAD_NAMED: Final = 5
ABSOLUTE_US: Final = 1e15
"""Microseconds beyond this count from 1970: no clock that begins with the machine has run for 30 years."""
NOTHING: Final = -1
_DEVICE = re.compile(r"/device:(?:GPU|TPU|XPU):(\d+)", re.IGNORECASE)
_PHASES: Final = {
    "C": "counters", "i": "instants", "I": "instants", "R": "instants", "b": "asynchronous events",
    "n": "asynchronous events", "e": "asynchronous events", "S": "asynchronous events", "T": "asynchronous events",
    "F": "asynchronous events", "N": "object snapshots", "O": "object snapshots", "D": "object snapshots",
    "P": "samples", "v": "memory dumps", "V": "memory dumps",
}  # fmt: skip


class Track(NamedTuple):
    """A thread of a process, or a stream of a device."""

    device: int
    """Number of the device; -1: a thread of the host."""
    pid: Any  # a number as a rule; some writers put names here
    tid: Any


_TrackKey: TypeAlias = tuple[int, Any, Any]
"""A Track, or a plain tuple of its fields, which is quicker made and equal to it."""


class EventColumns:
    """The rows; equal-length columns in the order of the file."""

    def __init__(self) -> None:
        self.track = array("i")
        self.start_ns = array("q")
        self.duration_ns = array("q")
        """-1: it began and never ended."""
        self.name = array("i")
        """Index into `names`; -1: it has none, for it is no stage."""
        self.role = array("b")
        self.link = array("q")
        """Correlation of a launch or kernel; -1: none."""
        self.external = array("q")
        """`External id`: of an operator and of what it puts on a device; -1: none."""
        self.names: list[EventName] = [EventName(OTHER_STAGE, "stage")]
        self.tracks: list[Track] = []
        self.bad = 0
        self.first_bad: list[str] = []
        self.left_out: Counter[str] = Counter()
        self.process_names: dict[Any, str] = {}
        self.thread_names: dict[tuple[Any, Any], str] = {}
        self.end_ns = 0
        self._known: dict[tuple[str, str], tuple[int, int]] = {}
        self._codes: dict[EventName, int] = {}
        self._track_codes: dict[_TrackKey, int] = {}
        self._begun: dict[int, list[int]] = {}
        """By track, the rows that have begun and not ended."""

    def read(self, trace: ChromeJson) -> None:
        """Take in all events; raises InputError where the file is no trace."""
        number = 0
        for batch in trace.batches():
            for event in batch:
                number += 1
                phase = event.get("ph")
                try:
                    if phase == "X":
                        self._complete(event)
                    elif phase in _OTHERS:
                        _OTHERS[phase](self, event)
                    else:
                        self.left_out[_PHASES.get(str(phase), "events of unknown kind")] += 1
                except (KeyError, TypeError, ValueError, OverflowError) as fault:
                    self._reject(number, event, fault)
        self.end_ns = max(self.end_ns, 0)

    def _complete(self, event: Event) -> None:
        category = event.get("cat") or ""
        name = event["name"]
        known = self._known.get((category, name))
        role, code = known if known is not None else self._learn(category, name)
        if role == Role.LEFT_OUT:
            return
        try:
            start_ns, duration_ns = round(event["ts"] * 1e3), round(event["dur"] * 1e3)
        except TypeError:  # quoted
            start_ns, duration_ns = _nanoseconds(event["ts"]), _nanoseconds(event["dur"])
        if duration_ns < 0:
            raise ValueError(f"dur {event['dur']} is negative")
        args = event.get("args") or {}
        link = external = NOTHING
        if args:
            if role >= Role.LAUNCH:
                link = args.get("correlation", NOTHING)
            external = args.get("External id", args.get("external id", NOTHING))
        track: _TrackKey = (NOTHING, event.get("pid", 0), event.get("tid", 0))
        if role == Role.KERNEL:
            device: Any = args.get("device", track[1])  # a number, or int() says that it is none
            track = (int(device), 0, args.get("stream", track[2]))
        self._add(track, start_ns, duration_ns, code, role, int(link), int(external))

    def _begin(self, event: Event) -> None:
        category, name = event.get("cat") or "", event["name"]
        known = self._known.get((category, name))
        role, code = known if known is not None else self._learn(category, name)
        track = Track(NOTHING, event.get("pid", 0), event.get("tid", 0))
        row = len(self.track)
        self._add(track, _nanoseconds(event["ts"]), NOTHING, code, role, NOTHING, NOTHING)
        self._begun.setdefault(self.track[row], []).append(row)

    def _end(self, event: Event) -> None:
        track = Track(NOTHING, event.get("pid", 0), event.get("tid", 0))
        begun = self._begun.get(self._track_codes.get(track, NOTHING))
        if not begun:
            raise ValueError("it ends what has not begun")
        row = begun.pop()
        t_ns = _nanoseconds(event["ts"])
        if t_ns < self.start_ns[row]:
            raise ValueError("it ends before it begins")
        self.duration_ns[row] = t_ns - self.start_ns[row]
        self.end_ns = max(self.end_ns, t_ns)

    def _arrow(self, event: Event) -> None:
        if event.get("cat") == "ac2g":
            track = Track(NOTHING, event.get("pid", 0), event.get("tid", 0))
            self._add(track, _nanoseconds(event["ts"]), 0, NOTHING, Role.LAUNCH, int(event["id"]), NOTHING)

    def _describe(self, event: Event) -> None:
        said = (event.get("args") or {}).get("name")
        if isinstance(said, str) and event.get("name") == "process_name":
            self.process_names[event.get("pid", 0)] = said
        elif isinstance(said, str) and event.get("name") == "thread_name":
            self.thread_names[event.get("pid", 0), event.get("tid", 0)] = said

    def _add(  # noqa: PLR0913, PLR0917 - the columns of one row
        self,
        track: _TrackKey,
        start_ns: int,
        duration_ns: int,
        code: int,
        role: int,
        link: int,
        external: int,
    ) -> None:
        number = self._track_codes.get(track)
        if number is None:
            number = self._track_codes[track] = len(self.tracks)
            self.tracks.append(Track(*track))
        self.start_ns.append(start_ns)
        self.duration_ns.append(duration_ns)
        self.track.append(number)
        self.name.append(code)
        self.role.append(role)
        self.link.append(link)
        self.external.append(external)
        end_ns = start_ns + duration_ns
        if end_ns > self.end_ns and role != Role.LAUNCH:
            self.end_ns = end_ns

    def _learn(self, category: str, name: str) -> tuple[int, int]:
        if not isinstance(name, str):
            raise ValueError(f"name {name!r} is no text")
        role = role_of(category, name)
        code = NOTHING
        if role not in {Role.LAUNCH, Role.LEFT_OUT}:
            told = event_name(role, category, name)
            code = self._codes.get(told, 0)
            if not code and len(self.names) <= NAME_LIMIT:
                code = self._codes[told] = len(self.names)
                self.names.append(told)
        self._known[category, name] = role, code
        return role, code

    def _reject(self, number: int, event: Event, fault: Exception) -> None:
        self.bad += 1
        if len(self.first_bad) < BAD_NAMED:
            name = str(event.get("name", "without a name"))[:60]
            fact = f"no {fault.args[0]}" if isinstance(fault, KeyError) else str(fault)
            self.first_bad.append(f"event {number} ({name}): {fact}")

    def device_of(self, track: Track) -> int:
        """Return the number of the device that a track of the host turns out to be by its process's name; -1: none."""
        if track.device != NOTHING:
            return track.device
        said = _DEVICE.search(self.process_names.get(track.pid, ""))
        return int(said[1]) if said else NOTHING


def _nanoseconds(microseconds: Any) -> int:  # a number as a rule; some writers quote it
    t_ns = float(microseconds) * 1e3
    if not math.isfinite(t_ns) or abs(t_ns) >= 2**62:
        raise ValueError(f"{microseconds!r} is no time")
    return round(t_ns)


_OTHERS: Final[dict[Any, Callable[[EventColumns, Event], None]]] = {
    "B": EventColumns._begin,
    "E": EventColumns._end,
    "s": EventColumns._arrow,
    "t": lambda _columns, _event: None,
    "f": lambda _columns, _event: None,
    "M": EventColumns._describe,
}
