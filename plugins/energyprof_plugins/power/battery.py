"""Read what a laptop draws from its battery while it runs on it: the whole machine, screen included, every few seconds.

Linux, Documentation/ABI/testing/sysfs-class-power: `power_now` is microwatts, `current_now` microamperes, `voltage_now`
microvolts, `status` one of Discharging, Charging, Full, Not charging, Unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof_plugins.power.sysfs_number import Fault, SysfsNumber, names_in, text_of

CLASS: Final = "sys/class/power_supply"
BATTERY: Final = DomainId("battery")
PERIOD_NS: Final = 1_000_000_000
"""The driver asks the firmware no more often (cache_time, Linux, drivers/acpi/battery.c); most firmware is slower."""
NO_BATTERY: Final = "this machine has no battery; take another source"
UNPLUG: Final = "unplug the charger, and what the battery gives is what the machine draws"


@dataclass(frozen=True, slots=True)
class Pack:
    """One battery: its status, and the file or the two files whose product is its power."""

    path: str
    factors: tuple[SysfsNumber, ...]
    per_microwatt: int
    """The product is so many times its microwatts."""

    def status(self) -> str:
        """Return what it does."""
        return text_of(self.path, "status") or "Unknown"

    def power_uw(self) -> int | Fault:
        """Return what flows; some drivers give a current that leaves the battery a minus."""
        product = 1
        for factor in self.factors:
            value = factor.read()
            if isinstance(value, Fault):
                return value
            product *= abs(value)
        return product // self.per_microwatt


class Battery:
    """Offer one domain, `battery`: the sum of what all batteries give, a gap while one of them is charged."""

    name = "battery"
    measures: Literal["sensor", "model", "replay"] = "sensor"
    rank = 60
    takes_argument = False
    answers_at_once: Literal[True] = True

    def __init__(self) -> None:
        self._packs: list[Pack] = []

    def why_unavailable(self, context: SourceContext) -> str | None:
        """Return None if the machine runs on a battery that says what it gives."""
        packs = find_packs(context.root)
        if not packs:
            return NO_BATTERY
        value = _drawn_uw(packs)
        _close(packs)
        return f"{value.message}; {UNPLUG}" if isinstance(value, Fault) else None

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Open the files and return the domain."""
        self.close()
        reason = self.why_unavailable(context)
        if reason is not None:
            raise SourceError(reason)
        self._packs = find_packs(context.root)
        names = " and ".join(os.path.basename(pack.path) for pack in self._packs)
        return (
            Domain(
                id=BATTERY,
                source=f"{self.name} ({names}, the whole machine)",
                provenance="sensor",
                quantity="power",
                scale=1e-6,
                driver="cpu",
                period_ns=PERIOD_NS,
            ),
        )

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Return what the machine draws of late."""
        if not self._packs:
            return ()
        value = _drawn_uw(self._packs)
        if isinstance(value, Fault):
            return (ReadFailure(BATTERY, value.status, value.message),)
        return (Reading(BATTERY, value),)

    def close(self) -> None:
        """Close the files."""
        packs, self._packs = self._packs, []
        _close(packs)


def find_packs(root: str) -> list[Pack]:
    """Return the machine's own batteries (a mouse's has the scope Device) that say what flows."""
    packs = []
    for name in names_in(root, CLASS):
        path = os.path.join(root, CLASS, name)
        if text_of(path, "type") != "Battery" or text_of(path, "scope") == "Device":
            continue
        power, current, voltage = (os.path.join(path, file) for file in ("power_now", "current_now", "voltage_now"))
        if os.path.exists(power):
            packs.append(Pack(path, (SysfsNumber(power),), 1))
        elif os.path.exists(current) and os.path.exists(voltage):
            packs.append(Pack(path, (SysfsNumber(current), SysfsNumber(voltage)), 1_000_000))
    return packs


def _drawn_uw(packs: Sequence[Pack]) -> int | Fault:
    """Return what all batteries give together, or why that is not what the machine draws."""
    statuses = {os.path.basename(pack.path): pack.status() for pack in packs}
    charged = [name for name, status in statuses.items() if status == "Charging"]
    if charged:
        return Fault(ReadStatus.NOT_SUPPORTED, f"{charged[0]} is charging: the charger feeds the machine as well")
    giving = [pack for pack in packs if statuses[os.path.basename(pack.path)] == "Discharging"]
    if not giving:
        name, status = next(iter(statuses.items()))
        return Fault(ReadStatus.NOT_SUPPORTED, f"{name} is not discharging ({status}): the charger feeds the machine")
    total_uw = 0
    for pack in giving:
        value = pack.power_uw()
        if isinstance(value, Fault):
            return value
        total_uw += value
    if total_uw == 0:
        return Fault(ReadStatus.UNKNOWN, "the battery says 0 W while it discharges: its firmware has no value yet")
    return total_uw


def _close(packs: Sequence[Pack]) -> None:
    for pack in packs:
        for factor in pack.factors:
            factor.close()
