"""Which processes belong to the program: its root, the descendants of that, and those adopted by their spool."""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from typing import Protocol

IDS_PER_GLANCE = 64
"""So few new ids are looked up one by one, which takes microseconds; to list all processes takes a millisecond."""
READS_PER_REFRESH = 256
"""New processes looked at in one refresh; on a host with thousands the first look is spread over several."""


class Tree(Protocol):
    """The program's live processes. Not thread-safe but for `adopt`."""

    def adopt(self, pid: int) -> None:
        """Count `pid` and its descendants to the program from the next refresh on, though no ancestor shows it."""
        ...

    def births(self) -> int | None:
        """Return a number that changes with every process or thread created on this host; None: not known."""
        ...

    def refresh(self) -> Sequence[int]:
        """Look for new and ended processes; return those alive, in the order found."""
        ...


def process_tree(root_pid: int, proc: str = "/proc") -> Tree:
    """Return the tree below `root_pid` but for this process, read from /proc where there is one.

    The collector of a program that profiles itself is a child of the program where the program is process 1.
    """
    own_pid = os.getpid()
    return ProcTree(root_pid, proc, own_pid) if os.path.exists(f"{proc}/self/stat") else PsutilTree(root_pid, own_pid)


class ProcTree:
    """Follow the tree through /proc/PID/stat, read once for each new process.

    A child whose parent ended before both were seen together has lost its ancestors: that is what `adopt` is for.
    """

    def __init__(self, root_pid: int, proc: str = "/proc", left_out: int = 0) -> None:
        """Follow the tree below `root_pid`, but neither the process `left_out` nor what descends from it."""
        self._root_pid = root_pid
        self._left_out = left_out
        self._proc = proc
        self._parents: dict[int, int] = {}
        self._started: dict[int, int] = {}
        """Start time of each member: tells a reused pid from the process it was."""
        self._adopted: set[int] = {root_pid}
        self._adoptions = 0
        self._adoptions_seen = -1
        self._last_id = 0
        """The last id given out when processes were last looked for."""
        self._unborn: set[int] = set()
        """Ids given out to nobody yet, or to somebody who has gone already; they are looked at once more."""
        self._again = 0
        self._loadavg_fd = os.open(f"{proc}/loadavg", os.O_RDONLY)

    def __del__(self) -> None:
        os.close(self._loadavg_fd)

    def adopt(self, pid: int) -> None:
        """Count `pid` and its descendants to the program from the next refresh on."""
        if pid not in self._adopted:
            self._adopted.add(pid)
            self._adoptions += 1

    def births(self) -> int | None:
        """Return the last process or thread id given out, which proc(5) has as the last word of /proc/loadavg."""
        return self._newest_id() + (self._adoptions << 32) + (self._again << 48)

    def _newest_id(self) -> int:
        return int(os.pread(self._loadavg_fd, 128, 0).rsplit(None, 1)[1])

    def refresh(self) -> Sequence[int]:
        """Look for new and ended processes; return those alive, in the order found."""
        newest, adoptions = self._newest_id(), self._adoptions
        if adoptions == self._adoptions_seen and 0 <= newest - self._last_id <= IDS_PER_GLANCE:
            self._glance(range(self._last_id + 1, newest + 1))
        else:
            self._look()
        self._last_id, self._adoptions_seen = newest, adoptions
        return tuple(self._started)

    def _glance(self, ids: range) -> None:
        """Look at the members and at the processes that have come since; strangers wait until all are looked at."""
        for pid in list(self._started):
            self._check_member(pid, self._started.keys())
        again, self._unborn = self._unborn, set()
        for pid in sorted({*again, *ids}):
            stat = self._stat(pid)
            if stat is None and pid not in again:
                self._unborn.add(pid)  # an id is given out before the process can be seen
            elif stat is not None and stat[0] in self._started and pid != self._left_out and self._leads(pid):
                self._parents[pid], self._started[pid] = stat
        self._again += bool(self._unborn)

    def _leads(self, pid: int) -> bool:
        """Tell whether an id is that of a process, not of one of its threads, which /proc shows as well if asked."""
        try:
            with open(f"{self._proc}/{pid}/status", "rb") as file:
                return f"\nTgid:\t{pid}\n".encode() in file.read()
        except OSError:
            return False

    def _look(self) -> None:
        """Look at all processes."""
        adopted = tuple(self._adopted)  # Before looking: one adopted after that may be alive and not be seen here.
        alive = {int(name) for name in os.listdir(self._proc) if name.isdigit()}
        # An adopted process that has ended must not be mistaken for a stranger who gets its pid.
        self._adopted.difference_update(pid for pid in adopted if pid not in alive)
        for pid in self._parents.keys() - alive:
            del self._parents[pid]
        for pid in list(self._started):
            self._check_member(pid, alive)
        for pid in self._adopted & alive - self._started.keys():
            self._admit(pid)
        # Those forked after the root come first: pids count upwards until they wrap.
        new = sorted(alive - self._parents.keys(), key=lambda pid: (pid < self._root_pid, pid))
        for pid in new[:READS_PER_REFRESH]:
            if (stat := self._stat(pid)) is not None:
                self._parents[pid] = stat[0]
        self._admit_descendants()

    def _check_member(self, pid: int, alive: Container[int]) -> None:
        stat = self._stat(pid) if pid in alive else None
        if stat is not None and stat[1] == self._started[pid]:
            return
        del self._started[pid]
        self._parents.pop(pid, None)
        self._adopted.discard(pid)

    def _admit_descendants(self) -> None:
        strangers = {pid: parent for pid, parent in self._parents.items() if pid not in self._started}
        strangers.pop(self._left_out, None)
        while found := [pid for pid, parent in strangers.items() if parent in self._started]:
            for pid in found:
                del strangers[pid]
                self._admit(pid)

    def _admit(self, pid: int) -> None:
        if (stat := self._stat(pid)) is not None:
            self._parents[pid], self._started[pid] = stat

    def _stat(self, pid: int) -> tuple[int, int] | None:
        """Return (parent, start time in ticks); None where the process is gone."""
        try:
            with open(f"{self._proc}/{pid}/stat", "rb") as file:
                text = file.read()
        except OSError:
            return None
        # proc(5): the second field is the name in parentheses and may hold anything, ")" and spaces included.
        fields = text[text.rindex(b")") + 2 :].split()
        return int(fields[1]), int(fields[19])


class PsutilTree:
    """The same where there is no /proc (macOS, Windows)."""

    def __init__(self, root_pid: int, left_out: int = 0) -> None:
        self._left_out = left_out
        self._adopted: set[int] = {root_pid}

    def adopt(self, pid: int) -> None:
        """Count `pid` and its descendants to the program from the next refresh on."""
        self._adopted.add(pid)

    def births(self) -> int | None:
        """Return None: not known here."""
        return None

    def refresh(self) -> Sequence[int]:
        """Look for new and ended processes; return those alive, in the order found."""
        import psutil

        alive: dict[int, None] = {}
        for pid in sorted(self._adopted):
            try:
                process = psutil.Process(pid)
                children = process.children(recursive=True)
                found = [process, *(child for child in children if child.pid != self._left_out)]
            except psutil.Error:
                self._adopted.discard(pid)
                continue
            # Children become roots of their own: they stay ours when their parent ends.
            self._adopted.update(child.pid for child in found)
            alive.update(dict.fromkeys(child.pid for child in found))
        return tuple(alive)
