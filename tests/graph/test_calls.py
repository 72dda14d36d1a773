"""Calls between sampled functions, weighted by joules."""

import numpy as np

from energyprof.graph.calls import Call, calls_between
from energyprof.model.call_tree import CallTree
from energyprof.model.stacks import Function


def tree(parents, functions, stacks):
    """`stacks`: (node, stage, microjoules, samples)."""
    names = tuple(Function(name, "job.py", 1) for name in "abc")
    index = [np.array(column, np.int32) for column in (parents, functions)]
    node, stage, energy, samples = (np.array(column) for column in zip(*stacks, strict=True))
    return CallTree(names, *index, node.astype(np.int32), stage.astype(np.int32), energy, samples)


def test_what_passes_along_a_call_is_that_of_all_stacks_that_hold_it():
    calls = calls_between(tree([-1, 0, 1], [0, 1, 2], [(2, 0, 500, 5), (1, 0, 70, 2)]))

    assert calls == [Call(0, 0, 1, 570, 7), Call(0, 1, 2, 500, 5)]


def test_the_same_call_in_two_stages_is_two():
    calls = calls_between(tree([-1, 0], [0, 1], [(1, 0, 500, 5), (1, -1, 70, 2)]))

    assert calls == [Call(-1, 0, 1, 70, 2), Call(0, 0, 1, 500, 5)]


def test_recursion_counts_once_and_a_function_does_not_call_itself():
    # a -> b -> a -> b, and below it b itself
    calls = calls_between(tree([-1, 0, 1, 2, 3], [0, 1, 0, 1, 1], [(4, 0, 100, 1)]))

    assert calls == [Call(0, 0, 1, 100, 1), Call(0, 1, 0, 100, 1)]
