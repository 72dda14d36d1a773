"""How amounts are written, and how their bounds are carried along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.model import amounts
from energyprof.model.range import Range

FIGURES = st.floats(min_value=-1e9, max_value=1e9)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    low, value, high = sorted(draw(st.lists(FIGURES, min_size=3, max_size=3)))
    return Range(value, low, high)


@given(ranges(), ranges(), st.floats(0, 1), st.floats(0, 1))
def test_a_product_holds_the_products_of_all_that_its_factors_may_be(
    one: Range, other: Range, first: float, second: float
) -> None:
    found = one.times(other)

    product = min(one.low + first * (one.high - one.low), one.high) * min(
        other.low + second * (other.high - other.low), other.high
    )
    slack = 1e-9 * max(abs(found.low), abs(found.high), 1.0)
    assert found.low - slack <= product <= found.high + slack


def test_bounds_are_those_of_a_quotient() -> None:
    found = Range(10.0, 8.0, 12.0).over(Range(2.0, 1.0, 4.0))

    assert found == Range(5.0, 2.0, 12.0)


@pytest.mark.parametrize("bounds", [(1.0, 2.0, 3.0), (float("nan"),) * 3, (1.0, 0.0, float("inf"))])
def test_a_figure_outside_its_bounds_is_none(bounds: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"between|finite"):
        Range(*bounds)


def test_nothing_is_divided_by_what_may_be_zero() -> None:
    with pytest.raises(ValueError, match="divided by"):
        Range.exactly(1.0).over(Range(1.0, 0.0, 2.0))


@pytest.mark.parametrize(
    ("amount_j", "written"),
    [
        (Range.exactly(0.0), "0 J"),
        (Range.exactly(9.0), "2.50 mWh"),
        (Range(98.28e6, 53.28e6, 199.8e6), "27.3 kWh (14.8 to 55.5)"),
        (Range.exactly(3.5999e9), "1.00 MWh"),
        (Range(0.0, 0.0, 7.2e6), "0 kWh (0 to 2.00)"),
    ],
)
def test_an_energy_has_three_digits_a_unit_and_its_bounds(amount_j: Range, written: str) -> None:
    assert amounts.energy(amount_j) == written


def test_money_has_cents_and_its_currency() -> None:
    assert amounts.money(Range(3.2, 3.01, 3.444), "EUR") == "3.20 EUR (3.01 to 3.44)"
    assert amounts.money(Range.exactly(0.0123), "") == "0.0123"
    assert (
        amounts.money(Range(7.8e-6, 4e-6, 9e-6), "EUR")
        == "under 0.01 EUR; a million times that: 7.80 EUR (4.00 to 9.00)"
    )
    assert amounts.money(Range.exactly(1e-12), "EUR") == "under 0.01 EUR"
    assert amounts.money(Range.exactly(0.0), "EUR") == "0.00 EUR"
    assert amounts.money(Range(0.0012, 0.0, 0.02), "") == "0.00120 (0.00 to 0.0200)"


def test_what_nobody_could_weigh_or_read_off_a_meter_has_no_exponent() -> None:
    assert amounts.carbon(Range(7.8e-12, 4e-12, 9e-12)) == "under 0.0001 \u00b5g CO2e"
    assert amounts.energy(Range.exactly(0.001)) == "1.00 mJ"
    assert amounts.energy(Range.exactly(1e-11)) == "under 0.0001 \u00b5J"
    assert amounts.money(Range.exactly(1234567.0), "USD") == "1 230 000 USD"


def test_what_has_too_many_noughts_has_an_exponent() -> None:
    assert [amounts.digits(value) for value in (9.71e-8, 1e-4, 123456.0, 1e15)] == [
        "9.71e-08", "0.000100", "123 000", "1.00e+15",
    ]  # fmt: skip


def test_days_become_years() -> None:
    assert amounts.days(Range.exactly(12.5)) == "12.5 days"
    assert [amounts.days(Range.exactly(float(days))) for days in (1, 30)] == ["1 day", "30 days"]
    assert amounts.days(Range(1461.0, 730.5, 1826.25)) == "4.00 years (2.00 to 5.00)"


def test_nothing_is_in_the_plain_unit() -> None:
    assert amounts.small_energy(Range.exactly(0.0)) == "0 J"
    assert amounts.power(Range.exactly(0.0)) == "0 W"
    assert amounts.energy(Range(1.0, 0.5, 4.0)) == "0.278 mWh (0.139 to 1.11)"  # one unit for all three
