"""What trials took together: pruned, failed and repeated ones, and all up to the best."""

from __future__ import annotations

from typing import Any

from energyprof.model.ids import StageId
from energyprof.model.report import StageRow, SumRow
from energyprof.model.trial_rows import Trials
from energyprof.model.trials import trial_facts
from energyprof.model.work_rows import BoundedJ
from energyprof.report.trials import trials_of


def row(
    number: int,
    energy_j: float | None,
    state: Any = "complete",
    value: float | None = None,
    study: str = "",
    lower: bool = False,
    **params: int,
) -> StageRow:
    total = SumRow(energy_j, energy_j and energy_j - 0.5, energy_j and energy_j + 1.0, "inferred", None)
    name = f"trial {number} of {study}"
    facts = trial_facts(number, params, state, value, study, lower_is_better=lower)
    return StageRow(
        StageId(name), name, (name,), None, "stage", None, None, 1, 0, 4.0, 0.0, 1.0, (), (), total, total, None, facts
    )  # fmt: skip


def found(*rows: StageRow) -> Trials:
    trials = trials_of(rows)
    assert trials is not None
    return trials


def test_kinds_of_trials_are_summed_apart_and_all_together() -> None:
    trials = found(
        row(2, 4.0, "failed", lr=2),
        row(0, 1.0, lr=1, value=0.5),
        row(1, 2.0, "pruned", lr=1),
        row(3, 8.0, "open", lr=3),
    )

    assert (trials.all.count, trials.all.energy) == (4, BoundedJ(15.0, 13.0, 19.0))
    assert (trials.pruned.count, trials.pruned.energy) == (1, BoundedJ(2.0, 1.5, 3.0))
    assert (trials.failed.count, trials.failed.energy) == (2, BoundedJ(12.0, 11.0, 14.0))
    assert (trials.repeated.count, trials.repeated.energy) == (1, BoundedJ(2.0, 1.5, 3.0))
    assert [one.repeats for one in trials.rows] == [None, 0, None, None]
    assert trials.provenance == "inferred"


def test_joules_up_to_a_trial_are_those_of_all_before_it_and_its_own() -> None:
    trials = found(row(0, 1.0), row(1, 2.0), row(2, None), row(3, 1.0))

    assert [one.up_to and one.up_to.energy_j for one in trials.rows] == [1.0, 3.0, None, None]
    assert trials.all.energy is None  # one of them is not known


def test_trials_without_parameters_repeat_nothing() -> None:
    assert [one.repeats for one in found(row(0, 1.0), row(1, 1.0)).rows] == [None, None]


def test_the_best_and_the_first_that_is_good_enough_are_complete_ones() -> None:
    trials = found(
        row(0, 1.0, value=0.2),
        row(1, 1.0, "failed", value=0.99),
        row(2, 1.0, value=0.8),
        row(3, 1.0, value=0.9),
        row(4, 1.0, value=0.9),
    )

    best, worst = trials.best(), trials.best(lower_is_better=True)
    first, lowest = trials.reaching(0.8), trials.reaching(0.1, lower_is_better=True)

    assert best is not None
    assert worst is not None
    assert first is not None
    assert (best.number, worst.number, first.number, lowest) == (3, 0, 2, None)


def test_the_best_is_the_lowest_where_the_search_told_so_unless_one_asks_otherwise() -> None:
    trials = found(row(0, 1.0, value=0.2, lower=True), row(1, 1.0, value=0.8, lower=True), row(2, 1.0, lower=True))

    best, asked = trials.best(), trials.best(lower_is_better=False)
    reached = trials.reaching(0.3)

    assert best is not None
    assert asked is not None
    assert reached is not None
    assert (best.number, asked.number, reached.number) == (0, 1, 0)


def test_two_studies_of_a_run_are_counted_apart() -> None:
    trials = found(
        row(0, 1.0, study="grid", lr=1, value=0.5),
        row(1, 2.0, "failed", study="grid", lr=2),
        row(0, 4.0, study="tpe", lr=1, value=0.9),
        row(1, 8.0, "pruned", study="tpe", lr=1),
    )

    grid, tpe = trials.studies

    assert (grid.study, tpe.study) == ("grid", "tpe")
    assert [one.up_to and one.up_to.energy_j for one in trials.rows] == [1.0, 3.0, 4.0, 12.0]
    assert [one.repeats for one in trials.rows] == [None, None, None, 0]  # of its own study alone
    assert (trials.all.count, grid.all.energy, tpe.all.energy) == (
        4,
        BoundedJ(3.0, 2.0, 5.0),
        BoundedJ(12.0, 11.0, 14.0),
    )
    assert (grid.failed.count, grid.pruned.count, tpe.failed.count, tpe.pruned.count) == (1, 0, 0, 1)


def test_one_study_is_no_list_of_studies() -> None:
    trials = found(row(0, 1.0, study="grid"), row(1, 1.0, study="grid"))

    assert (trials.studies, trials.study) == ((), "grid")


def test_a_run_without_trials_has_none() -> None:
    assert trials_of([]) is None
