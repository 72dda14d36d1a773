"""Every row of table 3 of Strubell et al. 2019, to the figure that is printed there."""

from __future__ import annotations

import pytest

from energyprof.footprint import accelerators, training
from energyprof.footprint.estimate import Description, estimate
from energyprof.footprint.strubell import G_PER_KWH, G_PER_LB, LB_PER_KWH, PUE, TABLE_3, PaperRow, reproduce
from energyprof.model.amounts import JOULES_PER_KWH
from energyprof.model.footprint_rows import Assumptions, GridIntensity
from energyprof.model.range import Range


def prices(row: PaperRow) -> tuple[float, float]:
    found = accelerators.find(row.accelerator, accelerators.shipped()).usd_per_hour
    assert found is not None
    return found


@pytest.mark.parametrize("row", TABLE_3, ids=lambda row: f"{row.model} {row.accelerator} x{row.count}")
def test_a_row_comes_out_as_printed(row: PaperRow) -> None:
    done = reproduce(row, prices(row))

    assert (None if done.kwh is None else round(done.kwh)) == row.kwh
    assert (None if done.lb is None else round(done.lb)) == row.lb
    assert tuple(round(usd) for usd in done.usd) == row.usd


@pytest.mark.parametrize("row", [row for row in TABLE_3 if row.power_w is not None], ids=lambda row: row.model)
def test_the_command_says_the_same_of_a_row(row: PaperRow) -> None:
    described = Description(
        accelerator=accelerators.find(row.accelerator, accelerators.shipped()),
        count=row.count,
        hours=row.hours_used or row.hours,
        system_w=None if row.power_w is None else Range.exactly(row.power_w),
    )
    grid = GridIntensity(LB_PER_KWH * G_PER_LB, "", "", None, "as given")

    found = estimate(described, Assumptions(grid=grid, pue=Range.exactly(PUE)))

    assert found.footprint.carbon_g is not None
    assert found.rent_usd is not None
    assert round(found.footprint.facility_j.value / JOULES_PER_KWH) == row.kwh
    assert round(found.footprint.carbon_g.value / G_PER_LB) == row.lb
    assert (round(found.rent_usd.low), round(found.rent_usd.high)) == row.usd


def test_the_hours_printed_do_not_give_what_is_printed_where_a_row_uses_others() -> None:
    bert = next(row for row in TABLE_3 if row.model == "BERT base" and row.power_w is not None)
    nas = next(row for row in TABLE_3 if row.model == "NAS" and row.power_w is None)

    printed_hours = training.energy_j(
        Range.exactly(12041.51), Range.exactly(bert.hours * 3600), Range.exactly(PUE)
    ).value

    assert round(printed_hours / JOULES_PER_KWH) == 1503 != bert.kwh
    assert round(prices(nas)[1] * nas.hours) != nas.usd[1]


def test_the_pound_of_the_paper_is_432_7_grams_a_kilowatt_hour() -> None:
    assert abs(G_PER_KWH - 432.727) < 1e-3
