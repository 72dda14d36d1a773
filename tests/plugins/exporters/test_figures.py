"""How numbers are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof_plugins.exporters.figures import (
    column_unit,
    each_warranted,
    in_column,
    joules,
    joules_between,
    joules_change,
    joules_with_bounds,
    joules_within,
    percent,
    rounded_to_add_up,
    seconds,
    unit_of,
    warranted,
    watts,
    with_bounds,
    with_error,
)


@pytest.mark.parametrize(
    ("energy_j", "text"),
    [
        (0.0, "0 J"),
        (1084.2, "1.08 kJ"),
        (999.6, "1.00 kJ"),
        (99.96, "100 J"),
        (9.996, "10.0 J"),
        (0.0203, "20.3 mJ"),
        (3e-6, "3.00 µJ"),
        (-2.5, "−2.50 J"),
        (5.4e7, "54.0 MJ"),
    ],
)
def test_prose_has_three_digits_and_the_unit_that_fits(energy_j, text):
    assert joules(energy_j) == text


@pytest.mark.parametrize(
    ("energy_j", "below_j", "above_j", "text"),
    [
        (957.0, 76.0, 60.0, "960 ±80 J"),
        (12_034.0, 312.0, 312.0, "12.0 ±0.3 kJ"),
        (11_619.6, 148.7, 148.7, "11.62 ±0.15 kJ"),
        (3.0, 0.0, 0.0, "3.00 J"),
        (123.4567, 0.001, 0.001, "123.5 ±0.1 J"),
    ],
)
def test_a_value_is_never_finer_than_its_half_width(energy_j, below_j, above_j, text):
    assert joules_with_bounds(energy_j, energy_j - below_j, energy_j + above_j) == text


@pytest.mark.parametrize(
    ("energy_j", "low_j", "high_j", "text"),
    [
        (24.3, 12.9, 45.4, "24 J (13 to 45)"),  # a model's -47 % to +87 %: +-21 would claim 3 J
        (40.0, 0.0, 80.0, "40 J (0 to 80)"),  # as wide as the value: +-40 would read as nothing
        (0.6, 0.24, 0.96, "0.60 J (0.2 to 1.0)"),  # one unit for figures on both sides of 1000
        (0.3, 0.0, 40.0, "0.30 J (0 to 40)"),  # the value is not rounded to nothing
        (0.98, 0.5, 1.8, "0.98 J (0.5 to 1.8)"),
        (0.0007, 0.0004, 0.0013, "0.70 mJ (0.4 to 1.3)"),
        (0.0, 0.0, 3.4, "0 J (0 to 3)"),
        (34.8, 18.4, 65.1, "35 J (20 to 70)"),  # of 59.2 J it is 59 %: `30 J` would contradict that
        (64.8, 34.0, 95.0, "65 ±31 J"),
        (5_000.0, 2_600.0, 9_400.0, "5.0 kJ (3 to 9)"),
        (5.0, -1_300.0, 1_300.0, "5.0 J (−1 300 to 1 300)"),  # and not 0.0050 kJ
    ],
)
def test_an_interval_too_wide_for_plus_minus_is_told_by_its_bounds(energy_j, low_j, high_j, text):
    assert joules_with_bounds(energy_j, low_j, high_j) == text


def test_a_figure_without_bounds_claims_no_error():
    assert joules_with_bounds(3.0, None, None) == "3.00 J"


def test_the_figures_of_one_sentence_share_a_unit():
    total, part = 1_080.0, 640.0

    shown = [joules_with_bounds(j, j * 0.95, j * 1.05, unit_of(total, part)) for j in (total, part)]

    assert shown == ["1.08 ±0.05 kJ", "0.64 ±0.03 kJ"]
    assert [unit_of(12_000.0, 4.0)[0], unit_of(0.0, 0.0)[0], unit_of(5.0, 0.0)[0]] == ["kJ", "J", "J"]
    assert [joules_between(571.0, 613.0), joules_between(900.0, 1_100.0), joules_between(2.0, 2.0)] == [
        "571 to 613 J", "0.900 to 1.10 kJ", "2.00 J",
    ]  # fmt: skip


@given(st.floats(1e-6, 1e9), st.floats(0.0, 1.0), st.floats(0.0, 1e9))
def test_printed_bounds_are_no_farther_off_than_the_rounding_of_the_wider_side(value, part, above):
    low, high = value * part, value + above

    _, lowest, highest = with_bounds(value, low, high)

    if lowest:
        wider = max(value - low, above)
        assert abs(float(lowest.replace(" ", "")) - low) <= 0.17 * wider + 1e-4
        assert abs(float(highest.replace(" ", "")) - high) <= 0.17 * wider + 1e-4


def test_a_total_beside_its_interval_is_no_finer_than_it():
    shown = [
        joules_within(*pair)
        for pair in ((23.6, 14.2), (23.6, 0.001), (23.6, 0.0), (269.0, 230.0), (0.0, 1.0), (0.96, 0.5))
    ]

    assert shown == ["24 J", "23.6 J", "23.6 J", "270 J", "0 J", "960 mJ"]


@given(st.floats(1e-6, 1e9), st.floats(1e-7, 1e9))
def test_a_printed_half_width_is_never_much_less_than_it_is(value, half):
    shown = float(with_error(value, half)[1].replace(" ", ""))

    assert shown >= half * 0.84  # 1 digit: 0.355 is printed as 0.4, 0.349 as 0.3


def test_a_value_keeps_two_digits_however_wide_its_interval_is():
    shown = [with_error(*pair) for pair in ((30.8, 400.0), (2.44, 4.0), (0.031, 7.0), (9.96, 30.0), (120.0, 900.0))]

    assert shown == [("31", "400"), ("2.4", "4"), ("0.031", "7"), ("10", "30"), ("120", "900")]
    assert joules_within(30.8, 400.0) == "31 J"
    assert with_bounds(2.44, 0.0, 600.0) == ("2.4", "0", "600")


def test_what_is_too_small_for_its_column_is_said_to_be_small_and_not_nothing():
    shown = [in_column(*pair) for pair in ((0.00008, 0.00007), (0.0017, 0.00001), (0.0, 0.0), (12.0, 3.0))]

    assert shown == [("<0.0001", ""), ("0.00170", "0.00010"), ("0", ""), ("12", "3")]


def test_a_column_has_one_unit_that_keeps_small_runs_readable():
    assert [column_unit(j)[0] for j in (5e5, 1.0, 0.02, 2e-6, 0.0)] == ["J", "J", "mJ", "µJ", "J"]


def test_a_share_that_is_not_nothing_is_not_written_as_nothing():
    assert [percent(s) for s in (0.0, 0.0001, 0.0806, 1.0, -0.02)] == ["0 %", "<0.1 %", "8.1 %", "100.0 %", "−2.0 %"]
    assert percent(0.409, 0) == "41 %"


def test_times_and_powers():
    assert [seconds(s) for s in (96.43, 1.9, 0.0, 0.1002, 2e-6, 5e-8)] == [
        "96.4 s", "1.9 s", "0 s", "100 ms", "2 µs", "50 ns",
    ]  # fmt: skip
    assert [watts(w) for w in (124.4, 1500.0, 0.0636, 0.0)] == ["124 W", "1.50 kW", "63.6 mW", "0 W"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.integers(0, 3))
def test_printed_parts_add_up_to_the_printed_sum(parts, decimals):
    shown, total = rounded_to_add_up(parts, decimals)

    def number(text):
        return round(float(text.replace(" ", "").replace("−", "-")) * 10**decimals)

    assert sum(map(number, shown)) == number(total)
    assert all(abs(number(text) - part * 10**decimals) <= 1 + 1e-6 for text, part in zip(shown, parts, strict=True))


@pytest.mark.parametrize(
    ("change_j", "low_j", "high_j", "beside_j", "text"),
    [
        (0.029, -0.4123, 0.4701, (0.361, 0.39), "+29 mJ (\u2212410 to 470)"),
        (-99.6, -250.0, 30.0, (1200.0, 1100.4), "\u22120.10 kJ (\u22120.25 to 0.03)"),
        (117.0, 96.0, 138.0, (500.0, 617.0), "+117 \u00b121 J"),
        (-0.112, None, None, (3.19, 3.08), "\u22120.112 J"),
        (0.003, None, None, (12.1, 12.1), "+3.00 mJ"),
        (0.0, -0.5, 0.5, (1.0, 1.0), "0 J (\u22120.50 to 0.50)"),
    ],
)
def test_a_change_has_the_unit_of_what_stands_beside_it_and_bounds_of_two_digits(
    change_j, low_j, high_j, beside_j, text
):
    assert joules_change(change_j, low_j, high_j, beside_j) == text


@pytest.mark.parametrize(
    ("each", "total", "low", "high", "text"),
    [
        (37.9, 37.9, 20.0, 70.0, "38"),
        (3.762, 5.7, 3.0, 11.0, "3.8"),
        (3.762, 5.7, 5.69, 5.71, "3.762"),
        (0.0000025, 5.7, 5.0, 6.4, "0.0000025"),
        (3.762, 5.7, None, None, "3.762"),
        (0.0, 0.0, 0.0, 0.0, "0"),
    ],
)
def test_joules_per_call_have_the_digits_that_the_interval_of_the_total_warrants(each, total, low, high, text):
    assert each_warranted(each, total, low, high) == text


def test_a_figure_alone_has_the_digits_that_it_has_beside_its_interval():
    assert warranted(38.0, 20.0, 70.0) == with_bounds(38.0, 20.0, 70.0)[0] == "38"
    assert warranted(12.34, 12.0, 12.7) == with_error(12.34, 0.36)[0] == "12.3"
