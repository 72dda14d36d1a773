"""A training described in a few figures, and the energy, carbon and rent that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energyprof.errors import InputError
from energyprof.footprint import training
from energyprof.footprint.accelerators import Accelerator
from energyprof.footprint.dtype_peaks import peak_flops
from energyprof.footprint.footprint import ESTIMATED, footprint
from energyprof.footprint.training import Work
from energyprof.model.footprint_rows import Assumptions, FootprintRow
from energyprof.model.range import Range

NO_PRICE: Final = (
    "prices change daily, and the table has none of it: give --device-price, USD for one of them and an hour"
)

HOSTLESS: Final = "as given, nothing added for the host (processors, memory, fans)"


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a training; None: not said."""

    accelerator: Accelerator | None = None
    count: int | None = None
    hours: float | None = None
    parameters: float | None = None
    tokens: float | None = None
    utilisation: Range | None = None
    """Of the peak, 0..1."""
    peak_flops: float | None = None
    dtype: str | None = None
    """Type of the numbers that the operations work on; None: one of 16 bits."""
    system_w: Range | None = None
    """Of everything together: p_cpu + p_dram + g * p_gpu."""
    device_w: Range | None = None
    """p_gpu."""
    cpu_w: float = 0.0
    dram_w: float = 0.0
    usd_per_hour: Range | None = None
    """For one accelerator."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What follows, and what it rests on."""

    description: Description
    count: int
    work: Work
    power_w: Range
    """Of everything together."""
    power_basis: str
    footprint: FootprintRow
    rent_usd: Range | None
    """None: no price of an accelerator is known."""
    rent_basis: str

    @property
    def hours(self) -> Range:
        """How long it takes with all its accelerators."""
        return self.work.device_hours.times(1 / self.count)


def estimate(described: Description, assumptions: Assumptions) -> Estimate:
    """Return what follows from a description; raises InputError for one that says too little or contradicts itself."""
    count = described.count or 1
    work = _work(described, count)
    power_w, basis = _power(described, count)
    energy_j = power_w.times(work.device_hours).times(training.SECONDS_PER_HOUR / count)
    rent_usd, rent_basis = _rent(described, work)
    return Estimate(
        description=described,
        count=count,
        work=work,
        power_w=power_w,
        power_basis=basis,
        footprint=footprint(energy_j, ESTIMATED, assumptions),
        rent_usd=rent_usd,
        rent_basis=rent_basis,
    )


def _work(described: Description, count: int) -> Work:
    if described.hours is not None:
        if described.parameters is not None or described.tokens is not None:
            raise InputError("--hours and --parameters with --tokens say the same twice; give one of them")
        _refuse_unused(described)
        return training.given_hours(described.hours, count)
    if described.parameters is None or described.tokens is None:
        raise InputError("how long it runs is not known; give --hours, or --parameters and --tokens")
    peak = described.peak_flops or _table_peak_flops(described)
    if not peak:
        raise InputError("the accelerator's speed is not known; give --hardware (list: all) or --peak-tflops")
    if described.peak_flops and described.dtype is not None:
        raise InputError("--dtype chooses the table's peak, and --peak-tflops gives another; leave out one of them")
    flops = training.training_flops(described.parameters, described.tokens)
    return training.of_operations(flops, peak, described.utilisation or training.UTILISATION)


def _table_peak_flops(described: Description) -> float | None:
    if described.accelerator is None:
        return None
    if described.dtype is None:
        return described.accelerator.peak_flops
    return peak_flops(described.accelerator, described.dtype)


def _refuse_unused(described: Description) -> None:
    """Refuse what changes nothing once the hours are given: whoever says it expects that it does."""
    for option, figure in (
        ("--utilization", described.utilisation),
        ("--peak-tflops", described.peak_flops),
        ("--dtype", described.dtype),
    ):
        if figure is not None:
            raise InputError(
                f"{option} says how long the operations take, and --hours says that already; leave out one of them"
            )
    is_priced = described.usd_per_hour is not None or (
        described.accelerator is not None and described.accelerator.usd_per_hour is not None
    )
    if described.system_w is not None and described.count is not None and not is_priced:
        raise InputError(
            "--watts is the power of everything together, which --count does not multiply; leave out --count, or give "
            "--device-watts, the power of one"
        )


def _power(described: Description, count: int) -> tuple[Range, str]:
    parts = described.cpu_w + described.dram_w
    if described.system_w is not None:
        if described.device_w is not None or parts:
            raise InputError("--watts is the power of everything; leave out --device-watts, --cpu-watts, --dram-watts")
        return described.system_w, "as given, of everything together"
    if described.device_w is not None:
        power_w = training.system_power_w(described.cpu_w, described.dram_w, count, described.device_w)
        if not parts:
            return power_w, f"{HOSTLESS}; --cpu-watts and --dram-watts add it"
        return power_w, "as given, p_cpu + p_dram + g * p_gpu"
    if described.accelerator is None:
        raise InputError("its power is not known; give --hardware (list: all), --device-watts or --watts")
    if parts:
        raise InputError(
            f"the table's power of {described.accelerator.name} has its host in it; "
            "with --cpu-watts or --dram-watts give --device-watts too"
        )
    of_one = described.accelerator.power_w
    if of_one is None:
        raise InputError(
            f"the maker of {described.accelerator.name} states no power of it; give --device-watts, of one with its "
            "part of the host, or --watts"
        )
    return of_one.times(count), described.accelerator.power_basis


def _rent(described: Description, work: Work) -> tuple[Range | None, str]:
    if described.usd_per_hour is not None:
        return work.device_hours.times(described.usd_per_hour), "as given"
    if described.accelerator is None or described.accelerator.usd_per_hour is None:
        return None, NO_PRICE
    low, high = described.accelerator.usd_per_hour
    year = described.accelerator.price_year
    basis = f"{low:g} (preemptible) to {high:g} USD (on demand) an hour in {year}, arXiv 1906.02243"
    return work.device_hours.times(Range(high, low, high)), basis
