"""What servers of each CPU generation draw, and which generation a CPU is of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, log, sqrt
from typing import Final


@dataclass(frozen=True, slots=True)
class Generation:
    """Mean power of the servers of one CPU generation, at the wall, divided by their hardware threads."""

    vendor: str
    name: str
    idle_w: float
    busy_w: float
    chip_gb: float
    """Memory of these servers for each processor, which their power includes."""


@dataclass(frozen=True, slots=True)
class Processor:
    """The CPU of a machine."""

    generation: Generation
    name: str
    """As it calls itself."""
    threads: int
    chips: int


# Watts for each hardware thread, idle and fully loaded: SPECpower_ssj2008 results up to 2026-03-09, averaged by Cloud
# Carbon Footprint, github.com/cloud-carbon-footprint/ccf-coefficients, output/coefficients-aws-use.csv (b0032d9),
# rounded to 10 mW and 1 GB. Its rows for Graviton (copies of EPYC 2nd gen) and EPYC 5th gen (ten times its own figure
# for another cloud) are left out.
TABLE: Final = (
    Generation("Intel", "Sandy Bridge", 2.21, 8.63, 17),
    Generation("Intel", "Ivy Bridge", 1.71, 5.56, 13),
    Generation("Intel", "Haswell", 1.86, 5.60, 31),
    Generation("Intel", "Broadwell", 0.71, 3.69, 70),
    Generation("Intel", "Skylake", 0.61, 4.10, 75),
    Generation("Intel", "Coffee Lake", 1.14, 5.42, 20),
    Generation("Intel", "Cascade Lake", 0.69, 4.06, 106),
    Generation("Intel", "Ice Lake", 0.77, 3.76, 136),
    Generation("Intel", "Sapphire Rapids", 1.04, 4.16, 131),
    Generation("Intel", "Emerald Rapids", 0.81, 4.48, 160),
    Generation("Intel", "Granite Rapids", 0.58, 2.53, 221),
    Generation("AMD", "EPYC 1st gen", 0.85, 2.60, 92),
    Generation("AMD", "EPYC 2nd gen", 0.47, 1.69, 130),
    Generation("AMD", "EPYC 3rd gen", 0.46, 1.96, 137),
    Generation("AMD", "EPYC 4th gen", 0.74, 2.28, 152),
)
UNKNOWN: Final = Generation(
    "",
    "unknown CPU",
    sum(row.idle_w for row in TABLE) / len(TABLE),
    sum(row.busy_w for row in TABLE) / len(TABLE),
    sum(row.chip_gb for row in TABLE) / len(TABLE),
)

# Model numbers of family 6: Linux, arch/x86/include/asm/intel-family.h. 85 is Skylake up to stepping 4.
INTEL_MODELS: Final = {
    "Sandy Bridge": (42, 45),
    "Ivy Bridge": (58, 62),
    "Haswell": (60, 63, 69, 70),
    "Broadwell": (61, 71, 79, 86),
    "Skylake": (78, 85, 94),
    "Coffee Lake": (142, 158),
    "Ice Lake": (106, 108, 125, 126),
    "Sapphire Rapids": (143,),
    "Emerald Rapids": (207,),
    "Granite Rapids": (173, 174),
}
# (family, first model, last model) of the server parts: Linux, arch/x86/kernel/cpu/amd.c.
EPYC_MODELS: Final = {
    "EPYC 1st gen": ((23, 0x00, 0x0F),),
    "EPYC 2nd gen": ((23, 0x30, 0x3F),),
    "EPYC 3rd gen": ((25, 0x00, 0x0F),),
    "EPYC 4th gen": ((25, 0x10, 0x1F), (25, 0xA0, 0xAF)),
}


def gain_error(generation: Generation) -> tuple[float, float]:
    """Return how far the truth may lie below and above, relative to the model: twofold the table's scatter.

    How much the machines of one generation differ, the table does not say; they are taken to differ as much as the
    generations of their vendor do (an unknown CPU: all of the table). Scatter is the standard deviation of the
    logarithms of idle and of busy power, whichever is larger, so that the bounds hold for any load.
    """
    peers = [row for row in TABLE if row.vendor == generation.vendor] or list(TABLE)
    scatter = max(_deviation([log(row.idle_w) for row in peers]), _deviation([log(row.busy_w) for row in peers]))
    factor = exp(2 * scatter)
    return 1 - 1 / factor, factor - 1


def _deviation(values: Sequence[float]) -> float:
    # `statistics` has it too, but takes 15 ms to import, and the sensors are waited for.
    mean = fsum(values) / len(values)
    return sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def identify(root: str) -> Processor:
    """Return what /proc/cpuinfo under `root` says of the CPU."""
    try:
        with open(os.path.join(root, "proc/cpuinfo"), encoding="utf-8", errors="replace") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        lines = []
    facts: dict[str, str] = {}
    threads, chips = 0, set()
    for key, _, value in lines:
        name = key.strip()
        facts.setdefault(name, value.strip())
        threads += name == "processor"
        if name == "physical id":
            chips.add(value.strip())
    called = facts.get("model name") or facts.get("CPU part") or "unknown CPU"
    return Processor(_generation(facts), called, threads or os.cpu_count() or 1, max(1, len(chips)))


def _generation(facts: dict[str, str]) -> Generation:
    numbers = [facts.get(key, "") for key in ("cpu family", "model", "stepping")]
    if not all(number.isdigit() for number in numbers):
        return UNKNOWN
    family, model, stepping = map(int, numbers)
    name = None
    if facts.get("vendor_id") == "GenuineIntel" and family == 6:
        name = next((name for name, models in INTEL_MODELS.items() if model in models), None)
        if model == 85 and stepping > 4:
            name = "Cascade Lake"
    elif facts.get("vendor_id") == "AuthenticAMD" and "EPYC" in facts.get("model name", ""):
        name = next(
            (
                name
                for name, ranges in EPYC_MODELS.items()
                if any(family == known and first <= model <= last for known, first, last in ranges)
            ),
            None,
        )
    return next((row for row in TABLE if row.name == name), UNKNOWN)
