"""Energy of a described training: the formula, and the defaults beside trainings whose hours were published."""

from __future__ import annotations

from statistics import median

import pytest

from energyprof.footprint import accelerators, training
from energyprof.footprint.estimate import Description, estimate
from energyprof.model.footprint_rows import Assumptions
from energyprof.model.range import Range

PUBLISHED = {
    # name: (parameters, tokens, accelerator, device hours), from the papers; none of them made the default utilisation
    "LLaMA 7B, arXiv 2302.13971": (6.7e9, 1.0e12, "A100-SXM", 82_432),
    "LLaMA 13B": (13.0e9, 1.0e12, "A100-SXM", 135_168),
    "LLaMA 33B": (32.5e9, 1.4e12, "A100-SXM", 530_432),
    "LLaMA 65B": (65.2e9, 1.4e12, "A100-SXM", 1_022_362),
    "Llama 2 7B, arXiv 2307.09288": (6.738e9, 2.0e12, "A100-SXM", 184_320),
    "Llama 2 70B": (68.98e9, 2.0e12, "A100-SXM", 1_720_320),
    "Llama 3.1 405B, arXiv 2407.21783": (405.85e9, 15.6e12, "H100-SXM", 30.84e6),
    "BLOOM 176B, arXiv 2211.05100": (176.247e9, 366e9, "A100-SXM", 1_082_990),
    "Pythia 70M, arXiv 2304.01373": (70.4e6, 299.9e9, "A100-SXM", 510),
    "Pythia 12B": (11.85e9, 299.9e9, "A100-SXM", 72_300),
}


def test_energy_is_pue_times_time_times_everything_that_draws_power() -> None:
    power_w = training.system_power_w(cpu_w=90.0, dram_w=20.0, count=8, device_w=Range(250.0, 200.0, 300.0))

    found = training.energy_j(power_w, Range.exactly(3600.0), Range.exactly(1.58))

    assert power_w == Range(2110.0, 1710.0, 2510.0)
    assert found.value == pytest.approx(1.58 * 3600 * 2110)
    assert (found.low, found.high) == pytest.approx((1.58 * 3600 * 1710, 1.58 * 3600 * 2510))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_default_range_holds_the_hours_of_published_trainings(name: str) -> None:
    parameters, tokens, accelerator, hours = PUBLISHED[name]
    table = accelerators.shipped()

    found = estimate(
        Description(accelerator=accelerators.find(accelerator, table), parameters=parameters, tokens=tokens),
        Assumptions(),
    )

    assert found.work.device_hours.low < hours < found.work.device_hours.high


def test_the_middle_misses_published_hours_by_a_quarter_in_the_median() -> None:
    table = accelerators.shipped()
    misses = []
    for parameters, tokens, accelerator, hours in PUBLISHED.values():
        peak_flops = accelerators.find(accelerator, table).peak_flops
        flops = training.training_flops(parameters, tokens)
        found = training.of_operations(flops, peak_flops, training.UTILISATION)
        misses.append(abs(found.device_hours.value / hours - 1))

    assert median(misses) < 0.25
    assert max(misses) < 0.5


def test_the_default_power_holds_what_whole_systems_were_measured_with() -> None:
    measured_w = {"TPUv2": [208.0], "TPUv3": [310.0, 289.0, 288.0, 245.0], "V100-SXM2": [330.0, 12041.51 / 64]}
    measured_w["P100-PCIE"] = [1415.78 / 8, 1515.43 / 8, 517.66 / 3]

    for name, watts in measured_w.items():
        power_w = accelerators.find(name, accelerators.shipped()).power_w
        assert all(power_w.low - 0.1 <= one <= power_w.high for one in watts), name


def test_the_data_centre_that_nobody_names_lies_between_the_best_and_a_server_room() -> None:
    assert 1.09 == training.PUE.low < training.PUE.value < training.PUE.high == 2.1


def test_hours_count_for_every_accelerator() -> None:
    described = Description(device_w=Range.exactly(300.0), count=4, hours=10.0, usd_per_hour=Range(2.0, 1.0, 3.0))

    found = estimate(described, Assumptions(pue=Range.exactly(1.5)))

    assert found.work.device_hours == Range.exactly(40.0)
    assert found.power_w == Range.exactly(1200.0)
    assert found.footprint.energy_j == Range.exactly(1200.0 * 36_000)
    assert found.footprint.facility_j.value == pytest.approx(1.5 * 1200.0 * 36_000)
    assert found.rent_usd == Range(80.0, 40.0, 120.0)


def test_the_count_changes_how_long_it_takes_and_not_what_it_takes() -> None:
    table = accelerators.shipped()
    one, many = (
        estimate(
            Description(accelerator=accelerators.find("H100-SXM", table), count=count, parameters=1e9, tokens=1e11),
            Assumptions(),
        )
        for count in (1, 64)
    )

    assert many.hours.value == pytest.approx(one.hours.value / 64)
    assert many.footprint.energy_j.value == pytest.approx(one.footprint.energy_j.value)
