"""Searches beside each other: sums, joules to a target, and as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from energyprof.cli.trials_page import searches_of, summary
from energyprof.model.ids import StageId
from energyprof.model.report import SumRow
from energyprof.model.trial_rows import TrialRow, Trials, TrialSum
from energyprof.model.work_rows import BoundedJ


def search(values: Sequence[float], each_j: float, study: str = "") -> Trials:
    """A search whose trials take the same joules each; the last is pruned."""
    rows = tuple(
        TrialRow(
            StageId(f"trial {at}"),
            at,
            "",
            "pruned" if at == len(values) - 1 else "complete",
            value,
            1.0,
            SumRow(each_j, each_j / 2, each_j * 2, "inferred", None),
            BoundedJ(each_j * (at + 1), each_j / 2 * (at + 1), each_j * 2 * (at + 1)),
            None,
            study,
        )
        for at, value in enumerate(values)
    )
    none, one = TrialSum(0, BoundedJ(0.0, 0.0, 0.0)), TrialSum(1, BoundedJ(each_j, each_j / 2, each_j * 2))
    return Trials(rows, TrialSum(len(rows), rows[-1].up_to), one, none, none, none, "inferred")


def shown(width: int = 100, target: float | None = 0.7) -> str:
    found = searches_of([("grid", search([0.6, 0.8, 0.9], 10.0)), ("tpe", search([0.7, 0.8, 0.1], 20.0)), ("x", None)])
    return summary(found, target, width, lower_is_better=False)


def test_joules_to_the_target_say_which_search_was_cheaper() -> None:
    lines = shown().splitlines()

    assert lines[0] == "searches beside each other, inferred"
    assert " ".join(lines[2].split()) == "grid 3 30.0 J 1, 10.0 J none none 0.8 20.0 J 20.0 J"
    assert " ".join(lines[3].split()) == "tpe 3 60.0 J 1, 20.0 J none none 0.8 40.0 J 20.0 J"
    assert "0.7 with the fewest joules: grid, 20.0 J (10.0 to 40.0); one search of each kind" in " ".join(lines)


def test_a_target_that_nobody_reaches_is_said() -> None:
    assert "no search is known to have reached 0.95" in shown(target=0.95)
    assert "never" in shown(target=0.95)


def test_searches_that_look_for_opposite_values_have_no_winner() -> None:
    low = replace(search([0.6, 0.8], 1.0), lower_is_better=True)
    found = searches_of([("grid", search([0.6, 0.8, 0.9], 10.0)), ("tpe", low)])

    said = " ".join(summary(found, 0.7, 100, lower_is_better=None).split())

    assert "is not told: tpe looks for the lowest value, others for the highest" in said
    assert "with the fewest joules: grid" in " ".join(summary(found, 0.7, 100, lower_is_better=False).split())


def test_without_a_target_nothing_is_said_of_one() -> None:
    assert "fewest" not in shown(target=None)


@pytest.mark.parametrize("width", [60, 70, 200])
def test_a_narrow_page_leaves_columns_out(width: int) -> None:
    lines = shown(width).splitlines()

    assert max(map(len, lines)) <= width
    assert ("repeated" in lines[1]) == (width > 80)


def test_studies_of_one_run_are_searches_of_their_own() -> None:
    one, other = search([0.1, 0.2], 1.0, "a"), search([0.3, 0.4], 1.0, "b")
    both = Trials((*one.rows, *other.rows), one.all, one.all, one.all, one.all, one.all, "inferred", (one, other))

    assert [found.name for found in searches_of([("run", both)])] == ["run a", "run b"]
