"""Why the powercap tree cannot be read, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from energyprof_plugins.power.rapl_domains import cpu_facts
from energyprof_plugins.power.rapl_zones import CLASS, ZONE
from energyprof_plugins.power.sysfs_number import Fault, names_in

# CVE-2020-8694, CVE-2020-8695 (https://platypusattack.com) and, on AMD, CVE-2020-12912: since Linux 5.10 the file is
# root's alone.
RULE = (
    'SUBSYSTEM=="powercap", KERNEL=="intel-rapl*:*", ACTION=="add", '
    'RUN+="/bin/chgrp energyprof /sys%p/energy_uj", RUN+="/bin/chmod g+r /sys%p/energy_uj"'
)
"""The udev rule that lets the group `energyprof` read the counters after every boot."""
ROOT_ONLY = (
    "is readable by root only; until the next boot: sudo chmod a+r /sys/class/powercap/intel-rapl*:*/energy_uj"
    f"  for good: sudo groupadd -f energyprof && sudo usermod -aG energyprof $USER && echo '{RULE}' | "
    "sudo tee /etc/udev/rules.d/70-energyprof.rules && sudo udevadm control --reload && "
    "sudo udevadm trigger -c add -s powercap, then log in again"
    "  (who may read it can learn secrets of other programs, the PLATYPUS attack: on a shared machine use the group)"
)
MASKED = (
    "this container masks /sys/devices/virtual/powercap; start it with --security-opt systempaths=unconfined "
    "(docker, podman: unmask=/sys/devices/virtual/powercap) or profile on the host"
)
VIRTUAL = "this is a virtual machine, which has no RAPL counters; profile on the host, or use --source load_model"
NO_MODULE = "/sys/class/powercap has no RAPL zones; try: sudo modprobe -a intel_rapl_common intel_rapl_msr"
DEAD_PLATFORM = "the only RAPL counter, psys, stands at 0; this machine has never wired it, take another source"
NOT_X86 = "this CPU has no RAPL counters, which Intel and AMD parts have; see `energyprof doctor` for what it has"
X86_VENDORS = ("GenuineIntel", "AuthenticAMD", "HygonGenuine")


def why_no_zones(root: str) -> str:
    """Return why no zone was found: masked, a virtual machine, a module not loaded, or another kind of CPU."""
    folder = os.path.join(root, CLASS)
    # The class folder has symbolic links into the folder that container engines mount an empty one over.
    listed = [name for name in names_in(folder) if ZONE.fullmatch(name)]
    if listed and not any(os.path.exists(os.path.join(folder, name)) for name in listed):
        return MASKED
    facts = cpu_facts(root)
    if facts.get("vendor_id") not in X86_VENDORS:
        return NOT_X86
    if "hypervisor" in facts.get("flags", "").split():
        return VIRTUAL
    return NO_MODULE


def why_unreadable(faults: Sequence[tuple[str, Fault | OSError]]) -> str:
    """Return why none of the counters can be read, by path and what was answered; the first one stands for all."""
    path, fault = faults[0]
    if isinstance(fault, PermissionError):
        return f"{path} {ROOT_ONLY}"
    said = fault.message if isinstance(fault, Fault) else f"{path}: {fault.strerror}"
    again = "sudo modprobe -r intel_rapl_msr && sudo modprobe intel_rapl_msr"
    return f"no RAPL counter gives a value ({said}); load the driver anew: {again}"
