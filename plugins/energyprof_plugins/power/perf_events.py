"""The RAPL counters that perf offers, as `/sys/bus/event_source/devices/power` describes them.

Linux, Documentation/ABI/testing/sysfs-bus-event_source-devices-events and arch/x86/events/rapl.c.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from energyprof_plugins.power.rapl_domains import Plane
from energyprof_plugins.power.sysfs_number import number_of, text_of

FOLDER = "sys/bus/event_source/devices/power"
KINDS = {
    "energy-pkg": "package",
    "energy-cores": "core",
    "energy-gpu": "uncore",
    "energy-ram": "dram",
    "energy-psys": "psys",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One counter: what it counts, and how perf is asked for it."""

    plane: Plane
    name: str
    kind: int
    """The PMU's number."""
    config: int
    cpu: int
    """A CPU of the socket, by which the kernel counts."""
    scale_j: float
    """Joules in one count; 2**-32 on every kernel so far."""


def find_events(root: str) -> list[Event]:
    """Return the counters of every socket, openable or not; none where the kernel has no such PMU."""
    folder = os.path.join(root, FOLDER)
    kind = number_of(folder, "type")
    if kind is None:
        return []
    sockets = _sockets(root, text_of(folder, "cpumask") or "0")
    events = []
    for socket, die, cpu in sockets:
        for name, called in KINDS.items():
            config = _config(text_of(folder, "events", name))
            scale_j = _scale_j(text_of(folder, "events", f"{name}.scale"), text_of(folder, "events", f"{name}.unit"))
            if config is not None and scale_j is not None:
                events.append(Event(Plane(called, socket, die), name, kind, config, cpu, scale_j))
    return events


def _sockets(root: str, cpumask: str) -> list[tuple[int, int | None, int]]:
    """Return (socket, die, CPU) for each CPU of the mask; the die only where a socket has several."""
    found = []
    for cpu in _cpus(cpumask):
        topology = os.path.join(root, f"sys/devices/system/cpu/cpu{cpu}/topology")
        found.append((number_of(topology, "physical_package_id") or 0, number_of(topology, "die_id") or 0, cpu))
    has_dies = len({socket for socket, _, _ in found}) < len(found)
    return [(socket, die if has_dies else None, cpu) for socket, die, cpu in found]


def _cpus(cpumask: str) -> list[int]:
    """Return the CPUs of a list such as `0,18-19`."""
    cpus: list[int] = []
    for part in cpumask.split(","):
        first, _, last = part.partition("-")
        if first.strip().isdigit() and (not last or last.strip().isdigit()):
            cpus += range(int(first), int(last or first) + 1)
    return cpus


def _config(text: str | None) -> int | None:
    """Return the event's number, as in `event=0x02`."""
    key, _, value = (text or "").partition("=")
    try:
        return int(value, 16) if key == "event" else None
    except ValueError:
        return None


def _scale_j(scale: str | None, unit: str | None) -> float | None:
    try:
        value = float(scale or "")
    except ValueError:
        return None
    return value if unit == "Joules" and value > 0 else None
