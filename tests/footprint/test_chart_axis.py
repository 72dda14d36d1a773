"""Axes of charts: round figures that fit on them, and where a figure lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.footprint.chart_axis import Axis
from energyprof.model import amounts

ONES = (("days", 1.0),)


@pytest.mark.parametrize(
    ("axis", "most", "labels"),
    [
        (Axis(0.0, 482.0, ONES), 6, ["0", "100", "200", "300", "400 days"]),
        (Axis(0.0, 30.0, ONES), 4, ["0", "10", "20", "30 days"]),
        (Axis(0.0, 372 * 3.6, amounts.ENERGIES), 6, ["0", "100", "200", "300 mWh"]),
        (Axis(0.0, 2.2 * 3.6e15, amounts.ENERGIES), 6, ["0", "0.5", "1", "1.5", "2 TWh"]),
        (Axis(0.05, 365.0, ONES, is_log=True), 7, ["0.1", "1", "10", "100 days"]),
        (Axis(0.05, 8e6, ONES, is_log=True), 4, ["1", "100", "10 000", "1 000 000 days"]),
        (Axis(0.1, 5e6, amounts.YEARS, is_log=True), 7, ["1 day", "1 year", "100 years", "10 000 years"]),
        (Axis(1e-14, 1e5, amounts.DAYS, is_log=True), 5, ["1 ns", "1 ms", "1 min", "1 year"]),
        (Axis(0.36, 3.6e19, amounts.ENERGIES, is_log=True), 5, ["0.1 mWh", "10 Wh", "1 MWh", "100 GWh", "10 PWh"]),
        (Axis(360.0, 7.2e9, amounts.ENERGIES, is_log=True), 4, ["1 Wh", "100 Wh", "10 kWh", "1 MWh"]),
    ],
)
def test_an_axis_is_read_by_round_figures(axis: Axis, most: int, labels: list[str]) -> None:
    assert [label for _, label in axis.ticks(most)] == labels


@given(
    st.floats(1e-9, 1e9),
    st.floats(1.01, 1e12),
    st.integers(2, 9),
    st.sampled_from([True, False]),
    st.sampled_from([ONES, amounts.DAYS]),
)
def test_ticks_lie_on_the_axis_and_are_not_too_many(
    low: float, times: float, most: int, is_log: bool, units: amounts.Units
) -> None:
    axis = Axis(low, low * times, units, is_log=True) if is_log else Axis(0.0, low * times, units)

    ticks = [value for value, _ in axis.ticks(most)]

    assert len(ticks) <= most
    assert ticks == sorted(ticks)
    assert all(axis.low * (1 - 1e-6) <= tick <= axis.high * (1 + 1e-6) for tick in ticks)
    for tick in ticks:
        assert axis.at(axis.part(tick)) == pytest.approx(tick, rel=1e-6, abs=1e-12)
