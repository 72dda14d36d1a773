"""Two runs in one picture: the same functions in both reports, and all others of a stage as one row."""

from dataclasses import replace

from energyprof.model.call_picture import WayRow
from energyprof.model.report import FunctionEnergyRow, FunctionRow
from energyprof.report.same_functions import OTHERS, for_both, with_chosen


def function(name, own_j, line=1, stage="program", samples=10):
    energy = FunctionEnergyRow("cpu:0:package", own_j, own_j * 0.9, own_j * 1.1, own_j, own_j, own_j, "inferred")
    return FunctionRow(name, "job.py", line, stage, own_j, own_j * 0.9, own_j * 1.1, "inferred", own_j, own_j, own_j,
                       0.1, samples, samples, domains=(energy,))  # fmt: skip


def way(name, line=1, stage="program"):
    return WayRow(stage, None, (name, "job.py", line), 1, 1.0, 1, 0, 0, "", is_main=True)


def chosen(sample, ways, *functions, names=None):
    report = replace(sample.make_report([sample.Part("program", (10.0,))]), functions=functions)
    return with_chosen(report, names or {}, for_both(ways)).functions


def test_what_is_not_chosen_is_one_row_with_its_joules(sample):
    leaf, *others = chosen(sample, [way("leaf")], function("leaf", 5.0), function("a", 1.0), function("b", 0.5))

    assert (leaf.function, leaf.energy_j) == ("leaf", 5.0)
    assert [(row.function, row.energy_j, row.low_j, row.samples) for row in others] == [
        (OTHERS[0], 1.5, 0.9 + 0.45, 20),
    ]  # fmt: skip


def test_a_function_goes_by_what_the_other_run_calls_it(sample):
    names = {("leaf", "job.py", 1): ("leaf", "job.py", 7)}

    rows = chosen(sample, [way("leaf", 7)], function("leaf", 5.0), names=names)

    assert (rows[0].line, rows[0].energy_j) == (7, 5.0)


def test_a_function_without_a_sample_may_have_spent_what_three_samples_stand_for(sample):
    rows = chosen(sample, [way("come")], function("a", 6.0, samples=12))

    assert (rows[0].energy_j, rows[0].low_j, rows[0].high_j) == (0.0, 0.0, 1.5)
    assert rows[0].samples == 0


def test_where_nothing_was_sampled_nothing_is_known(sample):
    rows = chosen(sample, [way("leaf")], function("a", 6.0, stage="elsewhere"))

    assert [(row.function, row.energy_j) for row in rows] == [("leaf", None), (OTHERS[0], None)]
