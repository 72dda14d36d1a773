"""The power limit of an Intel processor package, which root may set: `constraint_*_power_limit_uw` of powercap.

Linux's Documentation/power/powercap/powercap.rst: a zone has a limit for each window of time, named by
`constraint_*_name`. `long_term` is what a package may draw for long, over seconds; `short_term` bounds bursts above it.
So that a short run does not burst above the limit it is held at, the second is lowered to it where it is higher.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from energyprof.errors import SourceError
from energyprof_plugins.power.rapl_zones import CONSTRAINTS, HIGHEST_LIMIT_W, Zone, find_zones
from energyprof_plugins.power.sysfs_number import OpenFile, number_of, text_of

LONG_TERM: Final = "long_term"
SHORT_TERM: Final = "short_term"
TAKEN_WITHIN_W: Final = 1.0
"""The register counts eighths of a watt on most parts (SDM, volume 3B, MSR_RAPL_POWER_UNIT)."""
LOWEST_W: Final = 1.0
"""Where the zone states no minimum, as hardly any does."""


class PackageLimit:
    """The limits of one package."""

    def __init__(self, zone: Zone, open_file: OpenFile = os.open) -> None:
        """Take the zone of a package; raises SourceError where it has no long-term limit."""
        self._open_file = open_file
        self.domain = zone.plane.id()
        self.device = f"powercap {os.path.basename(zone.path)}"
        self._enabled = os.path.join(zone.path, "enabled")
        numbers = {text_of(zone.path, f"constraint_{number}_name"): number for number in range(CONSTRAINTS)}
        self._found_uw: dict[str, int] = {}
        """What each file held, the long term first."""
        for name in (LONG_TERM, SHORT_TERM):
            file = os.path.join(zone.path, f"constraint_{numbers.get(name)}_power_limit_uw")
            found_uw = number_of(file)
            if found_uw is not None and found_uw > 0:
                self._found_uw[file] = found_uw
            elif name == LONG_TERM:
                raise SourceError(f"{self.domain} ({self.device}) has no long-term power limit")
        self._long_term, long_term_uw = next(iter(self._found_uw.items()))
        stated_w = (number_of(zone.path, f"constraint_{numbers[LONG_TERM]}_max_power_uw") or 0) * 1e-6
        least_w = (number_of(zone.path, f"constraint_{numbers[LONG_TERM]}_min_power_uw") or 0) * 1e-6
        self.found_w = long_term_uw * 1e-6
        self.lowest_w = max(least_w, LOWEST_W)
        self.highest_w = max(stated_w, self.found_w if self.found_w <= HIGHEST_LIMIT_W else 0.0) or HIGHEST_LIMIT_W
        self._is_changed = False

    def hold(self, limit_w: float) -> None:
        """Set the long-term limit, and lower the other to it; raises SourceError where that cannot be done."""
        if text_of(self._enabled) == "0":
            raise SourceError(
                f"{self.domain} does not keep to its power limit; have it do so: echo 1 | sudo tee {self._enabled}"
            )
        self._is_changed = True
        for file, found_uw in self._found_uw.items():
            wanted_uw = round(limit_w * 1e6)
            self._set(file, wanted_uw if file == self._long_term else min(found_uw, wanted_uw))
        taken_w = (number_of(self._long_term) or 0) * 1e-6
        if abs(taken_w - limit_w) > TAKEN_WITHIN_W:
            raise SourceError(
                f"{self.domain} stands at {taken_w:g} W and not at {limit_w:g} W as it was told; its firmware keeps "
                "the limit, see the settings of the BIOS"
            )

    def put_back(self) -> None:
        """Write what each limit held; all are tried, whatever becomes of one."""
        if not self._is_changed:
            return
        self._is_changed = False
        left = []
        for file, found_uw in self._found_uw.items():
            try:
                if number_of(file) != found_uw:
                    self._write(self._open(file), found_uw)
            except OSError as error:
                left.append(f"{error.strerror}: echo {found_uw} | sudo tee {file}")
        if left:
            raise SourceError(
                f"the power limit of {self.domain} could not be put back; do it by hand: {'; '.join(left)}"
            )

    def _set(self, file: str, value_uw: int) -> None:
        try:
            descriptor = self._open(file)
        except OSError as error:
            raise SourceError(
                f"{file} cannot be opened ({error.strerror}): root may set the power limit of {self.domain}; run the "
                f"sweep as root, or set each limit yourself, echo {value_uw} | sudo tee {file}, and name the runs as "
                "`energyprof compare --help` shows"
            ) from error
        try:
            self._write(descriptor, value_uw)
        except OSError as error:  # intel_rapl_common.c: EACCES of a register that the firmware has locked
            raise SourceError(
                f"{file} does not take {value_uw} ({error.strerror}); where the firmware has locked the limit, see the "
                "settings of the BIOS"
            ) from error

    def _open(self, file: str) -> int:
        return self._open_file(file, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)

    @staticmethod
    def _write(descriptor: int, value_uw: int) -> None:
        try:
            os.write(descriptor, f"{value_uw}\n".encode())
        finally:
            os.close(descriptor)


def limits_below(root: str, open_file: OpenFile = os.open) -> Sequence[PackageLimit]:
    """Return the limits of the packages under `root`; raises SourceError where none has one."""
    packages = [zone for zone in find_zones(root) if zone.plane.kind == "package"]
    found, refusals = [], []
    for zone in packages:
        try:
            found.append(PackageLimit(zone, open_file))
        except SourceError as error:
            refusals.append(str(error))
    if not found:
        reason = "; ".join(refusals) or "there is no package in /sys/class/powercap"
        raise SourceError(
            f"{reason}; Linux sets power limits of Intel processors, on the machine itself and no virtual one"
        )
    return found
