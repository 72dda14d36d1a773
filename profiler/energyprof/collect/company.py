"""Devices of one source and one pace, read in one thread, until one of them is too slow for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from energyprof.collect.poller import Poller
from energyprof.collect.rounds import Rounds

ALONE = 2
"""So many devices of a source are read in threads of their own, at no other's risk; more share one."""
HANGS_NS = 100_000_000
"""Whose answer takes longer is waited for by nobody."""
SLOW_NS = 1_000_000
SLOWER = 4
"""A device that takes longer than 1 ms, and so many times longer than is usual among them, gets a thread of its own."""


class Company:
    """What a sampling thread polls in the place of one device. `poll` and `close` are called from that thread."""

    def __init__(self, pollers: Sequence[Poller], now_ns: Callable[[], int]) -> None:
        """Take the devices in the order in which they are read."""
        self._rounds = Rounds(pollers, now_ns)
        self._slow: tuple[Poller, ...] = ()

    def poll(self) -> bool:
        """Read each device once; return False where all gave nothing but failures."""
        return self._rounds.visit(Poller.poll)

    def close(self) -> None:
        """Close those that are still here."""
        for poller in self._rounds.take_all():
            poller.close()

    def call_ns(self) -> int:
        """Return how long the slowest takes to answer that is to stay; called from the thread."""
        took_ns = {poller: poller.call_ns() for poller in self._rounds.members}
        bound_ns = max(SLOW_NS, SLOWER * sorted(took_ns.values())[len(took_ns) // 2]) if took_ns else SLOW_NS
        self._slow = tuple(poller for poller, t_ns in took_ns.items() if t_ns > bound_ns)
        return max((t_ns for t_ns in took_ns.values() if t_ns <= bound_ns), default=0)

    def leaving(self) -> list[tuple[Poller, ...]]:
        """Take out who needs another thread, and return each such thread's devices; from any other thread."""
        waiting = self._rounds.take_waiting(HANGS_NS)
        slow = [(poller,) for poller in self._slow if self._rounds.take_out(poller)]
        self._slow = ()
        return [*([waiting] if waiting else []), *slow]

    def name(self) -> str:
        """Return the name of the device that is being read."""
        visited = self._rounds.visited
        return "" if visited is None else visited.device.name
