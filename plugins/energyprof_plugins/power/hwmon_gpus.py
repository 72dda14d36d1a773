"""Graphics cards that report power through hwmon: AMD's (amdgpu) and Intel's (xe, i915)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from energyprof_plugins.power.hwmon_chips import Chip, Meter, has_nvidia

AMD = "amdgpu"
INTEL = ("xe", "i915")


def gpu_meters(chips: Sequence[Chip], root: str) -> list[Meter]:
    """Return what the cards measure.

    A card is `gpu:N` as frameworks number it, in the order of their hwmon folders, which is the order of the PCI bus;
    but where NVIDIA's driver is loaded those ids are NVIDIA's, and with cards of both vendors AMD's: then it is
    `gpu:amd:N` or `gpu:intel:N`.
    """
    amd = [chip for chip in chips if chip.name == AMD and not _is_processor(chip) and _amd_file(chip)]
    intel = [
        chip for chip in chips if chip.name in INTEL and (chip.file("energy1_input") or chip.file("energy2_input"))
    ]
    is_shared = has_nvidia(root)
    meters = [_amd(chip, f"gpu:amd:{n}" if is_shared else f"gpu:{n}") for n, chip in enumerate(amd)]
    for number, chip in enumerate(intel):
        meters += _intel(chip, f"gpu:intel:{number}" if is_shared or amd else f"gpu:{number}")
    return meters + [_processor(chip) for chip in chips if chip.name == AMD and _is_processor(chip) and _amd_file(chip)]


def _amd_file(chip: Chip) -> str | None:
    return chip.file("power1_average") or chip.file("power1_input")


def _is_processor(chip: Chip) -> bool:
    """Return whether the graphics is part of a processor: only those have the voltage of a northbridge, in1."""
    return chip.file("in1_input") is not None


def _amd(chip: Chip, id_: str) -> Meter:
    """Return a card's power: power1_average, which cards from RDNA 3 and MI300 on replace by power1_input.

    Linux, drivers/gpu/drm/amd/pm/amdgpu_pm.c, "hwmon interfaces", in Documentation/gpu/amdgpu/thermal.rst. Neither the
    averaging window nor an error is stated.
    """
    path = _amd_file(chip) or ""
    return Meter(id_, (path,), os.path.basename(path), "device")


def _processor(chip: Chip) -> Meter:
    """Return the power of a processor with graphics, which "includes the CPU" (as above): a part of RAPL's package."""
    path = _amd_file(chip) or ""
    return Meter("cpu:0:soc", (path,), os.path.basename(path), "cpu", parent="cpu:0:package")


def _intel(chip: Chip, id_: str) -> list[Meter]:
    """Return a card's energy, and that of its package, which is a part of it; the drivers count without wraps.

    Linux, Documentation/ABI/testing/sysfs-driver-intel-xe-hwmon (energy1 card, energy2 package) and
    sysfs-driver-intel-i915-hwmon. A chip `i915_gt0`, one tile of a card, is left out: the card has it already.
    """
    card, package = chip.file("energy1_input"), chip.file("energy2_input")
    meters = []
    if card:
        meters.append(Meter(id_, (card,), "energy1_input", "device", "energy"))
    if package:
        own, parent = (f"{id_}:package", id_) if card else (id_, None)
        meters.append(Meter(own, (package,), "energy2_input", "device", "energy", parent))
    return meters
