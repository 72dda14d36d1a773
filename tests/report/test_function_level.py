"""Functions as nodes below their stages: they take their part of the stage's own energy, and nothing else."""

from dataclasses import replace

from energyprof.model.report import OUTSIDE, FunctionEnergyRow, FunctionRow
from energyprof.report.function_level import CallRow, at_function_level


def function(name, own_j, total_j, stage="train", file="job.py"):
    low_j, high_j = own_j * 0.9, own_j * 1.1
    energy = FunctionEnergyRow("cpu:0:package", own_j, low_j, high_j, total_j, total_j, total_j, "inferred")
    return FunctionRow(name, file, 3, stage, own_j, low_j, high_j, "inferred", total_j, total_j, total_j, 0.1, 9, 12,
                       hot_line=5, domains=(energy,))  # fmt: skip


def report_with(sample, *functions):
    report = sample.make_report([sample.Part("train", (10.0,), (sample.Part("step", (4.0,)),))])
    return replace(report, functions=functions)


def rows(report):
    return {row.name: row for row in report.stages}


def test_functions_take_their_part_and_the_stage_keeps_the_rest(sample):
    report = report_with(sample, function("leaf", 6.0, 6.0), function("main", 1.0, 7.0))

    found = rows(at_function_level(report, ()))

    assert list(found) == ["train", "leaf", "main", "step"]
    assert found["train"].self_sum.energy_j == 3
    assert found["train"].total_sum.energy_j == 14
    assert found["train"].self_sum.low_j <= 3 <= found["train"].self_sum.high_j
    assert (found["main"].self_sum.energy_j, found["main"].total_sum.energy_j) == (1, 7)
    assert found["leaf"].parent == "train"


def test_calls_are_edges_with_what_passes_along_them(sample):
    report = report_with(sample, function("leaf", 6.0, 6.0), function("main", 1.0, 7.0))
    call = CallRow("train", ("main", "job.py", 3), ("leaf", "job.py", 3), 6.0, 8)

    edges = at_function_level(report, [call]).edges

    assert [(edge.source, edge.target, edge.energy_j) for edge in edges if edge.kind == "calls"] == [
        ("train/main()", "train/leaf()", 6.0)
    ]


def test_functions_outside_any_stage_stand_below_a_row_that_is_no_stage(sample):
    report = report_with(sample, function("setup", 2.0, 2.0, stage=None))

    found = rows(at_function_level(report, ()))

    assert found["setup"].parent == OUTSIDE
    assert found["outside any stage"].total_sum.energy_j == 2
    assert found["train"].self_sum.energy_j == 10


def test_namesakes_are_told_apart_by_their_files(sample):
    report = report_with(sample, function("run", 1.0, 1.0, file="a.py"), function("run", 2.0, 2.0, file="b.py"))

    assert {"run (a.py)", "run (b.py)"} < set(rows(at_function_level(report, ())))


def test_without_samples_a_report_is_as_it_was(sample):
    report = sample.voice_assistant()

    assert at_function_level(report, ()) == report
