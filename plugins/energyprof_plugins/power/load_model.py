"""Model the power of a machine without a sensor: idle power all of the time, more for each second of CPU time.

What it knows: the CPU's generation and the CPU time of the program. What it does not model: clock frequency and its
boost, vector units, memory and disk traffic, temperature, GPUs, and other programs (only the profiled one's CPU time
counts). The watts are those of whole servers at the wall, so a laptop draws less.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, fsum, log, sqrt
from typing import Final, Literal

from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId

CPU: Final = DomainId("cpu")


@dataclass(frozen=True, slots=True)
class Generation:
    """Mean power of the servers of one CPU generation, at the wall, divided by their hardware threads."""

    vendor: str
    name: str
    idle_w: float
    busy_w: float


# Watts for each hardware thread, idle and fully loaded: SPECpower_ssj2008 results up to 2026-03-09, averaged by Cloud
# Carbon Footprint, github.com/cloud-carbon-footprint/ccf-coefficients, output/coefficients-aws-use.csv (b0032d9),
# rounded to 10 mW. Its rows for Graviton (copies of EPYC 2nd gen) and EPYC 5th gen (ten times its own figure for
# another cloud) are left out.
TABLE: Final = (
    Generation("Intel", "Sandy Bridge", 2.21, 8.63),
    Generation("Intel", "Ivy Bridge", 1.71, 5.56),
    Generation("Intel", "Haswell", 1.86, 5.60),
    Generation("Intel", "Broadwell", 0.71, 3.69),
    Generation("Intel", "Skylake", 0.61, 4.10),
    Generation("Intel", "Coffee Lake", 1.14, 5.42),
    Generation("Intel", "Cascade Lake", 0.69, 4.06),
    Generation("Intel", "Ice Lake", 0.77, 3.76),
    Generation("Intel", "Sapphire Rapids", 1.04, 4.16),
    Generation("Intel", "Emerald Rapids", 0.81, 4.48),
    Generation("Intel", "Granite Rapids", 0.58, 2.53),
    Generation("AMD", "EPYC 1st gen", 0.85, 2.60),
    Generation("AMD", "EPYC 2nd gen", 0.47, 1.69),
    Generation("AMD", "EPYC 3rd gen", 0.46, 1.96),
    Generation("AMD", "EPYC 4th gen", 0.74, 2.28),
)
UNKNOWN: Final = Generation(
    "",
    "unknown CPU",
    sum(row.idle_w for row in TABLE) / len(TABLE),
    sum(row.busy_w for row in TABLE) / len(TABLE),
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


class LoadModel:
    """Model one domain, `cpu`: baseline and CPU time of the program with its descendants, in microjoules.

    The baseline is the idle power of the whole machine, all hardware threads in /proc/cpuinfo: while the program runs
    the machine is on for it. Where others share the machine that is too much, and the stated error does not cover it.
    """

    name = "load_model"
    measures: Literal["sensor", "model", "replay"] = "model"
    rank = 90

    def __init__(self) -> None:
        self._now_ns: Callable[[], int] = lambda: 0
        self._cpu_time_ns: Callable[[], int] = lambda: 0
        self._start_ns = 0
        self._baseline_w = 0.0
        self._dynamic_w = 0.0
        self._began = False

    def why_unavailable(self, context: SourceContext) -> str | None:  # noqa: ARG002
        """Return None: a clock and the CPU time are all it takes."""
        return None

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Look up the CPU and return the domain."""
        generation, threads = identify(context.root)
        self._now_ns, self._cpu_time_ns, self._start_ns = context.now_ns, context.cpu_time_ns, context.start_ns
        self._baseline_w = generation.idle_w * threads
        self._dynamic_w = generation.busy_w - generation.idle_w
        self._began = False
        domain = Domain(
            id=CPU,
            source=f"{self.name} ({generation.name}, {threads} threads)",
            provenance="model",
            quantity="energy",
            scale=1e-6,
            driver="cpu",
            gain_error=gain_error(generation),
            baseline_w=self._baseline_w,
        )
        return (domain,)

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Return the energy modelled up to now; the first read also says that it was 0 when the program started."""
        cpu_ns = self._cpu_time_ns()
        now_ns = self._now_ns()
        # Watts times nanoseconds are nanojoules.
        energy_nj = self._baseline_w * (now_ns - self._start_ns) + self._dynamic_w * cpu_ns
        reading = Reading(CPU, round(energy_nj / 1000), now_ns)
        if self._began:
            return (reading,)
        self._began = True
        return (Reading(CPU, 0, self._start_ns), reading)

    def close(self) -> None:
        """Do nothing: nothing is held open."""


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


def identify(root: str) -> tuple[Generation, int]:
    """Return the CPU's generation and its number of hardware threads, from /proc/cpuinfo under `root`."""
    try:
        with open(os.path.join(root, "proc/cpuinfo"), encoding="utf-8", errors="replace") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return UNKNOWN, os.cpu_count() or 1
    facts: dict[str, str] = {}
    threads = 0
    for key, _, value in lines:
        facts.setdefault(key.strip(), value.strip())
        threads += key.strip() == "processor"
    return _generation(facts), threads or os.cpu_count() or 1


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
