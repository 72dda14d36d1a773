"""Stacks of two runs as one tree: functions are found again where lines and folders have moved."""

import numpy as np

from energyprof.graph.call_match import matched, same_functions
from energyprof.model.call_tree import CallTree
from energyprof.model.span import Stage
from energyprof.model.stacks import Function


def stages(*names):
    return tuple(Stage(name, name, (name,), None) for name in names)


def tree(functions, *stacks):
    """Make a call tree of stacks such as (stage, (function, ...), joules), functions by place."""
    parent, function, node, stage = [], [], [], []
    for where, path, _ in stacks:
        for number, called in enumerate(path):
            parent.append(len(parent) - 1 if number else -1)
            function.append(called)
        node.append(len(parent) - 1)
        stage.append(where)
    index = [np.array(column, np.int32) for column in (parent, function, node, stage)]
    energy = np.array([round(energy_j * 1e6) for *_, energy_j in stacks], np.int64)
    return CallTree(tuple(functions), *index, energy, np.ones(len(stacks), np.int64))


def test_functions_are_found_again_where_lines_and_folders_have_moved():
    before = [Function("load", "/old/job.py", 3), Function("fit", "/old/pkg/a.py", 9), Function("gone", "/old/a.py", 1)]
    after = [Function("fit", "/new/pkg/a.py", 12), Function("load", "/old/job.py", 7), Function("come", "/old/a.py", 1)]

    assert same_functions(before, after) == {0: 1, 1: 0}


def test_namesakes_are_told_apart_by_their_place_and_else_not_matched():
    before = [Function("<module>", "/a/x/__init__.py", 1), Function("<module>", "/a/y/__init__.py", 1)]
    after = [Function("<module>", "/b/y/__init__.py", 1), Function("<module>", "/b/z/__init__.py", 1)]
    twice = [Function("f", "/a/job.py", 3), Function("f", "/a/job.py", 9)]
    moved = [Function("f", "/a/job.py", 9), Function("f", "/a/job.py", 20)]

    assert same_functions(before, after) == {1: 0}
    assert same_functions(twice, moved) == {1: 0}
    assert same_functions(twice, [Function("f", "/a/job.py", 4)]) == {}


def test_both_runs_are_one_tree_with_the_joules_of_each():
    main, leaf, other = Function("main", "job.py", 1), Function("leaf", "job.py", 5), Function("other", "job.py", 9)
    moved = Function("leaf", "job.py", 6)
    old = tree([main, leaf, other], (0, (0, 1), 2.0), (1, (0, 2), 1.0))
    new = tree([moved, main], (0, (1, 0), 4.0), (-1, (1,), 0.5))

    both = matched((old, stages("program", "lost")), (new, stages("come", "program")))

    known = both.tree
    rows = zip(known.node.tolist(), known.stage.tolist(), known.energy_uj.tolist(), strict=True)
    assert [
        ([known.functions[at].name for at in known.path(node)], stage, energy_uj) for node, stage, energy_uj in rows
    ] == [(["main", "leaf"], 0, 4_000_000), (["main"], -1, 500_000), (["main", "leaf"], 1, 2_000_000),
          (["main", "other"], 2, 1_000_000)]  # fmt: skip
    assert [stage.id for stage in both.stages] == ["come", "program", "lost"]
    assert both.names_before["leaf", "job.py", 5] == ("leaf", "job.py", 6)
