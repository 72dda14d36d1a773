"""The energy between two moments of a run: exact but for the readings that reach beyond them, unknown over a gap."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.footprint.steady_serving import between, by_domain
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power_series import PowerSeries
from energyprof.model.range import Range

GPU = Domain(DomainId("gpu:0"), "a meter", "sensor", "energy", 1.0, "gpu")


def series(*stretches: tuple[int, int, float]) -> PowerSeries:
    starts, ends, energies = zip(*stretches, strict=True)
    return PowerSeries(GPU, np.array(starts), np.array(ends), np.array(energies))


STEADY = series((0, 10, 1.0), (10, 20, 2.0), (20, 30, 4.0), (30, 40, 8.0))


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "energy_j"),
    [
        (10, 30, Range.exactly(6.0)),
        (5, 35, Range(0.5 + 6.0 + 4.0, 6.0, 15.0)),
        (12, 17, Range(1.0, 0.0, 2.0)),
        (0, 40, Range.exactly(15.0)),
    ],
)
def test_a_reading_that_reaches_beyond_a_moment_may_be_all_on_one_side(
    start_ns: int, end_ns: int, energy_j: Range
) -> None:
    found = between(STEADY, start_ns, end_ns)

    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((energy_j.value, energy_j.low, energy_j.high))


def test_what_was_not_read_is_not_known_and_no_nothing() -> None:
    with_gap = series((0, 10, 1.0), (15, 20, 2.0))

    assert between(with_gap, 2, 18) is None
    assert between(with_gap, 2, 25) is None
    assert between(with_gap, 16, 18) is not None
    assert by_domain([STEADY, with_gap], 2, 18) is None
    assert by_domain([], 2, 18) is None
