"""The RAPL zones of the powercap tree, as Linux's Documentation/power/powercap/powercap.rst lays it out.

`/sys/class/powercap` has one entry for each zone, whatever it is nested in: `intel-rapl:0` (a package, or psys) and
`intel-rapl:0:1` (a part of it, or its memory). The same counters may be there a second time through another interface,
`intel-rapl-mmio:0`: of each domain the first is taken, and of the interfaces `intel-rapl`.

* `enabled` is no reason to leave a zone out: it says whether the power *limit* is enforced (get_domain_enable in
  drivers/powercap/intel_rapl_common.c), and many core zones count with `enabled` 0. The analysis finds a counter that
  stands still.
* A part of unknown name is shown as a part of its package. A zone at the top of unknown name is left out: nobody could
  tell what it must not be added to.
* A psys that shows 0 at the start is left out: the platform has never wired it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from energyprof_plugins.power.rapl_domains import Plane
from energyprof_plugins.power.sysfs_number import names_in, number_of, text_of

CLASS = "sys/class/powercap"
PREFERRED = "intel-rapl"
ZONE = re.compile(r"(intel-rapl[a-z-]*):(\d+)((?::\d+)*)")
TOP_NAME = re.compile(r"package-(\d+)(?:-die-(\d+))?|psys(?:-(\d+))?")
CONSTRAINTS = 4
"""Long term, short term and peak power; no zone has more."""
HEADROOM = 2.0
"""Short bursts exceed the limits, which bound averages over a time window (SDM, volume 3B, MSR_PKG_POWER_LIMIT)."""
HIGHEST_LIMIT_W = 3000.0
"""A limit beyond it means that there is none: firmware writes the largest number that fits."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One counter of the tree."""

    path: str
    """Of its folder."""
    plane: Plane
    wrap_uj: int | None
    max_power_w: float | None

    @property
    def counter(self) -> str:
        """The file with the energy in microjoules."""
        return os.path.join(self.path, "energy_uj")


def find_zones(root: str) -> list[Zone]:
    """Return the zones under `root`, readable or not, in order, each domain once."""
    folder = os.path.join(root, CLASS)
    matches = [match for name in names_in(folder) if (match := ZONE.fullmatch(name))]
    matches.sort(key=lambda match: match[1] != PREFERRED)  # stable: otherwise as listed
    zones: dict[str, Zone] = {}
    for match in matches:
        path = os.path.join(folder, match[0])
        top = os.path.join(folder, f"{match[1]}:{match[2]}")
        plane = _plane(text_of(path, "name"), text_of(top, "name"), is_top=not match[3])
        if plane is not None:
            zones.setdefault(plane.id(), Zone(path, plane, _wrap_uj(path), _max_power_w(path) or _max_power_w(top)))
    return list(zones.values())


def _plane(name: str | None, top_name: str | None, *, is_top: bool) -> Plane | None:
    """Return what a zone counts, by its name and that of the zone at the top; None: it cannot be told."""
    top = TOP_NAME.fullmatch(top_name or "")
    if not name or top is None:
        return None
    package, die, platform = top.groups()
    if package is None:
        return Plane("psys", int(platform or 0)) if is_top else None
    kind = "package" if is_top else re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return Plane(kind, int(package), None if die is None else int(die)) if kind else None


def _wrap_uj(path: str) -> int | None:
    """Return after how many microjoules the counter starts again at 0.

    `max_energy_range_uj` is the value of a register of 32 ones; from it to 0 the counter takes one unit more.
    """
    range_uj = number_of(path, "max_energy_range_uj")
    return None if range_uj is None or range_uj <= 0 else range_uj + max(1, range_uj >> 32)


def _max_power_w(path: str) -> float | None:
    """Return what the zone's limits allow at most, headroom included; None where it states none."""
    files = ("max_power_uw", "power_limit_uw")
    stated = [number_of(path, f"constraint_{number}_{file}") for number in range(CONSTRAINTS) for file in files]
    limits_w = [limit_uw * 1e-6 for limit_uw in stated if limit_uw is not None]
    return max((HEADROOM * limit_w for limit_w in limits_w if 0 < limit_w <= HIGHEST_LIMIT_W), default=None)
