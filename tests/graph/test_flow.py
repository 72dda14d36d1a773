"""Edges between stages."""

import numpy as np

from energyprof.graph.flow import lift, opened, spine, uses_of
from energyprof.model.span import Stage
from energyprof.model.trace import Flows


def stages(*spec):
    """Return stages from (name, parent) or (name, parent, kind)."""
    made = []
    for name, parent, *kind in spec:
        path = (name,) if parent is None else (*made[parent].path, name)
        made.append(Stage("/".join(path), name, path, parent, *kind))
    return tuple(made)


def flows(*rows):
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return Flows(
        *(np.array(c, dtype) for c, dtype in zip(columns, (np.int32, np.int32, np.int64, np.int64), strict=True))
    )


TREE = stages(("a", None), ("a1", 0), ("a2", 0), ("b", None), ("b1", 3), ("deep", 4))


def test_flows_are_lifted_to_the_nearest_common_level_and_added_up():
    declared = flows((1, 5, 2, 10), (2, 4, 3, 5), (1, 2, 7, 0), (0, 3, 1, 0))

    assert lift(declared, TREE) == {(0, 3): (6, 15), (1, 2): (7, 0)}


def test_a_flow_within_one_stage_is_no_edge():
    declared = flows((0, 1, 1, 0), (5, 3, 1, 0), (4, 4, 1, 0), (3, 5, 1, 0))

    assert lift(declared, TREE) == {}


def test_a_producer_is_divided_by_bytes_only_where_all_its_flows_have_them():
    lifted = {(0, 1): (5, 100), (0, 2): (1, 300), (3, 1): (2, 7), (3, 2): (9, 0)}

    assert uses_of(lifted) == {(0, 1): 100, (0, 2): 300, (3, 1): 2, (3, 2): 9}


def test_the_spine_takes_the_most_frequent_later_successor_of_outermost_stages():
    line = stages(("a", None), ("b", None), ("c", None), ("inner", 0))
    follows = flows((0, 1, 5, 0), (0, 2, 9, 0), (1, 2, 3, 0), (2, 0, 50, 0), (3, 1, 99, 0), (1, 1, 4, 0))

    assert spine(follows, line, known={}) == {(0, 2): 9, (1, 2): 3}


def test_where_flow_is_known_order_says_nothing():
    line = stages(("a", None), ("b", None), ("c", None), ("d", None))
    follows = flows((0, 1, 1, 0), (1, 2, 1, 0), (2, 3, 1, 0))

    assert spine(follows, line, known={(0, 1): (1, 0)}) == {(1, 2): 1, (2, 3): 1}


def test_calls_are_those_of_functions_and_those_the_tree_does_not_show():
    tree = stages(("main", None), ("step", 0), ("helper", 1, "function"))
    by_spans = flows((0, 1, 10, 0), (1, 2, 20, 0), (1, 1, 3, 0))

    children, calling = opened(by_spans, tree)

    assert children == {(0, 1): 10, (1, 2): 20}
    assert calling == {(1, 1): 3, (1, 2): 20}
