"""Read the power meters that Linux's hwmon offers, of the chips whose files are known.

A new chip: give its files a meaning in `hwmon_boards` or `hwmon_gpus`, with the kernel's document as the source, and
add a machine that has it to the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof_plugins.power import hwmon_boards, hwmon_gpus
from energyprof_plugins.power.hwmon_chips import Chip, Meter, find_chips
from energyprof_plugins.power.sysfs_number import Fault, SysfsNumber, answer

KNOWN: Final = (
    hwmon_gpus.AMD,
    *hwmon_gpus.INTEL,
    hwmon_boards.ACPI,
    hwmon_boards.RAILS,
    hwmon_boards.SUPPLY,
)
# They show what RAPL counts, and worse: zenpower multiplies telemetry's volts by amperes, amd_energy left Linux in
# 5.13.
ELSEWHERE: Final = {"zenpower": "rapl", "amd_energy": "rapl"}
NONE: Final = "no chip in /sys/class/hwmon measures power; AMD's and Intel's graphics cards and some servers have one"
AWAKE: Final = "see whether its driver is bound and awake"
HOW: Final = "describe its files in energyprof_plugins/power/hwmon_boards.py, or ask for it in an issue"


class Hwmon:
    """Offer the meters of graphics cards, servers, boards and power supplies."""

    name = "hwmon"
    measures: Literal["sensor", "model", "replay"] = "sensor"
    rank = 50
    takes_argument = False
    answers_at_once: Literal[True] = True

    def __init__(self) -> None:
        self._meters: list[tuple[DomainId, Meter, list[SysfsNumber]]] = []

    def why_unavailable(self, context: SourceContext) -> str | None:
        """Return None if at least one meter can be read, else why not; unknown chips with a meter are named."""
        readable, reason = self._readable(context.root)
        _close(readable)
        return reason

    def left_out(self, context: SourceContext) -> tuple[str, ...]:
        """Return one line for each meter that gives no value and each chip that is not used, with what to do."""
        chips = find_chips(context.root)
        readable, faults = _parted(chips, context.root)
        _close(readable)
        return (
            *(f"hwmon chip {name} ({meter.label}) gives no value ({fault}); {AWAKE}" for name, meter, fault in faults),
            *(_left_out(chip) for chip in _unused(chips)),
        )

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Open the files and return their domains; meters that cannot be read are left out."""
        self.close()
        readable, reason = self._readable(context.root)
        if reason is not None:
            raise SourceError(reason)
        self._meters = [(DomainId(meter.id), meter, numbers) for _, meter, numbers in readable]
        return tuple(
            Domain(
                id=DomainId(meter.id),
                source=f"{self.name} ({name} {meter.label})",
                provenance="sensor",
                quantity=meter.quantity,
                scale=1e-6,
                driver=meter.driver,
                parent=None if meter.parent is None else DomainId(meter.parent),
                period_ns=meter.period_ns,
                window_ns=meter.window_ns,
                gain_error=meter.gain_error,
            )
            for name, meter, _ in readable
        )

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Read every meter."""
        return [answer(id_, _value(meter, numbers)) for id_, meter, numbers in self._meters]

    def close(self) -> None:
        """Close the files."""
        meters, self._meters = self._meters, []
        for _, _, numbers in meters:
            for number in numbers:
                number.close()

    def _readable(self, root: str) -> tuple[list[tuple[str, Meter, list[SysfsNumber]]], str | None]:
        """Return (chip, meter, open files) of each meter that answers, and why there is none."""
        chips = find_chips(root)
        readable, faults = _parted(chips, root)
        if readable:
            return readable, None
        if faults:
            return [], f"no hwmon meter gives a value ({faults[0][-1]}); {AWAKE}"
        unused = _unused(chips)
        return [], _left_out(unused[0]) if unused else NONE


def _parted(
    chips: Sequence[Chip], root: str
) -> tuple[list[tuple[str, Meter, list[SysfsNumber]]], list[tuple[str, Meter, str]]]:
    """Return (chip, meter, open files) of each meter that answers, and (chip, meter, fault) of each that does not."""
    readable: list[tuple[str, Meter, list[SysfsNumber]]] = []
    faults: list[tuple[str, Meter, str]] = []
    for meter in [*hwmon_gpus.gpu_meters(chips, root), *hwmon_boards.board_meters(chips, root)]:
        name = next(chip.name for chip in chips if meter.files[0].startswith(f"{chip.path}/"))
        numbers = [SysfsNumber(path) for path in meter.files]
        value = _value(meter, numbers)
        if isinstance(value, Fault):
            faults.append((name, meter, value.message))
            for number in numbers:
                number.close()
        else:
            readable.append((name, meter, numbers))
    return readable, faults


def _value(meter: Meter, numbers: Sequence[SysfsNumber]) -> int | Fault:
    product = 1
    for number in numbers:
        value = number.read()
        if isinstance(value, Fault):
            return value
        product *= value
    if product < 0:
        return Fault(ReadStatus.UNKNOWN, f"{numbers[-1].path} gives a negative value, {product}")
    if meter.unknown_raw is not None and product >= meter.unknown_raw:
        return Fault(ReadStatus.NOT_SUPPORTED, f"{numbers[-1].path} says that the meter knows no value")
    return product


def _unused(chips: Sequence[Chip]) -> list[Chip]:
    """Return the chips that measure power and are not known, and so not used."""
    return [chip for chip in chips if chip.name not in KNOWN and chip.power_files()]


def _left_out(chip: Chip) -> str:
    files = ", ".join(chip.power_files())
    if chip.name in ELSEWHERE:
        return f"hwmon chip {chip.name} ({files}) is not used; take the same counters from: {ELSEWHERE[chip.name]}"
    return f"hwmon chip {chip.name} ({files}) is not known, and not used; {HOW}"


def _close(readable: Sequence[tuple[str, Meter, list[SysfsNumber]]]) -> None:
    for _, _, numbers in readable:
        for number in numbers:
            number.close()
