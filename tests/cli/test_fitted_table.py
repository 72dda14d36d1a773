"""A table stands beside each other where it fits; else each row has lines of its own."""

from __future__ import annotations

from energyprof.cli.fitted_table import beside, fitted_table

HEADS = ("name", "W", "from .. to")
ROWS = [("clients", "7", "500 000 .. 2 000 000"), ("days of a year", "-", "")]


def test_what_fits_stands_beside_each_other() -> None:
    assert fitted_table(HEADS, ROWS, 60, right=(1,)) == [
        "name            W  from .. to",
        "clients         7  500 000 .. 2 000 000",
        "days of a year  -",
    ]


def test_what_does_not_fit_stands_below_its_name_with_its_heading() -> None:
    assert fitted_table(HEADS, ROWS, 36) == [
        "clients",
        "  W           7",
        "  from .. to  500 000 .. 2 000 000",
        "days of a year",
    ]


def test_several_cells_may_name_a_row() -> None:
    lines = fitted_table(HEADS, ROWS[:1], 30, named_by=2)

    assert lines == ["clients  7", "  from .. to  500 000 ..", f"{'':14}2 000 000"]


def test_nothing_is_returned_where_rows_are_too_wide() -> None:
    assert beside(ROWS, 38) == []
    assert len(beside(ROWS, 39)) == 2
