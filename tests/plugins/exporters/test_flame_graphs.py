"""Folded stacks and speedscope: every joule stands in one stack, and the files keep to their formats."""

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from energyprof.interfaces import RenderContext
from energyprof.model.call_tree import CallTree
from energyprof.model.stacks import Function
from energyprof_plugins.exporters.folded_stacks import FoldedStacks
from energyprof_plugins.exporters.speedscope import Speedscope

RUNS = ["voice_assistant", "digits", "vit_training", "one_stage", "empty", "hostile"]
SCHEMA = json.loads(Path(__file__).with_name("speedscope.schema.json").read_text())


def folded_of(report, **context):
    lines = FoldedStacks().render(report, RenderContext(**context)).splitlines()
    return {path: int(energy_uj) for path, _, energy_uj in (line.rpartition(" ") for line in lines)}


def speedscope_of(report, **context):
    return json.loads(Speedscope().render(report, RenderContext(**context)))


def functions(*rows):
    """Return a tree of functions called one by the other: a row is (names outermost first, stage, microjoules)."""
    names = sorted({name for path, _, _ in rows for name in path})
    parent, function, node = [], [], []
    for path, _, _ in rows:
        for depth, name in enumerate(path):
            parent.append(len(parent) - 1 if depth else -1)
            function.append(names.index(name))
        node.append(len(parent) - 1)
    column = [np.array(values, np.int32) for values in (parent, function, node, [stage for _, stage, _ in rows])]
    energy_uj = np.array([energy for _, _, energy in rows], np.int64)
    return CallTree(tuple(Function(name, "job.py", 5) for name in names), *column, energy_uj, energy_uj * 0 + 1)


@pytest.mark.parametrize("run", RUNS)
def test_folded_stacks_add_up_to_the_account_but_for_what_is_unattributed(sample, run):
    report = getattr(sample, run)()

    stacks = folded_of(report)

    spent_uj = sum(round((row.measured_j - row.unattributed_j) * 1e6) for row in report.ledger)
    assert sum(stacks.values()) == spent_uj
    assert all(re.fullmatch(r"[^;\n]+(;[^;\n]+)*", path) for path in stacks)


def test_what_cannot_be_told_apart_has_one_stack_under_the_stage_around_it(sample):
    stacks = folded_of(sample.voice_assistant())

    path = "embed;layers;(attention, norm, feed_forward: cannot be told apart)"
    assert stacks[path] == 640_000_000
    assert "embed;layers;norm" not in stacks


def test_sampled_functions_stand_below_their_stage_and_take_of_its_energy(sample):
    report = sample.make_report([sample.Part("train", (3.0,)), sample.Part("save", (1.0,))])

    tree = functions((["main", "fit"], 0, 2_000_000), (["main"], -1, 5_000))
    stacks = folded_of(report, calls=lambda: tree)

    plain = folded_of(report)
    assert stacks["train;main;fit"] == 2_000_000
    assert stacks["train"] == 1_000_000
    assert stacks["(outside any stage);main"] == 5_000
    assert sum(stacks.values()) == sum(plain.values())


@pytest.mark.parametrize("run", RUNS)
def test_speedscope_keeps_to_its_schema(sample, run):
    document = speedscope_of(getattr(sample, run)())

    jsonschema.validate(document, SCHEMA)
    frames = len(document["shared"]["frames"])
    for profile in document["profiles"]:
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(0 <= frame < frames for sample_row in profile["samples"] for frame in sample_row)
        assert profile["endValue"] == pytest.approx(sum(profile["weights"]))


def test_the_schema_knows_a_unit_that_speedscope_does_not(sample):
    document = speedscope_of(sample.digits())
    document["profiles"][0]["unit"] = "joules"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_speedscope_has_energy_in_millijoules_and_time_in_seconds(sample):
    report = sample.digits()

    energy, time = speedscope_of(report)["profiles"]

    assert energy["unit"] == "none"
    assert "mJ, estimated" in energy["name"]
    assert energy["endValue"] == pytest.approx(sum(folded_of(report).values()) / 1e3)
    assert time["unit"] == "seconds"
    assert time["endValue"] == pytest.approx(sum(row.self_wall_s for row in report.stages))
