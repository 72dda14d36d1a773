"""What kind of machine it is: server, desktop or laptop, its memory, its power limit and its kinds of cores."""

from __future__ import annotations

import os
from typing import Final, Literal, TypeAlias

from energyprof_plugins.power.sysfs_number import names_in, number_of, text_of

Kind: TypeAlias = Literal["server", "desktop", "laptop"]
# DMTF DSP0134, System Management BIOS, table "System Enclosure or Chassis Types".
LAPTOPS: Final = frozenset({8, 9, 10, 11, 14, 30, 31, 32})
DESKTOPS: Final = frozenset({3, 4, 5, 6, 7, 13, 15, 16, 24, 34, 35, 36})
# Of an Alder Lake desktop part eight efficiency cores drew 48 W together, eight performance cores 239 W: AnandTech,
# "The Intel 12th Gen Core i9-12900K Review", 2021-11-04, page 4, "Power: P-Core vs E-Core". The page is there, of these
# two figures no copy was at hand to verify them; the model's stated error, a factor of 2 or 3, holds more than that.
EFFICIENT: Final = 0.2
"""Power of an efficiency core, a performance core's being 1."""
FULL_CAPACITY: Final = 1024
"""cpu_capacity of the fastest core (Linux, Documentation/scheduler/sched-capacity.rst)."""
HIGHEST_LIMIT_W: Final = 500.0


def kind_of(root: str) -> Kind:
    """Return the kind; a machine whose chassis says nothing, such as a virtual one, counts as a server."""
    chassis = number_of(root, "sys/class/dmi/id/chassis_type")
    if chassis in LAPTOPS:
        return "laptop"
    supplies = os.path.join(root, "sys/class/power_supply")
    for name in names_in(supplies):
        if text_of(supplies, name, "type") == "Battery" and text_of(supplies, name, "scope") != "Device":
            return "laptop"
    return "desktop" if chassis in DESKTOPS else "server"


def memory_gb(root: str) -> float:
    """Return the memory in gigabytes, from /proc/meminfo; 0.0 where it is not said."""
    for line in (text_of(root, "proc/meminfo") or "").splitlines():
        key, _, value = line.partition(":")
        number = value.split()[:1]
        if key == "MemTotal" and number and number[0].isdigit():
            return int(number[0]) * 1024 / 1e9
    return 0.0


def power_limit_w(root: str) -> float | None:
    """Return the long-term power limit of all packages, which every user may read; None where none is stated."""
    folder, total_w = os.path.join(root, "sys/class/powercap"), 0.0
    for name in names_in(folder):
        if (text_of(folder, name, "name") or "").startswith("package-") and name.startswith("intel-rapl:"):
            limit_uw = number_of(folder, name, "constraint_0_max_power_uw")
            total_w += limit_uw * 1e-6 if limit_uw and 0 < limit_uw * 1e-6 <= HIGHEST_LIMIT_W else 0.0
    return total_w or None


def core_kinds(root: str, threads: int) -> tuple[tuple[int, float], ...]:
    """Return (hardware threads, relative power of each) by kind of core, the strongest first.

    Intel's hybrid parts list their two kinds; elsewhere a core's capacity stands for its power.
    """
    strong, weak = (_count(text_of(root, f"sys/devices/{name}/cpus")) for name in ("cpu_core", "cpu_atom"))
    if strong and weak and strong + weak == threads:
        siblings = _count(text_of(root, "sys/devices/system/cpu/cpu0/topology/thread_siblings_list")) or 1
        return (strong, 1.0), (weak, EFFICIENT * siblings)
    capacities: dict[int, int] = {}
    for cpu in range(threads):
        capacity = number_of(root, f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity")
        if capacity is None or capacity <= 0:
            return ((threads, 1.0),)
        capacities[capacity] = capacities.get(capacity, 0) + 1
    return tuple((count, capacity / FULL_CAPACITY) for capacity, count in sorted(capacities.items(), reverse=True))


def _count(cpus: str | None) -> int:
    """Return how many CPUs a list such as `0-7,16` has."""
    total = 0
    for part in (cpus or "").split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            total += int(last or first) - int(first) + 1
    return total
