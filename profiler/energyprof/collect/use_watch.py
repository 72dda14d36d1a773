"""Who else uses the machine while the program runs: its processors and its devices, looked at now and then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from energyprof.collect.control_group import ControlGroup
from energyprof.collect.cpu_clock import CpuClock
from energyprof.collect.cpu_readers import cpu_reader
from energyprof.collect.device_use import DeviceUse, sees_host_pids
from energyprof.collect.host_use import HostUse
from energyprof.interfaces import PowerSource
from energyprof.model.ids import DomainId

if TYPE_CHECKING:
    from energyprof.model.power import Use


class UseWatch:
    """The use of processors and devices; `look` and `drain` are called from one thread."""

    def __init__(self, clock: CpuClock, root_pid: int, own_pid: int, foreground_pid: int | None) -> None:
        """Take the program's clock; the collector (`own_pid`) and the foreground, if there is one, are its profiler."""
        profiler = [pid for pid in (own_pid, foreground_pid) if pid is not None]
        group = ControlGroup(root_pid, clock.pids, profiler)
        self._host = HostUse(clock.total_ns, _cpu_time_of(foreground_pid), group)
        self._has_quota = group.has_quota()
        self._devices = DeviceUse(clock.pids, knows_pids=sees_host_pids())
        self._host.look()

    def add(self, sources: Sequence[PowerSource]) -> None:
        """Begin to ask sources that know who uses their devices."""
        self._devices.add(sources)

    def look(self, is_last: bool = False) -> None:
        """Look at the processors, if that is due or the last time."""
        self._host.look(is_last)
        if is_last:
            self._devices.end()

    def idle_cpus(self) -> float | None:
        """Return how many of the processors that we may use were idle of late; None: that is not known.

        Inside a container with a quota idle processors of the host are not to be had.
        """
        online, busy = os.cpu_count(), self._host.busy_cpus
        if online is None or busy is None or self._has_quota:
            return None
        ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else online
        return min(max(online - busy, 0.0), float(ours))

    def drain(self) -> tuple[Use, Mapping[DomainId, Use]]:
        """Return what has been seen since the last time, of the processors and of the devices."""
        return self._host.drain(), self._devices.drain()

    def news(self) -> list[str]:
        """Return what there is to say since the last time."""
        return self._devices.news()


def _cpu_time_of(foreground_pid: int | None) -> Callable[[], int]:
    """Return what reads the CPU time of this process, and of the foreground as long as it lives."""
    if foreground_pid is None:
        return time.process_time_ns
    read_ns = cpu_reader().process_clock(foreground_pid)
    last_ns = 0

    def both_ns() -> int:
        nonlocal last_ns
        with suppress(OSError):  # gone: what it had used stays used
            last_ns = read_ns()
        return time.process_time_ns() + last_ns

    return both_ns
