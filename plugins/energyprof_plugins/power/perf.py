"""Read the energy counters of Intel and AMD processors (RAPL) through perf, where powercap is missing or unreadable.

The domains are those of `rapl`, which is read where both can be. The counters have 64 bits and start at 0 when they are
opened: the kernel itself keeps up with the hardware's wraps (rapl_hrtimer_handle in arch/x86/events/rapl.c).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof_plugins.power.perf_events import Event, find_events
from energyprof_plugins.power.perf_syscall import open_counter, read_counter
from energyprof_plugins.power.rapl_access import NOT_X86, VIRTUAL, X86_VENDORS
from energyprof_plugins.power.rapl_domains import PERIOD_NS, cpu_facts, gain_error, parent_of
from energyprof_plugins.power.sysfs_number import Fault, answer, fault_of, text_of

LARGEST_RAW = 2**63 - 1
READS_TO_MOVE = 3000
"""Some milliseconds of reads, and the counter is updated every one of them."""
NO_PMU = "the kernel offers no RAPL counters to perf; try: sudo modprobe rapl"
SECCOMP = (
    "perf_event_open is forbidden here, as container engines do by default; start the container with --cap-add PERFMON"
)


class Perf:
    """Offer the counters energy-pkg, -cores, -gpu, -ram and -psys of each socket."""

    name = "perf"
    measures: Literal["sensor", "model", "replay"] = "sensor"
    rank = 30
    takes_argument = False
    answers_at_once: Literal[True] = True

    def __init__(
        self,
        open_event: Callable[[int, int, int], int] = open_counter,
        read_event: Callable[[int], int | None] = read_counter,
    ) -> None:
        self._open_event = open_event
        self._read_event = read_event
        self._counters: list[tuple[DomainId, str, int]] = []

    def why_unavailable(self, context: SourceContext) -> str | None:
        """Return None if at least one counter can be opened, else why not."""
        opened, reason = self._openable(context.root)
        for _, descriptor in opened:
            os.close(descriptor)
        return reason

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Open the counters and return their domains."""
        self.close()
        opened, reason = self._openable(context.root)
        if reason is not None:
            raise SourceError(reason)
        self._counters = [(event.plane.id(), event.name, descriptor) for event, descriptor in opened]
        vendor = cpu_facts(context.root).get("vendor_id", "")
        planes = [event.plane for event, _ in opened]
        return tuple(
            Domain(
                id=event.plane.id(),
                source=f"{self.name} (RAPL event {event.name} on CPU {event.cpu})",
                provenance="sensor",
                quantity="energy",
                scale=event.scale_j,
                driver="cpu",
                parent=parent_of(event.plane, planes),
                period_ns=PERIOD_NS,
                gain_error=gain_error(event.plane.kind, vendor),
            )
            for event, _ in opened
        )

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Read every counter."""
        return [answer(id_, self._value(name, descriptor)) for id_, name, descriptor in self._counters]

    def close(self) -> None:
        """Close the counters."""
        counters, self._counters = self._counters, []
        for _, _, descriptor in counters:
            os.close(descriptor)

    def _value(self, name: str, descriptor: int) -> int | Fault:
        try:
            value = self._read_event(descriptor)
        except OSError as error:
            return fault_of(error, name)
        if value is None:
            return Fault(ReadStatus.LOST, f"{name} gives no value: its CPU is offline")
        if value > LARGEST_RAW:
            return Fault(ReadStatus.UNKNOWN, f"{name} gave {value}, which no counter reaches")
        return value

    def _openable(self, root: str) -> tuple[list[tuple[Event, int]], str | None]:
        """Return the events with their descriptors, and why there are none."""
        events = find_events(root)
        if not events:
            return [], _why_no_events(root)
        opened: list[tuple[Event, int]] = []
        refusal: OSError | None = None
        for event in events:
            try:
                descriptor = self._open_event(event.kind, event.config, event.cpu)
            except OSError as error:
                refusal = refusal or error
                continue
            if event.plane.kind != "psys" or self._moves(descriptor):
                opened.append((event, descriptor))
            else:
                os.close(descriptor)
        if opened:
            return opened, None
        return [], NO_PMU if refusal is None else _why_refused(refusal, root)

    def _moves(self, descriptor: int) -> bool:
        """Return whether the counter counts: a platform that never wired psys has one that stands at 0."""
        try:
            return any(self._read_event(descriptor) for _ in range(READS_TO_MOVE))
        except OSError:
            return False


def _why_no_events(root: str) -> str:
    facts = cpu_facts(root)
    if facts.get("vendor_id") not in X86_VENDORS:
        return NOT_X86
    return VIRTUAL if "hypervisor" in facts.get("flags", "").split() else NO_PMU


def _why_refused(refusal: OSError, root: str) -> str:
    # perf_allow_cpu() in the kernel answers EACCES; seccomp, which container engines use, answers EPERM.
    if refusal.errno == errno.EACCES:
        level = text_of(root, "proc/sys/kernel/perf_event_paranoid") or "above 0"
        return (
            f"counters of the whole machine are refused to users (kernel.perf_event_paranoid is {level}); "
            "until the next boot: sudo sysctl kernel.perf_event_paranoid=0  "
            "for good: echo kernel.perf_event_paranoid=0 | sudo tee /etc/sysctl.d/70-energyprof.conf"
        )
    if refusal.errno == errno.EPERM:
        return SECCOMP
    return f"perf cannot open the RAPL counters ({refusal.strerror}); does `perf stat -a -e power/energy-pkg/` work?"
