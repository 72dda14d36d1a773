"""Visit several members in one thread, one after the other; who hangs keeps that thread, and the others get another.

To wake a thread up costs more than what it does then: 75 us in a virtual machine whose cores are busy, of which a read
of a GPU adds 10 us once the code is in the caches (bench_sampler.py). So what has the same pace shares a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Member = TypeVar("Member")


class Rounds(Generic[Member]):
    """The members of one thread. `visit` is called from that thread alone, everything else from any."""

    def __init__(self, members: Sequence[Member], now_ns: Callable[[], int]) -> None:
        """Take the members in the order of visits."""
        self._members = tuple(members)
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._visited: Member | None = None
        self._since_ns = 0

    @property
    def members(self) -> tuple[Member, ...]:
        """Those that are visited."""
        return self._members

    @property
    def visited(self) -> Member | None:
        """The member that is being visited."""
        return self._visited

    def visit(self, act: Callable[[Member], bool]) -> bool:
        """Act on each member; return whether it succeeded with any. Who is taken out meanwhile is left out."""
        succeeded = False
        members = self._members
        for member in members:
            with self._lock:
                if self._members is not members and not any(other is member for other in self._members):
                    continue
                self._visited, self._since_ns = member, self._now_ns()
            succeeded |= act(member)
            self._visited = None
        return succeeded

    def take_waiting(self, patience_ns: int) -> tuple[Member, ...]:
        """Take out and return those that wait for a visit that has lasted longer than `patience_ns`."""
        with self._lock:
            hanging = self._visited
            if hanging is None or self._now_ns() - self._since_ns <= patience_ns:
                return ()
            waiting = tuple(member for member in self._members if member is not hanging)
            self._members = (hanging,)
            return waiting

    def take_out(self, member: Member) -> bool:
        """Take a member out unless it is being visited or the last one; return whether it is."""
        with self._lock:
            is_free = member is not self._visited and len(self._members) > 1
            if is_free:
                self._members = tuple(other for other in self._members if other is not member)
            return is_free

    def take_all(self) -> tuple[Member, ...]:
        """Take all members out and return them."""
        with self._lock:
            members, self._members = self._members, ()
            return members
