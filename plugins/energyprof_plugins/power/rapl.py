"""Read the energy counters of Intel and AMD processors (RAPL) through Linux's powercap tree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Literal

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof_plugins.power.rapl_access import DEAD_PLATFORM, why_no_zones, why_unreadable
from energyprof_plugins.power.rapl_domains import PERIOD_NS, cpu_facts, gain_error, parent_of
from energyprof_plugins.power.rapl_limits import PackageLimit, limits_below
from energyprof_plugins.power.rapl_zones import Zone, find_zones
from energyprof_plugins.power.sysfs_number import Fault, OpenFile, ReadAt, SysfsNumber, answer


class Rapl:
    """Offer every readable zone: package, core, uncore, dram and psys of each socket, in microjoules."""

    name = "rapl"
    measures: Literal["sensor", "model", "replay"] = "sensor"
    rank = 20
    takes_argument = False
    answers_at_once: Literal[True] = True

    def __init__(self, open_file: OpenFile = os.open, read_at: ReadAt = os.pread) -> None:
        self._open_file, self._read_at = open_file, read_at
        self._counters: list[tuple[DomainId, SysfsNumber]] = []

    def why_unavailable(self, context: SourceContext) -> str | None:
        """Return None if at least one zone can be read, else why not."""
        readable, reason = self._readable(context.root)
        for _, counter in readable:
            counter.close()
        return reason

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Open the counters and return their domains; zones that cannot be read are left out."""
        self.close()
        readable, reason = self._readable(context.root)
        if reason is not None:
            raise SourceError(reason)
        self._counters = [(zone.plane.id(), counter) for zone, counter in readable]
        vendor = cpu_facts(context.root).get("vendor_id", "")
        planes = [zone.plane for zone, _ in readable]
        return tuple(
            Domain(
                id=zone.plane.id(),
                source=f"{self.name} (powercap {os.path.basename(zone.path)})",
                provenance="sensor",
                quantity="energy",
                scale=1e-6,
                driver="cpu",
                parent=parent_of(zone.plane, planes),
                wrap=zone.wrap_uj,
                period_ns=PERIOD_NS,
                gain_error=gain_error(zone.plane.kind, vendor),
                max_power_w=zone.max_power_w,
            )
            for zone, _ in readable
        )

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Read every counter."""
        return [answer(id_, counter.read()) for id_, counter in self._counters]

    def power_limits(self, context: SourceContext) -> Sequence[PackageLimit]:
        """Return the power limits of the packages."""
        return limits_below(context.root, self._open_file)

    def close(self) -> None:
        """Close the counters."""
        counters, self._counters = self._counters, []
        for _, counter in counters:
            counter.close()

    def _readable(self, root: str) -> tuple[list[tuple[Zone, SysfsNumber]], str | None]:
        """Return the zones with their open counters, and why there are none."""
        zones = find_zones(root)
        if not zones:
            return [], why_no_zones(root)
        readable: list[tuple[Zone, SysfsNumber]] = []
        faults: list[tuple[str, Fault | OSError]] = []
        for zone in zones:
            counter = SysfsNumber(zone.counter, self._open_file, self._read_at)
            try:
                counter.open()
            except OSError as error:
                faults.append((counter.path, error))
                continue
            value = counter.read()
            if isinstance(value, Fault):
                faults.append((counter.path, value))
            elif value > 0 or zone.plane.kind != "psys":
                readable.append((zone, counter))
                continue
            counter.close()
        if readable:
            return readable, None
        return [], why_unreadable(faults) if faults else DEAD_PLATFORM
