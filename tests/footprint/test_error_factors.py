"""Errors that do not depend on each other: how far they reach together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.footprint.error_factors import of_deviation, of_mix, rest, together, widened
from energyprof.model.range import Range


def test_a_deviation_reaches_as_far_in_factors_on_either_side() -> None:
    below, above = of_deviation(0.10)

    assert above == pytest.approx(1.1**1.96 - 1, rel=1e-4)
    assert (1 - below) * (1 + above) == pytest.approx(1.0)


def test_independent_errors_reach_further_than_each_and_less_far_than_both_at_once() -> None:
    below, above = together((0.2, 0.25), (0.5, 1.0))

    assert 1.0 < above < 1.25 * 2.0 - 1
    assert 0.5 < below < 1 - 0.8 * 0.5
    assert together((0.2, 0.25)) == pytest.approx((0.2, 0.25))
    assert together((1.0, 0.0), (0.1, 0.1))[0] == 1.0


@given(st.floats(0, 0.9), st.floats(0, 5), st.floats(0, 0.9), st.floats(0, 5))
def test_what_is_left_of_an_error_makes_it_whole_again_with_its_part(
    below: float, above: float, part_below: float, part_above: float
) -> None:
    part = (min(part_below, below), min(part_above, above))

    left = rest((below, above), part)

    assert 1 - (1 - left[0]) * (1 - part[0]) == pytest.approx(below)
    assert (1 + left[1]) * (1 + part[1]) - 1 == pytest.approx(above)


def test_a_figure_is_widened_around_its_value_and_never_below_nothing() -> None:
    assert widened(Range.exactly(10.0), (0.5, 1.0)) == Range(10.0, 5.0, 20.0)
    assert widened(Range(10.0, 0.0, 11.0), (0.5, 1.0)).low == 0.0
    assert widened(Range.exactly(0.0), (0.5, 1.0)) == Range.exactly(0.0)
    assert widened(Range(10.0, 9.0, 12.0), (0.0, 0.0)) == Range(10.0, 9.0, 12.0)


def test_the_error_of_a_sum_is_that_of_its_parts_by_their_shares() -> None:
    assert of_mix({"cpu": 1.0, "gpu:0": 3.0}, {"cpu": (0.4, 0.8)}) == pytest.approx((0.1, 0.2))
    assert of_mix({}, {"cpu": (0.4, 0.8)}) == (0.0, 0.0)
