"""Which functions a picture of sampled stacks shows: what spent, and what hands on; and that its ways add up."""

import random

import numpy as np

from energyprof.graph.call_choice import choose_calls
from energyprof.graph.call_ways import STAGE
from energyprof.model.call_tree import CallTree
from energyprof.model.stacks import Function

IMPORTLIB = "<frozen importlib._bootstrap>"


def tree(*stacks, files=None):
    """Make a call tree of stacks such as `("main leaf", joules)`, or with the place of a stage in front."""
    names = list(dict.fromkeys(name for *_, path, _ in stacks for name in path.split()))
    nodes, parents, functions, node, stage = {}, [], [], [], []
    for *where, path, _ in stacks:
        at = -1
        for name in path.split():
            key = at, name
            if key not in nodes:
                nodes[key] = len(parents)
                parents.append(at)
                functions.append(names.index(name))
            at = nodes[key]
        node.append(at)
        stage.append(where[0] if where else 0)
    energy = np.array([round(energy_j * 1e6) for *_, energy_j in stacks], np.int64)
    index = [np.array(column, np.int32) for column in (parents, functions, node, stage)]
    known = tuple(Function(name, (files or {}).get(name, "job.py"), 1) for name in names)
    return CallTree(known, *index, energy, np.ones(len(stacks), np.int64))


def drawn(calls, count=20):
    """Return the chosen functions by name with their columns."""
    found = choose_calls(calls, count)
    return {calls.functions[function].name: column for (_, function), column in found.columns.items()}


def ways(calls, count=20):
    """Return joules, and the fewest functions between, of each (caller, callee); the stage has no name."""

    def name(function):
        return "" if function == STAGE else calls.functions[function].name

    found = choose_calls(calls, count).ways
    return {(name(way.caller), name(way.callee)): (way.energy_uj / 1e6, way.fewest) for way in found}


def test_callers_that_only_pass_a_call_on_are_counted_and_not_drawn():
    calls = tree(("main run solve leaf", 90), ("main run solve other", 10))

    assert drawn(calls) == {"leaf": 1, "other": 1}
    assert ways(calls) == {("", "leaf"): (90, 3), ("", "other"): (10, 3)}


def test_what_hands_energy_on_to_several_is_drawn_before_them():
    calls = tree(
        ("main train step forward", 30), ("main train step backward", 40), ("main load read", 20), ("main load cut", 10)
    )

    assert drawn(calls) == {"train": 1, "load": 1, "forward": 2, "backward": 2, "read": 2, "cut": 2}
    assert ways(calls)["train", "forward"] == (30, 1)


def test_of_callers_that_say_the_same_the_outermost_is_drawn():
    calls = tree(("main fit wrap inner a", 30), ("main fit wrap inner b", 30), ("main other", 40))

    assert {"fit"} == drawn(calls).keys() - {"a", "b", "other"}


def test_what_spent_nothing_worth_a_box_is_not_drawn():
    calls = tree(("main leaf", 99), ("main tiny", 0.3), ("main small", 0.7))

    assert drawn(calls) == {"leaf": 1, "small": 1}


def test_imports_are_one_function_between_modules():
    files = dict.fromkeys(("_find_and_load", "_load", "exec"), IMPORTLIB)
    calls = tree(
        ("main _find_and_load _load exec a _find_and_load _load exec b", 30),
        ("main _find_and_load _load exec c", 30),
        ("main _find_and_load _load exec", 5),
        ("main work", 35),
        files=files,
    )

    assert drawn(calls) == {"_find_and_load": 1, "b": 2, "c": 2, "work": 1}
    assert ways(calls)["", "_find_and_load"][0] == 65


def test_recursion_leads_to_a_function_once():
    calls = tree(("main walk walk walk", 60), ("main walk leaf walk", 20), ("main rest", 20))

    assert ways(calls) == {("", "walk"): (80, 1), ("", "rest"): (20, 1)}


def test_the_same_function_in_two_stages_is_two():
    calls = tree((0, "main leaf", 60), (1, "main leaf", 40))

    assert [(way.stage, way.energy_uj) for way in choose_calls(calls, 9).ways] == [(0, 60_000_000), (1, 40_000_000)]


def test_without_energy_samples_decide():
    calls = tree(("main leaf", 0), ("main other", 0))

    assert drawn(calls) == {"leaf": 1, "other": 1}


def test_without_a_stack_nothing_is_drawn():
    assert choose_calls(CallTree.none(), 9).columns == {}


def test_ways_to_a_function_add_up_to_its_total_and_no_picture_is_wider_than_four_boxes():
    for seed in range(25):
        chance = random.Random(seed)
        names = [f"f{number}" for number in range(12)]
        paths = [" ".join(chance.choices(names, k=chance.randint(1, 14))) for _ in range(60)]
        stacks = [(chance.randint(0, 1), path, chance.randint(0, 9)) for path in dict.fromkeys(paths)]
        calls = tree(*stacks)

        found = choose_calls(calls, 8)

        assert 0 < len(found.columns) <= 8
        assert set(found.columns.values()) <= {1, 2, 3, 4}
        for stage, function in found.columns:
            name = calls.functions[function].name
            total = sum(joules for where, path, joules in stacks if where == stage and name in path.split())
            came = [way for way in found.ways if (way.stage, way.callee) == (stage, function)]
            assert sum(way.energy_uj for way in came) == total * 1_000_000
            assert [way.is_main for way in came].count(True) == 1
