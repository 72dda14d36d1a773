"""The energy of a training that is only described: device hours, or parameters, tokens and utilisation; never measured.

    energy = PUE * duration * (p_cpu + p_dram + g * p_gpu)

is the formula of Strubell et al. 2019 (arXiv 1906.02243, section 2): g accelerators of mean power p_gpu, the host's
processors p_cpu and memory p_dram, and PUE, the data centre's power by that of its computers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energyprof.model.range import Range

SECONDS_PER_HOUR: Final = 3600.0
FLOPS_PER_PARAMETER_AND_TOKEN: Final = 6.0
"""Forward and backward pass of a dense transformer: Kaplan et al. 2020 (arXiv 2001.08361), section 2.1."""
UTILISATION: Final = Range(0.36, 0.20, 0.56)
"""Of the peak, by the operations a model needs. Lowest: GPT-3 on V100, 24.6 of 125 TFLOP/s; middle: median of the six
trainings of Patterson et al. 2021 (arXiv 2104.10350, table 4); highest: Megatron-LM with 1T parameters on A100, 56.3 %
(Korthikanti et al. 2022, arXiv 2205.05198)."""
UTILISATION_SOURCE: Final = "published trainings (arXiv 2104.10350 table 4, arXiv 2205.05198)"
PUE: Final = Range(1.56, 1.09, 2.1)
"""Where nobody says: the average that operators reported of their largest data centre (Uptime Institute, Global Data
Center Survey 2024). Lowest: the best of Patterson et al. 2021 (arXiv 2104.10350, table 4), a hyperscaler's. Highest:
small server rooms, measured from 1.5 to 2.1 (Cheung et al. 2013, Lawrence Berkeley National Laboratory, "Energy
efficiency in small server rooms"). The papers that are reproduced have their own."""
PUE_SOURCE: Final = (
    "average of data centres in 2024 (Uptime Institute); a hyperscaler's 1.09 (arXiv 2104.10350), small server rooms "
    "up to 2.1 (LBNL 2013)"
)


@dataclass(frozen=True, slots=True)
class Work:
    """How long which accelerators work, and the operations that this was worked out from."""

    device_hours: Range
    """Hours times accelerators."""
    flops: float | None = None
    utilisation: Range | None = None


def given_hours(hours: float, count: int) -> Work:
    """Return the work of so many accelerators for so many hours."""
    return Work(Range.exactly(hours * count))


def of_operations(flops: float, peak_flops: float, utilisation: Range) -> Work:
    """Return the work of as many operations, on accelerators of this peak."""
    hours = Range.exactly(flops / peak_flops / SECONDS_PER_HOUR)
    return Work(hours.over(utilisation), flops, utilisation)


def training_flops(parameters: float, tokens: float) -> float:
    """Return the operations of one pass over so many tokens; of a mixture of experts count the active parameters."""
    return FLOPS_PER_PARAMETER_AND_TOKEN * parameters * tokens


def system_power_w(cpu_w: float, dram_w: float, count: int, device_w: Range) -> Range:
    """Return p_cpu + p_dram + g * p_gpu."""
    return device_w.times(count).plus(Range.exactly(cpu_w + dram_w))


def energy_j(power_w: Range, duration_s: Range, pue: Range) -> Range:
    """Return what the data centre takes for it."""
    return power_w.times(duration_s).times(pue)
