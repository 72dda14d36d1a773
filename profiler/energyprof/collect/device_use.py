"""Who used the devices: the program's part and others', as the sources tell it by process, asked about once a second.

Threads ask, for a driver may hang: what it has not answered is not known, and nobody waits for it. One thread asks all
parts of a source; if one of them hangs, `drain` gives the others another thread. What is added up is the part of the
device used times the time since the answer before.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from energyprof.collect.devices import parts_of
from energyprof.collect.host_use import use_of
from energyprof.collect.rounds import Rounds
from energyprof.interfaces import PowerSource, ShareSource
from energyprof.model.ids import DomainId

if TYPE_CHECKING:
    from energyprof.model.power import Use

EVERY_S = 1.0
HANGS_NS = 1_000_000_000
FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO of Linux (include/linux/proc_ns.h): where pids are those that a driver tells."""


def sees_host_pids(proc: str = "/proc") -> bool:
    """Return whether our pids are the host's; a container's are not, and a driver knows the host's only."""
    try:
        return os.readlink(f"{proc}/self/ns/pid") == FIRST_PID_NAMESPACE
    except OSError:
        return False


class DeviceUse:
    """Ask the sources that know who uses their devices. `drain` and `news` from any thread."""

    def __init__(
        self,
        program: Callable[[], Collection[int]],
        *,
        knows_pids: bool,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`program` returns the program's processes; `knows_pids`: they are the numbers that drivers know."""
        self._program = program
        self._knows_pids = knows_pids
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._sums: dict[DomainId, list[float]] = {}
        self._last_ns: dict[DomainId, int] = {}
        self._rows: dict[DomainId, list[int]] = {}
        self._ended = threading.Event()
        self._said: list[str] = []
        self._rounds: list[Rounds[ShareSource]] = []

    def add(self, sources: Sequence[PowerSource]) -> None:
        """Begin to ask those of the sources, or of their parts, that know; one thread for each source."""
        for source in sources:
            knowing: list[ShareSource] = [part for part in parts_of(source) if isinstance(part, ShareSource)]
            if isinstance(source, ShareSource):
                knowing = knowing or [source]
            if knowing:
                self._begin(knowing)

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()

    def take(self, shares: Mapping[DomainId, Mapping[int, float]]) -> None:
        """Take one answer; without knowing which processes are ours it tells only that there are several."""
        t_ns = self._now_ns()
        program = frozenset(self._program())
        with self._lock:
            for domain, by_pid in shares.items():
                if not self._knows_pids:
                    self._say_unknown(domain, by_pid)
                    continue
                own = min(1.0, sum(share for pid, share in by_pid.items() if pid in program))
                others = min(1.0 - own, sum(share for pid, share in by_pid.items() if pid not in program))
                sums = self._sums.setdefault(domain, [0.0, 0.0])
                since_ns = t_ns - self._last_ns.get(domain, t_ns)
                sums[0] += max(own, 0.0) * since_ns
                sums[1] += max(others, 0.0) * since_ns
                self._last_ns[domain] = t_ns
                self._rows.setdefault(domain, []).extend((t_ns, round(sums[0]), round(sums[1]), 0))

    def drain(self) -> Mapping[DomainId, Use]:
        """Return the rows since the last time, of the domains that have any."""
        for rounds in tuple(self._rounds):
            waiting = rounds.take_waiting(HANGS_NS)
            if waiting:
                self._begin(waiting)
        with self._lock:
            rows, self._rows = self._rows, {}
        return {domain: use_of(flat) for domain, flat in rows.items()}

    def news(self) -> list[str]:
        """Return what there is to say since the last time."""
        with self._lock:
            said, self._said = self._said, []
        return said

    def _say_unknown(self, domain: DomainId, by_pid: Mapping[int, float]) -> None:
        users = sum(share > 0 for share in by_pid.values())
        if users > 1:
            self._said.append(
                f"{domain}: {users} processes use it, and in this container it cannot be known which of them is the "
                "program; start the container with --pid=host to tell"
            )

    def _begin(self, knowing: Sequence[ShareSource]) -> None:
        rounds = Rounds(knowing, self._now_ns)
        self._rounds.append(rounds)
        threading.Thread(target=self._follow, args=(rounds,), name="energyprof shares", daemon=True).start()

    def _follow(self, rounds: Rounds[ShareSource]) -> None:
        rounds.visit(self._ask)
        while not self._ended.wait(EVERY_S):
            rounds.visit(self._ask)

    def _ask(self, source: ShareSource) -> bool:
        try:
            shares = source.process_shares()
        except Exception:  # the door says it never raises; a stranger's source may all the same
            return False
        self.take(shares)
        return True
