"""Find the spool segments of a run's processes and read what is new in them, in bounded pieces.

Segments are deleted in two steps, so that nothing is lost if the collector dies: what was read through is remembered,
and `release` deletes it once the caller has stored its content.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from energyprof.model.spool import END, FRAME, MAGIC, SPOOL_SUFFIX, Frame, read_frames

BYTES_PER_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class SpoolPiece:
    """New frames of one process, in the order in which it wrote them."""

    spool: str
    """`PID-STARTNS`, the spool's id."""
    frames: tuple[Frame, ...]


@dataclass(slots=True)
class _Spool:
    """Where reading of one process's spool stands."""

    name: str
    segments: dict[int, Path] = field(default_factory=dict)
    current: int = 0
    offset: int = 0
    ended: bool = False
    done: dict[Path, None] = field(default_factory=dict)
    """Segments read through and not yet deleted."""


class SpoolWatcher:
    """Read the spools below `folder`, process by process in turn; never more than `bytes_per_step` (or one frame)."""

    def __init__(self, folder: Path, bytes_per_step: int = BYTES_PER_STEP) -> None:
        self._folder = folder
        self._bytes_per_step = max(bytes_per_step, FRAME.size)
        self._spools: dict[str, _Spool] = {}
        self._turn: deque[_Spool] = deque()
        self.damaged: dict[str, int] = {}
        """Bytes that could not be read, per spool whose damage is certain."""
        self._reach: dict[Path, int] | None = None
        """Once sealed: how far each segment is read."""

    def read(self) -> SpoolPiece | None:
        """Return the next new frames, or None when every spool has been read as far as it goes at present."""
        has_looked = False
        while self._turn or not has_looked:
            if not self._turn:
                has_looked = True  # after all others: what came to be while they were read is not missed
                self._look()
                self._turn.extend(spool for spool in self._spools.values() if not spool.ended)
                continue
            spool = self._turn.popleft()
            frames = self._read(spool, closing=False)
            if frames:
                self._turn.append(spool)
                return SpoolPiece(spool.name, frames)
        return None

    def seal(self) -> None:
        """Read no further than the spools reach now: who still writes has outlived the program, and may never stop."""
        self._look()
        self._reach = {path: _size_of(path) for spool in self._spools.values() for path in spool.segments.values()}

    def close(self) -> None:
        """Give up on what cannot be read: all writers have ended, so a torn end will not grow any more."""
        for spool in self._spools.values():
            self._read(spool, closing=True)

    def position(self, name: str) -> dict[str, Any]:
        """Return how far a spool has been read, as JSON values."""
        spool = self._spools[name]
        damaged = self.damaged.get(name, 0)
        return {"segment": spool.current, "offset": spool.offset, "ended": spool.ended, "damaged": damaged}

    def go_on(self, name: str, position: Mapping[str, Any]) -> None:
        """Go on with a spool where `position` was returned; what had been read before is only there to be deleted."""
        self._spools[name] = _Spool(
            name, current=position["segment"], offset=position["offset"], ended=position["ended"]
        )
        if position["damaged"]:
            self.damaged[name] = position["damaged"]

    def is_over(self, name: str) -> bool:
        """Tell whether all of a spool has been read and deleted."""
        spool = self._spools.get(name)
        return spool is not None and spool.ended and not spool.done

    def forget(self, name: str) -> None:
        """Forget a spool that is over."""
        del self._spools[name]
        self._turn = deque(spool for spool in self._turn if spool.name != name)

    def release(self) -> None:
        """Delete the segments that had been read through; call it after their content has been stored."""
        for spool in self._spools.values():
            for path in spool.done:
                path.unlink(missing_ok=True)
            spool.done.clear()

    def _look(self) -> None:
        if self._reach is not None:
            return
        try:
            files = sorted(os.listdir(self._folder))
        except OSError:  # not there yet, deleted by somebody, or no descriptor is left: it will be looked at again
            return
        for file in files:
            path = self._folder / file
            name, _, number = file.removesuffix(SPOOL_SUFFIX).rpartition(".")
            if not file.endswith(SPOOL_SUFFIX) or not name or not number.isdecimal():
                continue
            spool = self._spools.setdefault(name, _Spool(name, current=int(number)))
            if spool.ended or int(number) < spool.current:
                spool.done[path] = None
            else:
                spool.segments[int(number)] = path

    def _read(self, spool: _Spool, closing: bool) -> tuple[Frame, ...]:
        """Return new frames of one spool, moving on to its next segment where one is finished."""
        while spool.current in spool.segments and not spool.ended:
            # A later segment seen before this read means that nothing will be appended to this one any more.
            later = [number for number in spool.segments if number > spool.current]
            frames, used, left = self._new_frames(spool.segments[spool.current], spool.offset)
            spool.offset += used
            if any(frame.kind == END for frame in frames):
                spool.ended = True
                spool.done.update(dict.fromkeys(spool.segments.values()))
                spool.segments.clear()
            if frames:
                return frames
            if not later and not closing:
                return ()
            if left:
                self.damaged[spool.name] = self.damaged.get(spool.name, 0) + left
            spool.done[spool.segments.pop(spool.current)] = None
            spool.offset = 0
            if later:
                spool.current = min(later)
            else:
                spool.ended = True
        return ()

    def _new_frames(self, path: Path, offset: int) -> tuple[tuple[Frame, ...], int, int]:
        """Return whole frames from `offset` on, the bytes they took, and the bytes then left in the file."""
        try:
            with path.open("rb") as file:
                whole = file.seek(0, 2)
                size = whole if self._reach is None else min(whole, self._reach.get(path, 0))
                file.seek(offset)
                read = file.read(max(0, min(self._bytes_per_step, size - offset)))
                wanted = _length_of_first(read)
                if len(read) < wanted <= size - offset:
                    read += file.read(wanted - len(read))
        except OSError:  # deleted by somebody else, or not ours to read
            return (), 0, 0
        frames = []
        used = 0
        for frame, end in read_frames(read):
            frames.append(frame)
            used = end
        return tuple(frames), used, size - offset - used if size == whole else 0


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # deleted by somebody else
        return 0


def _length_of_first(read: bytes) -> int:
    if len(read) < FRAME.size:
        return 0
    magic, _, _, length, _ = FRAME.unpack_from(read)
    return FRAME.size + length if magic == MAGIC and length >= 0 else 0
