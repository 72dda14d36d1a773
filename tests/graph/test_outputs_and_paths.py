from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.graph.outputs import HandedOut, outputs_of
from energyprof.graph.paths import costliest_path
from energyprof.model.ids import StageId
from energyprof.model.span import Stage
from energyprof.model.trace import Outputs


def test_unused_is_told_only_where_others_of_the_same_stage_were_used() -> None:
    stage = np.array([0, 1, 2], np.int32)
    outputs = Outputs(stage, np.array([5, 4, 3]), np.array([2, 0, 3]), np.array([0, 7, 0]))

    assert outputs_of(outputs) == {0: HandedOut(5, 3, 0), 1: HandedOut(4, 0, 7), 2: HandedOut(3, 0, 0)}
    assert outputs_of(None) == {}


def outermost(count: int) -> tuple[Stage, ...]:
    return tuple(Stage(StageId(str(at)), str(at), (str(at),), None, "stage", None, None) for at in range(count))


@pytest.mark.parametrize(
    ("total_uj", "flows", "path"),
    [
        ([5, 1, 9, 2], [(0, 1), (1, 3), (0, 2), (2, 3)], [0, 2, 3]),
        ([5, 5, 5], [(0, 1), (0, 2)], [0, 1]),
        ([1, None, 3], [(0, 1), (1, 2)], [0, 1, 2]),
        ([1, 2, 3, 4], [(0, 1), (1, 2), (2, 1), (2, 3)], [0, 1, 2, 3]),
        ([1, 2], [], []),
    ],
)
def test_the_costliest_path_follows_the_flow(
    total_uj: list[int | None], flows: list[tuple[int, int]], path: list[int]
) -> None:
    assert costliest_path(total_uj, flows, outermost(len(total_uj))) == path


@given(st.lists(st.integers(0, 100), min_size=2, max_size=7), st.data())
def test_no_path_of_a_flow_without_circles_costs_more(total_uj: list[int], data: st.DataObject) -> None:
    # Given any flow from earlier stages to later ones
    count = len(total_uj)
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
    flows = data.draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))

    # When every path is tried
    def paths(start: int) -> list[list[int]]:
        return [[start], *([start, *rest] for a, b in flows if a == start for rest in paths(b))]

    linked = {stage for pair in flows for stage in pair}
    costs = [sum(total_uj[stage] for stage in path) for start in linked for path in paths(start)]

    # Then none costs more than the one that is returned, which is one of them
    found = costliest_path([*total_uj], flows, outermost(count))
    assert sum(total_uj[stage] for stage in found) == max(costs)
    assert all(pair in flows for pair in itertools.pairwise(found))
