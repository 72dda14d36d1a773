"""The spool of this process on disk: whole frames are appended, or nothing is."""

from __future__ import annotations

import os
import sys
from time import monotonic_ns, perf_counter_ns

from energyprof.model.frame import HEAD, LOSS_SUFFIX, SPOOL_SUFFIX, SPOOL_VERSION, pack_frame
from energyprof.model.json_text import to_json

SEGMENT_BYTES = 8 << 20


class Parent:
    """Who made this process: by its spool, and the lane it announced if that is known."""

    __slots__ = ("between", "is_asked_for", "lane", "spool")

    def __init__(self, spool: str, lane: int = 0, *, between: tuple[int, ...] = (), is_asked_for: bool = False) -> None:
        self.spool = spool
        self.lane = lane
        self.between = between
        """Pids of the processes between it and us."""
        self.is_asked_for = is_asked_for
        """Another process had it make us."""


class SpoolFile:
    """Writes segments of about SEGMENT_BYTES. Used by one thread at a time; every method may raise OSError.

    The file is open only between `open` and `shut`, a few times a second: a program that closes all descriptors (a
    daemon does) and opens its own must never find our frames in them, nor its descriptor numbers shifted.
    """

    def __init__(self, folder: str, parent: Parent | None = None) -> None:
        self.folder = folder
        self.id = f"{os.getpid()}-{monotonic_ns()}"
        self._parent = parent
        self._segment = -1
        self._size = 0
        self._is_refused = False
        """The segment took no more: a full disk, or a limit on the size of files, which the next one escapes."""
        self._is_torn = False
        self.is_robbed = False
        """Somebody has deleted what may not have been read yet, announcements too; whoever repeats those resets it."""
        self._descriptor = -1
        self._loss_path = ""

    @property
    def is_begun(self) -> bool:
        """Whether anything is on disk."""
        return self._segment >= 0

    @property
    def has_parent(self) -> bool:
        """Whether another recorded process made this one."""
        return self._parent is not None

    def open(self) -> None:
        """Get ready to write, in a new segment where the last one is full or has been taken away."""
        if self.is_begun and self._size < SEGMENT_BYTES and not self._is_refused:
            try:
                self._reopen()
                return
            except FileNotFoundError:
                pass  # the next line finds out whether the whole folder is gone
        # The collector takes a segment away only once there is a later one.
        self.is_robbed = self.is_robbed or (self.is_begun and not os.path.exists(self._path(self._segment)))
        try:
            self._begin(self._segment + 1)
        except OSError:
            if not self._is_refused or self._is_torn:
                raise
            self._reopen()  # where nothing new can be made, some words may still fit

    def write(self, frame: bytes) -> None:
        """Append a frame, in the next segment once this one is full; if it does not fit, leave the file as it was."""
        if self._size >= SEGMENT_BYTES or self._is_refused:
            self.shut()
            self.open()
        self._append(frame)

    def _append(self, frame: bytes) -> None:
        whole = self._size
        written = 0
        try:
            written = os.write(self._descriptor, frame)
            while written < len(frame):  # what refuses the rest says why
                written += os.write(self._descriptor, frame[written:])
        except OSError:
            self._is_refused = True
            if written:
                self._is_torn = True
                os.ftruncate(self._descriptor, whole)
                self._is_torn = False
            raise
        self._size += written

    def _reopen(self) -> None:
        self._descriptor = os.open(self._path(self._segment), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def state_loss(self, events: int, error_number: int) -> None:
        """Say how many events were lost where no frame fits: by the name of an empty file, which needs no room."""
        path = os.path.join(self.folder, f"{self.id}.{events}.{error_number}{LOSS_SUFFIX}")
        if path != self._loss_path:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self.retract_loss()
            self._loss_path = path

    def retract_loss(self) -> None:
        """Take back what `state_loss` said: it stands in a frame now."""
        path, self._loss_path = self._loss_path, ""
        if path:
            os.unlink(path)

    def shut(self) -> None:
        """Close the file until the next `open`."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _begin(self, segment: int) -> None:
        path = self._path(segment)
        before = self._size
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._size = 0
        try:
            self._append(pack_frame(HEAD, 0, to_json(self._head(segment))))
        except OSError:
            self.shut()
            os.unlink(path)
            self._size = before
            raise
        self._segment = segment
        self._is_refused = self._is_torn = False

    def _path(self, segment: int) -> str:
        return os.path.join(self.folder, f"{self.id}.{segment:06d}{SPOOL_SUFFIX}")

    def _head(self, segment: int) -> dict[str, object]:
        head: dict[str, object] = {
            "version": SPOOL_VERSION,
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "spool": self.id,
            "segment": segment,
            "python": sys.version.split()[0],
            "argv": list(getattr(sys, "argv", ())),
            "perf_counter_ns": perf_counter_ns(),
            "monotonic_ns": monotonic_ns(),
        }
        if self._parent is not None:
            head["parent_spool"] = self._parent.spool
            head["parent_lane"] = self._parent.lane
            head["between"] = list(self._parent.between)
            head["asked_for"] = self._parent.is_asked_for
        return head
