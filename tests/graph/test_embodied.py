"""Embodied energy: nothing is lost, nothing counted twice, whatever the flows."""

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from energyprof.graph.embodied import embody, split


@st.composite
def flows_with_circles(draw):
    count = draw(st.integers(1, 12))
    own = draw(st.lists(st.integers(0, 10**12), min_size=count, max_size=count))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] != pair[1])
    uses = draw(st.dictionaries(pairs, st.integers(0, 1000), max_size=30))
    return dict(enumerate(own)), uses


@given(flows_with_circles())
def test_the_sinks_together_embody_exactly_what_was_spent(case):
    own, uses = case

    embodied = embody(own, uses)

    flow = nx.DiGraph(list(uses))
    flow.add_nodes_from(own)
    units = list(nx.strongly_connected_components(flow))
    sinks = [stage for unit in units if all(b in unit for a, b in uses if a in unit) for stage in unit]
    assert sum(embodied.stages[stage] for stage in sinks) == sum(own.values())


@given(flows_with_circles())
def test_a_unit_hands_on_what_it_embodies_or_nothing(case):
    own, uses = case

    embodied = embody(own, uses)

    flow = nx.DiGraph(list(uses))
    flow.add_nodes_from(own)
    for unit in nx.strongly_connected_components(flow):
        handed = [energy for (a, b), energy in embodied.flows.items() if a in unit and b not in unit]
        received = sum(energy for (a, b), energy in embodied.flows.items() if b in unit and a not in unit)
        whole = sum(embodied.stages[stage] for stage in unit)
        assert whole == received + sum(own[stage] for stage in unit)
        assert not handed or sum(handed) == whole


def test_a_chain_accumulates_and_a_fork_divides_by_use():
    own = {0: 100, 1: 20, 2: 30, 3: 5}
    uses = {(0, 1): 3, (0, 2): 1, (1, 3): 1, (2, 3): 1}

    embodied = embody(own, uses)

    assert embodied.flows == {(0, 1): 75, (0, 2): 25, (1, 3): 95, (2, 3): 55}
    assert embodied.stages == {0: 100, 1: 95, 2: 55, 3: 155}


def test_a_circle_is_one_unit_that_shares_by_own_energy():
    own = {0: 60, 1: 30, 2: 10}
    uses = {(0, 1): 5, (1, 0): 5, (1, 2): 1}

    embodied = embody(own, uses)

    assert embodied.stages == {0: 60, 1: 30, 2: 100}
    assert embodied.flows == {(0, 1): None, (1, 0): None, (1, 2): 90}


def test_what_is_unknown_marks_everything_downstream():
    embodied = embody({0: None, 1: 10, 2: 7}, {(0, 1): 1})

    assert embodied.complete == {0: False, 1: False, 2: True}


@given(st.integers(-(10**15), 10**15), st.lists(st.integers(-5, 10**6), min_size=1, max_size=20))
def test_split_parts_add_up(whole, weights):
    parts = split(whole, weights)

    assert sum(parts) == whole
    assert len(parts) == len(weights)
