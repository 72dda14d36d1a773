"""From joules to grams and money: bounds carried along, provenance never better than that of the energy."""

from __future__ import annotations

import pytest

from energyprof.footprint.footprint import footprint, footprint_of_sum
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, GridIntensity
from energyprof.model.range import Range
from energyprof.model.report import SumRow

FRANCE = GridIntensity(50.0, "FR", "France", 2024, "Ember")
ENERGY = Range(3.6e6, 3.24e6, 4.32e6)


def test_grams_and_money_have_the_interval_of_the_energy() -> None:
    row = footprint(ENERGY, "measured", Assumptions(FRANCE, EnergyPrice(0.3, "EUR")))

    assert row.carbon_g is not None
    assert row.cost is not None
    assert (row.carbon_g.value, row.carbon_g.low, row.carbon_g.high) == pytest.approx((50.0, 45.0, 60.0))
    assert (row.cost.value, row.cost.low, row.cost.high) == pytest.approx((0.3, 0.27, 0.36))


def test_a_mean_of_a_country_or_of_a_data_centre_makes_an_estimate_of_what_was_measured() -> None:
    plain = footprint(ENERGY, "measured", Assumptions(FRANCE, EnergyPrice(0.3, "EUR")))
    housed = footprint(ENERGY, "measured", Assumptions(FRANCE, EnergyPrice(0.3, "EUR"), Range.exactly(1.5)))

    assert (plain.energy_provenance, plain.cost_provenance) == ("measured", "measured")
    assert (plain.carbon_provenance, housed.carbon_provenance) == ("estimated (model)",) * 2
    assert (housed.facility_provenance, housed.cost_provenance) == ("estimated (model)",) * 2
    assert housed.facility_j.value == pytest.approx(1.5 * 3.6e6)


def test_what_nobody_said_is_not_guessed() -> None:
    row = footprint(ENERGY, "measured", Assumptions())

    assert (row.carbon_g, row.cost, row.facility_j) == (None, None, ENERGY)
    assert [one.name for one in row.equivalents] == ["phone charges"]


def test_everyday_things_are_those_of_their_source() -> None:
    row = footprint(Range.exactly(3.6e6), "measured", Assumptions(GridIntensity(8887.0, "", "", None, "given")))

    amounts = {one.name: one.amount.value for one in row.equivalents}
    assert amounts["of petrol burnt"] == pytest.approx(3.785411784)
    assert amounts["by an average US car"] == pytest.approx(8887 / 393 * 1.609344)
    assert amounts["phone charges"] == pytest.approx(1 / 0.019)


def test_an_energy_that_is_not_known_has_no_footprint() -> None:
    unknown = SumRow(None, None, None, "measured", None)

    assert footprint_of_sum(unknown, Assumptions(FRANCE)) is None
