"""Stages added up for a view: intervals of sums, calls, times and edges of groups, functions and stacks."""

from dataclasses import replace

import numpy as np
import pytest

from energyprof.attribute.regroup import regroup, regroup_flows, regroup_outputs
from energyprof.graph.choose import choose_stages
from energyprof.model.attribution import FunctionEnergy, FunctionTable, SensorFit, StepEnergy
from energyprof.model.stacks import Function
from energyprof.model.trace import Flows, Outputs
from energyprof.model.view import View


def net(sample):
    """Return a run: train (10 J) with a Net of two layers (4 J and 6 J), save beside the Net, then evaluate."""
    layers = [
        sample.Part("Net.a", (4.0,), kind="module", error=0.5),
        sample.Part("Net.b", (6.0,), kind="module", error=0.5),
    ]
    model = sample.Part("Net", (1.0,), tuple(layers), kind="module", calls=7)
    train = sample.Part("train", (10.0,), (model, sample.Part("save", (2.0,))), error=0.5)
    return sample.attributed([train, sample.Part("evaluate", (3.0,))])


def viewed(sample, view, change=lambda attribution: attribution):
    stages, attribution = net(sample)
    attribution = change(attribution)
    grouping = choose_stages(stages, view)
    domains = frozenset(found.domain for found in attribution.domains)
    return grouping, regroup(stages, attribution, grouping, domains)


def test_a_view_of_everything_is_the_attribution_itself(sample):
    stages, attribution = net(sample)
    grouping = choose_stages(stages, View())

    kept = regroup(stages, attribution, grouping, frozenset({sample.CPU.id}))

    assert kept.domains[0] is attribution.domains[0]


def with_steps_of(stage):
    """Return what adds three steps, 1 J and then 2 J, that each end with a call of the stage of this index."""
    none = np.zeros(0)
    steps = StepEnergy(
        stage, 3, 10**9, 1.0, 1.0, 1.0, 2 * 10**9, 2.0, 2.0, 2.0, np.zeros(0, np.int64), none, none, none, 10**6
    )
    return lambda attribution: replace(attribution, steps=steps)


def test_steps_stay_those_of_their_stage_where_a_view_numbers_it_anew(sample):
    stages, _ = net(sample)
    save = next(index for index, stage in enumerate(stages) if stage.id == "train/save")

    grouping, kept = viewed(sample, View(level="stage"), with_steps_of(save))

    assert grouping.stages[kept.steps.stage].id == "train/save"
    assert kept.steps.steps == 3


def test_steps_are_left_out_with_the_stage_that_ends_them(sample):
    stages, _ = net(sample)
    layer = next(index for index, stage in enumerate(stages) if stage.id == "train/Net.b")

    _, kept = viewed(sample, View(level="stage"), with_steps_of(layer))

    assert kept.steps is None


def test_bounds_of_a_group_are_added(sample):
    _, kept = viewed(sample, View(level="stage"))

    own = kept.domains[0].self_energy
    assert own.energy_j[0] == 21  # train with its Net; save stands for itself
    # Half-widths: 5 of train, 0.03 of Net, 2 and 3 of its layers.
    assert (own.low_j[0], own.high_j[0]) == (pytest.approx(10.97), pytest.approx(31.03))


def with_covariance(attribution):
    found = attribution.domains[0]
    count = len(found.self_energy.energy_j)
    covariance = np.diag(np.full(count, 0.25))  # 0.5 J each, independent
    energy = found.self_energy.energy_j
    fit = SensorFit(
        energy, np.full(count, 0.5), np.ones(count), np.arange(count, dtype=np.int32), covariance,
        0.0, 0.0, 0.0, 0.0, "probe", 1.0, "",
    )  # fmt: skip
    return replace(attribution, domains=(replace(found, fit=fit),))


def test_where_a_fit_knows_the_covariance_the_sum_is_as_sure_as_that(sample):
    _, kept = viewed(sample, View(level="stage"), with_covariance)

    own = kept.domains[0].self_energy
    assert own.energy_j[0] - own.low_j[0] == pytest.approx(1.96 * (4 * 0.25) ** 0.5)


