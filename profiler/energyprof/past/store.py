"""The runs kept in the user's state folder: one file of lines of JSON, to which each run adds its own.

Several processes may add at once: a line is one write, under a lock. What is broken is passed over, never mended by
guessing. The file is the user's alone (mode 0600).
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from energyprof.errors import InputError
from energyprof.model.past import PastRun
from energyprof.past.line import line_of, run_of

FILE: Final = "history.jsonl"
LOCK: Final = "history.lock"
LARGEST_BYTES: Final = 32 << 20
"""A file that grows beyond it loses its oldest half."""
PATIENCE_S: Final = 2.0
"""How long another process that writes is waited for; a line takes it microseconds."""
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


class Kept(NamedTuple):
    """What the file holds."""

    runs: tuple[PastRun, ...]
    """Oldest first."""
    broken: int = 0
    """Lines that are no runs."""
    newer: int = 0
    """Lines of a newer version of energyprof."""


class RunStore:
    """The runs below a state folder; without one (empty) nothing is kept. Raises InputError for faults of disks."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.path = os.path.join(folder, FILE) if folder else ""

    def all(self) -> Kept:
        """Return every run that can be read."""
        runs, broken, newer = [], 0, 0
        for line in self._lines():
            try:
                run = run_of(line)
            except ValueError:
                broken += 1
                continue
            newer += run is None
            runs += [] if run is None else [run]
        return Kept(tuple(runs), broken, newer)

    def of_program(self, digest: str) -> tuple[PastRun, ...]:
        """Return the runs of a program, oldest first; other lines are not looked into."""
        mark = digest.encode()
        runs = []
        for line in self._lines():
            if mark not in line:
                continue
            try:
                run = run_of(line)
            except ValueError:
                continue
            if run is not None and run.work.program == digest:
                runs.append(run)
        return tuple(runs)

    def add(self, run: PastRun) -> None:
        """Add a run: wholly or not at all."""
        line = line_of(run)
        with self._locked(), self._faults_told():
            number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(number).st_size
                # What a full disk or a lost machine has cut off must not swallow this line, too.
                is_cut = size > 0 and os.pread(number, 1, size - 1) != b"\n"
                whole = (b"\n" if is_cut else b"") + line
                try:
                    written = os.write(number, whole)
                    if written < len(whole):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                except OSError:
                    os.ftruncate(number, size)
                    raise
            finally:
                os.close(number)
            if size + len(whole) > LARGEST_BYTES:
                lines = list(self._lines())
                self._replace(lines[len(lines) // 2 :])

    def keep_if(self, is_kept: Callable[[PastRun], bool]) -> int:
        """Forget the runs for which `is_kept` is false, and broken lines; return how many runs those were."""
        if not os.path.exists(self.path):
            return 0
        forgotten, kept = 0, []
        with self._locked(), self._faults_told():
            for line in self._lines():
                try:
                    run = run_of(line)
                except ValueError:
                    continue
                if run is None or is_kept(run):
                    kept.append(line)
                else:
                    forgotten += 1
            self._replace(kept)
        return forgotten

    def _lines(self) -> Iterator[bytes]:
        if not self.path or not os.path.exists(self.path):
            return
        with self._faults_told(), open(self.path, "rb") as stream:
            for line in stream:
                if line.strip():
                    yield line if line.endswith(b"\n") else line + b"\n"

    def _replace(self, lines: Iterable[bytes]) -> None:
        scratch = f"{self.path}.{os.getpid()}"
        try:
            number = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(number, "wb") as stream:
                stream.writelines(lines)
                stream.flush()
                os.fsync(number)
            os.replace(scratch, self.path)
        except OSError:
            if os.path.exists(scratch):
                os.unlink(scratch)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock; file systems without locks go without, where a line is still one write."""
        if not self._folder:
            raise InputError("there is no folder to keep runs in; set XDG_STATE_HOME to one that can be written")
        import fcntl

        with self._faults_told():
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            lock = os.open(os.path.join(self._folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if error.errno in _NO_LOCKS:
                        break
                if time.monotonic() >= deadline_s:
                    raise InputError(
                        f"another process has held {os.path.join(self._folder, LOCK)} for {PATIENCE_S:g} s; try again"
                    )
                time.sleep(0.01)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be used ({error.strerror}); make it readable and writable, free space there, or "
                "set XDG_STATE_HOME to another place"
            ) from error
