"""Joules for each unit of work that the program counted itself."""

from __future__ import annotations

import math

from energyprof.model.report import SumRow
from energyprof.model.told import Metric, Told, UnitCount
from energyprof.model.work_rows import BoundedJ, MetricRow
from energyprof.report.told import metric_rows, unit_rows


def test_a_unit_takes_its_part_of_all_that_was_measured() -> None:
    told = Told(units=(UnitCount("request", 20.0),))

    (row,) = unit_rows(told, SumRow(4.0, 3.0, 6.0, "inferred", None), 2.0)

    assert row.per_unit == BoundedJ(0.2, 0.15, 0.3)
    assert (row.name, row.count, row.per_s, row.provenance) == ("request", 20.0, 10.0, "inferred")


def test_no_figure_is_made_of_nothing_read_or_nothing_done() -> None:
    unread, idle = SumRow(None, None, None, "measured", None), SumRow(4.0, 3.0, 6.0, "measured", None)

    assert unit_rows(Told(units=(UnitCount("a", 1.0),)), unread, 1.0)[0].per_unit is None
    assert unit_rows(Told(units=(UnitCount("a", 0.0),)), idle, 0.0)[0].per_unit is None


def test_a_count_beyond_all_numbers_is_left_out_and_the_others_stay() -> None:
    told = Told(units=(UnitCount("a", math.inf), UnitCount("b", 2.0)))

    rows = unit_rows(told, SumRow(4.0, 3.0, 6.0, "measured", None), 1.0)

    assert [row.name for row in rows] == ["b"]


def test_a_metric_is_dated_from_the_start_of_the_run() -> None:
    assert metric_rows(Told((Metric("f1", 0.5, 3_000_000_000, 2),)), 1_000_000_000) == (MetricRow("f1", 0.5, 2.0, 2),)