def test_calls_and_inclusive_time_are_those_of_the_stage_and_own_time_that_of_all(sample):
    _, attribution = net(sample)
    _, kept = viewed(sample, View(level="stage"))

    assert kept.times.calls[0] == 1
    assert kept.times.wall_ns[0] == attribution.times.wall_ns[0]
    assert kept.times.self_wall_ns[0] == attribution.times.self_wall_ns[:4].sum()


def flows(*pairs):
    source, target, count = (np.array(column) for column in zip(*pairs, strict=True))
    return Flows(source.astype(np.int32), target.astype(np.int32), count, count * 8)


def test_edges_lead_between_groups_and_those_within_one_are_none(sample):
    stages, _ = net(sample)
    grouping = choose_stages(stages, View(level="stage"))

    found = regroup_flows(flows((2, 3, 5), (2, 5, 2), (3, 5, 1)), grouping)  # a to b, and both to evaluate

    assert (found.source.tolist(), found.target.tolist(), found.count.tolist()) == ([0], [2], [3])
    assert found.nbytes.tolist() == [24]


def test_outputs_are_told_of_stages_that_are_shown_alone(sample):
    stages, _ = net(sample)
    grouping = choose_stages(stages, View(level="stage"))
    three = np.array([3, 3])

    found = regroup_outputs(Outputs(np.array([2, 5], np.int32), three, three, three), grouping)

    assert found.stage.tolist() == [2]  # evaluate; what layer a hands to layer b is no output of train


def with_functions(attribution):
    names = tuple(Function(name, "job.py", 1) for name in ("f", "f", "g"))
    index = np.array
    table = FunctionTable(
        names, index([2, 3, 5], np.int32), index([7, 8, 9], np.int32), index([4, 6, 1]), index([4, 6, 1]),
        stack_node=index([0, 1, 2], np.int32), stack_stage=index([2, 3, 5], np.int32), stack_samples=index([4, 6, 1]),
    )  # fmt: skip
    joules = [np.array([4.0, 6.0, 3.0]) * factor for factor in (1.0, 0.9, 1.1, 1.0, 0.9, 1.1)]
    energy = FunctionEnergy(*joules, provenance=1, stack_j=joules[0])
    return replace(attribution, functions=table, domains=(replace(attribution.domains[0], functions=energy),))


def test_a_function_that_ran_in_several_layers_is_one_of_their_stage(sample):
    _, kept = viewed(sample, View(level="stage"), with_functions)

    table, energy = kept.functions, kept.domains[0].functions
    assert [(function.name, stage) for function, stage in zip(table.functions, table.stage.tolist(), strict=True)] == [
        ("f", 0), ("g", 2),
    ]  # fmt: skip
    assert energy.energy_j.tolist() == [10, 3]
    assert table.samples.tolist() == [10, 1]
    assert table.line.tolist() == [8, 9]  # that of the more samples
    assert table.stack_stage.tolist() == [0, 0, 2]


def test_functions_of_stages_left_out_are_left_out(sample):
    _, kept = viewed(sample, View(focus="evaluate"), with_functions)

    assert [function.name for function in kept.functions.functions] == ["g"]
    assert kept.domains[0].functions.stack_j.tolist() == [3]


def steps_of(stage):
    none = np.zeros(0)
    return StepEnergy(stage, 9, 1, 1.0, 1.0, 1.0, 1, 8.0, 8.0, 8.0, none.astype(np.int64), none, none, none, 1)


def test_steps_stay_those_of_their_stage_in_a_view_that_shows_it_and_are_left_out_elsewhere(sample):
    stages, _ = net(sample)
    names = [stage.name for stage in stages]

    def looped(name):
        return lambda attribution: replace(attribution, steps=steps_of(names.index(name)))

    layers_off, shown = viewed(sample, View(level="stage"), looped("evaluate"))
    ignoring, moved = viewed(sample, View(ignore="Net"), looped("evaluate"))
    _, folded = viewed(sample, View(level="stage"), looped("Net.a"))
    _, ignored = viewed(sample, View(ignore="evaluate"), looped("evaluate"))

    assert layers_off.stages[shown.steps.stage].name == "evaluate"
    assert ignoring.stages[moved.steps.stage].name == "evaluate"
    assert (folded.steps, ignored.steps) == (None, None)
