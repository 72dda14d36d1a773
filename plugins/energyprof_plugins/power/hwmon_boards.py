"""Meters on boards and in power supplies: ACPI power meters, NVIDIA Grace, the rails of Jetson modules, Corsair's PSUs.

What measures the whole machine has the id `machine`: beside finer sensors it is shown, and never added to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from energyprof_plugins.power.hwmon_chips import NS_PER_MS, Chip, Driver, Meter, has_nvidia

ACPI, RAILS, SUPPLY = "power_meter", "ina3221", "corsairpsu"
# Labels of Grace's meters: NVIDIA Grace Performance Tuning Guide, "Power Telemetry"
# (https://docs.nvidia.com/grace-perf-tuning-guide/power-thermals.html): the module (with its GPU) contains the Grace
# socket, which contains the CPU rail and the SoC rail (SysIO).
GRACE: Final = re.compile(r"(Module|Grace|CPU|SysIO) Power Socket (\d+)")
GRACE_PARTS: Final = {
    "Module": ("module:{0}", None),
    "Grace": ("cpu:{0}:package", "module:{0}"),
    "CPU": ("cpu:{0}:core", "cpu:{0}:package"),
    "SysIO": ("cpu:{0}:sysio", "cpu:{0}:package"),
}
# Not known: 32 ones in the unit of the meter, milliwatts (Linux, drivers/hwmon/acpi_power_meter.c, UNKNOWN_POWER).
UNKNOWN_UW: Final = (2**32 - 1) * 1000
# Labels of Jetson's rails by (id, driver, parent): arch/arm64/boot/dts/nvidia/*.dtsi in Linux, and NVIDIA's Jetson
# Linux Developer Guide, "Platform Power and Performance". VDD_IN and POM_5V_IN feed the module; the memory's rail of
# AGX Orin is taken to hang on its 5 V rail, and is therefore not added to it.
JETSON: Final[Mapping[str, tuple[str, Driver, str | None]]] = {
    "VDD_IN": ("psys", "cpu", None),
    "POM_5V_IN": ("psys", "cpu", None),
    "VDD_CPU_GPU_CV": ("rail:cpu_gpu_cv", "device", "psys"),
    "VDD_GPU_SOC": ("rail:gpu_soc", "device", "psys"),
    "VDD_CPU_CV": ("rail:cpu_cv", "cpu", "psys"),
    "VDD_SOC": ("rail:soc", "cpu", "psys"),
    "VIN_SYS_5V0": ("rail:sys_5v0", "cpu", "psys"),
    "VDDQ_VDD2_1V8AO": ("dram:0", "cpu", "rail:sys_5v0"),
    "GPU": ("gpu:0", "device", "psys"),
    "CPU": ("cpu:0:package", "cpu", "psys"),
    "SOC": ("rail:soc", "cpu", "psys"),
    "CV": ("rail:cv", "device", "psys"),
    "VDDRQ": ("dram:0", "cpu", "psys"),
    "SYS5V": ("rail:sys_5v0", "cpu", "psys"),
    "VDD_SYS_GPU": ("gpu:0", "device", "psys"),
    "VDD_SYS_CPU": ("cpu:0:package", "cpu", "psys"),
    "VDD_SYS_SOC": ("rail:soc", "cpu", "psys"),
    "VDD_SYS_DDR": ("dram:0", "cpu", "psys"),
    "POM_5V_GPU": ("gpu:0", "device", "psys"),
    "POM_5V_CPU": ("cpu:0:package", "cpu", "psys"),
}


def board_meters(chips: Sequence[Chip], root: str) -> list[Meter]:
    """Return what the known chips measure; of a superchip's module, NVIDIA's driver says it where that is loaded."""
    acpi = [_acpi(chip) for chip in chips if chip.name == ACPI and chip.file("power1_average")]
    if has_nvidia(root):
        acpi = [meter for meter in acpi if not meter.id.startswith("module:")]
    rails = [meter for chip in chips if chip.name == RAILS for meter in _rails(chip)]
    supplies = [
        Meter("machine", (path,), "power1_input", "cpu")
        for chip in chips
        if chip.name == SUPPLY and (path := chip.file("power1_input"))
    ]
    return _numbered([*acpi, *rails, *supplies])


def _acpi(chip: Chip) -> Meter:
    """Return an ACPI meter (Linux, Documentation/hwmon/acpi_power_meter.rst): one of Grace's, or the machine's."""
    said = chip.text("power1_oem_info") or ""
    grace = GRACE.search(said)
    part, whole = GRACE_PARTS[grace[1]] if grace else ("machine", None)
    socket = grace[2] if grace else ""
    interval_ms = chip.number("power1_average_interval") or 0
    return Meter(
        part.format(socket),
        (chip.file("power1_average") or "",),
        said or "power1_average",
        "cpu",
        parent=None if whole is None else whole.format(socket),
        window_ns=interval_ms * NS_PER_MS or None,
        gain_error=_inaccuracy(chip.text("power1_accuracy")),
        unknown_raw=UNKNOWN_UW,
    )


def _inaccuracy(accuracy: str | None) -> tuple[float, float]:
    """Return what is missing to 100 % of the accuracy that the meter states, such as `98.5%`; zeros: it states none."""
    try:
        error = 1 - float((accuracy or "").rstrip("%")) / 100
    except ValueError:
        return 0.0, 0.0
    return (error, error) if 0 < error < 1 else (0.0, 0.0)


def _rails(chip: Chip) -> list[Meter]:
    """Return the labelled rails of a Jetson module, in millivolts and milliamperes.

    Linux, Documentation/hwmon/ina3221.rst. Rails without a label that is known are left out.
    """
    interval_ms = chip.number("update_interval") or 0
    meters = []
    for channel in (1, 2, 3):
        label = chip.text(f"in{channel}_label") or ""
        volts, amperes = chip.file(f"in{channel}_input"), chip.file(f"curr{channel}_input")
        if label in JETSON and volts and amperes:
            id_, driver, parent = JETSON[label]
            period_ns = interval_ms * NS_PER_MS or None
            meters.append(Meter(id_, (volts, amperes), label, driver, parent=parent, period_ns=period_ns))
    return meters


def _numbered(meters: Sequence[Meter]) -> list[Meter]:
    """Return the meters with ids that are unique: several of the same id are `machine:0`, `machine:1`."""
    twice = {one.id for one in meters if sum(other.id == one.id for other in meters) > 1}
    seen: dict[str, int] = {}
    numbered = []
    for meter in meters:
        if meter.id in twice:
            number = seen[meter.id] = seen.get(meter.id, -1) + 1
            meter = replace(meter, id=f"{meter.id}:{number}")  # noqa: PLW2901 - the same meter, renamed
        numbered.append(meter)
    return numbered
