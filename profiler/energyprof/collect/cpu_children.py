"""CPU time of children that nobody saw: they ended between two looks at the processes, and somebody waited for them.

The kernel adds what a child has used, with all that it had waited for itself, to the process that waits for it
(proc(5), stat, cutime and cstime, in ticks of 10 ms). What of that no clock of its own has shown is the unseen part:
never too much, and too little by less than two ticks in all. Not told is the time of children that were never waited
for: orphans, and those of a program that ignores SIGCHLD.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Kin(NamedTuple):
    """What the system says of a process and its children."""

    parent: int
    is_ending: bool
    """It has ended; its parent may be waiting for it at this instant."""
    waited_ns: int
    """CPU time of the children it has waited for, theirs included."""


@dataclass(slots=True, eq=False)
class _Family:
    parent: int
    waited_ns: int
    """When last looked at."""
    known_ns: int
    """Of that, what belongs before the run, or to children with clocks of their own that are gone."""
    unseen_ns: int = 0


class UnseenChildren:
    """Finds the unseen part, process by process; `read_kin` raises OSError for one that is gone, None: not told."""

    def __init__(self, read_kin: Callable[[int], Kin | None]) -> None:
        self._read_kin = read_kin
        self._families: dict[int, _Family] = {}

    def take_up(self, pid: int, had_lived: bool) -> None:
        """Follow a process; what one that `had_lived` before the run has waited for so far does not count."""
        kin = self._kin(pid)
        if kin is not None:
            self._families[pid] = _Family(kin.parent, kin.waited_ns, kin.waited_ns if had_lived else 0)

    def look(self, pid: int) -> None:
        """Read what a process has waited for."""
        family, kin = self._families.get(pid), self._kin(pid)
        if family is not None and kin is not None:
            family.parent, family.waited_ns = kin.parent, kin.waited_ns

    def unseen_ns(self, pid: int, gone_ns: Mapping[int, int]) -> int:
        """Return the unseen part of what a process had waited for when last looked at; never decreases.

        `gone_ns`: of the processes followed, those that were gone *after* that look, and what each had used itself.
        """
        family = self._families.get(pid)
        if family is None:
            return 0
        children = [child for child, other in self._families.items() if other.parent == pid]
        known_ns = family.known_ns + sum(self._whole_ns(child, gone_ns) for child in children if child in gone_ns)
        found_ns = family.waited_ns - known_ns
        if found_ns > family.unseen_ns and not any(
            self._is_ending(child) for child in children if child not in gone_ns
        ):
            family.unseen_ns = found_ns
        return family.unseen_ns

    def forget(self, gone_ns: Mapping[int, int]) -> None:
        """Take leave of processes that are gone: what they had used stays known to their parents."""
        for pid in gone_ns:
            family = self._families.get(pid)
            parent = None if family is None else self._families.get(family.parent)
            if parent is not None:
                parent.known_ns += self._whole_ns(pid, gone_ns)
        for pid in gone_ns:
            self._families.pop(pid, None)

    def _whole_ns(self, pid: int, gone_ns: Mapping[int, int]) -> int:
        """Return what a process that is gone has handed to its parent: its own time, and that of its children."""
        family = self._families[pid]
        children = [child for child, other in self._families.items() if other.parent == pid and child in gone_ns]
        known_ns = family.known_ns + family.unseen_ns + sum(self._whole_ns(child, gone_ns) for child in children)
        return gone_ns[pid] + max(family.waited_ns, known_ns)

    def _is_ending(self, pid: int) -> bool:
        kin = self._kin(pid)
        return kin is None or kin.is_ending

    def _kin(self, pid: int) -> Kin | None:
        try:
            return self._read_kin(pid)
        except OSError:
            return None
