"""What the RAPL counters of a machine measure: ids, which contains which, and how far off they may be.

The same counters are offered by powercap (`rapl`) and by perf (`perf`); both describe them here, so that a domain has
one id however it is read.

Containment, from Intel's Software Developer's Manual, volume 3B, section 14.9.2 (of the edition whose pages 14-32 to
14-34 it is on; the number moves, the title stays), "RAPL Domains and Platform Specificity": the package is the die of
the processor; the power planes PP0 (all cores) and PP1 (uncore: the graphics of client parts) are parts of it; DRAM,
the memory attached to the socket, is a domain of its own beside the package; the platform (psys) is the whole. That
powercap nests the dram zone below the package's folder only says which socket the memory hangs on. AMD has package and
core (Linux, arch/x86/events/rapl.c and drivers/powercap/intel_rapl_msr.c).

psys is registered once a package: `psys` for package 0, `psys-1` and so on for others (Linux, rapl_init_domains in
drivers/powercap/intel_rapl_common.c). A package and its memory belong to the psys of their own number where there is
one, else to the only psys there is. Should that one cover less than all sockets, the others' energy is shown and not
added: too little then, never twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from energyprof.model.ids import DomainId

PERIOD_NS = 976_562
"""The counters are updated about every millisecond, with jitter (MSR_PKG_ENERGY_STATUS); taken to be the default of the
RAPL time unit, 2**-10 s (MSR_RAPL_POWER_UNIT): sections 14.9.3 and 14.9.1 of the manual, as below."""
# How far energy as counted may lie from the truth, below and above. No vendor states it. Assumed after what has been
# published: Intel's package counter is a measurement since Haswell (Hackenberg et al., IPDPSW 2015, doi
# 10.1109/IPDPSW.2015.70) and follows plug power closely (Khan et al., RAPL in Action, 2018); its DRAM counter is off by
# an offset that differs between systems, most of all idle (Desrochers et al., MEMSYS 2016, doi
# 10.1145/2989081.2989088); AMD's is a model that misses what depends on data (Schoene et al., arXiv:2108.00808).
INTEL_ERROR = {"package": 0.05, "core": 0.1, "uncore": 0.1, "dram": 0.2, "psys": 0.1}
OTHER_ERROR = 0.15


@dataclass(frozen=True, slots=True)
class Plane:
    """What one counter counts: `package`, `core`, `uncore`, `dram`, `psys` or a name of its own, of which socket."""

    kind: str
    socket: int
    die: int | None = None
    """Where each die of a socket has counters of its own."""

    def id(self) -> DomainId:
        """Return the domain's id."""
        die = "" if self.die is None else f":die:{self.die}"
        if self.kind == "psys":
            return DomainId("psys" if self.socket == 0 else f"psys:{self.socket}")
        if self.kind == "dram":
            return DomainId(f"dram:{self.socket}{die}")
        return DomainId(f"cpu:{self.socket}{die}:{self.kind}")


def parent_of(plane: Plane, planes: Iterable[Plane]) -> DomainId | None:
    """Return the nearest one of `planes` that already contains `plane`; None: it may be added to the others."""
    present = set(planes)
    if plane.kind == "psys":
        return None
    package = Plane("package", plane.socket, plane.die)
    if plane.kind not in {"package", "dram"} and package in present:
        return package.id()
    platforms = sorted((one for one in present if one.kind == "psys"), key=lambda one: one.socket)
    own = [one for one in platforms if one.socket == plane.socket]
    if own:
        return own[0].id()
    return platforms[0].id() if len(platforms) == 1 else None


def gain_error(kind: str, vendor: str) -> tuple[float, float]:
    """Return the relative error, below and above, by /proc/cpuinfo's `vendor_id`."""
    error = INTEL_ERROR.get(kind, OTHER_ERROR) if vendor == "GenuineIntel" else OTHER_ERROR
    return error, error


def cpu_facts(root: str) -> dict[str, str]:
    """Return /proc/cpuinfo's lines about its first CPU by name; empty where it cannot be read."""
    facts: dict[str, str] = {}
    try:
        with open(os.path.join(root, "proc/cpuinfo"), encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if not key.strip():
                    break
                facts.setdefault(key.strip(), value.strip())
    except OSError:
        return {}
    return facts
