"""The stage graph as a whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.graph.build import build_graph
from energyprof.model.attribution import Attribution, DomainAttribution, EnergyColumns, LedgerLine, StageTimes
from energyprof.model.domain import Domain
from energyprof.model.span import Stage
from energyprof.model.trace import Flows

PACKAGE = Domain("cpu:0:package", "rapl", "sensor", "energy", 1e-6, "cpu")
CORE = Domain("cpu:0:core", "rapl", "sensor", "energy", 1e-6, "cpu", parent="cpu:0:package")
GPU = Domain("gpu:0", "nvml", "sensor", "energy", 1e-3, "device")


def column(energies, how=0, refused=()):
    energy = np.array(energies, np.float64)
    flags = np.array([index in refused for index in range(len(energies))], np.bool_)
    count = len(energies)
    return EnergyColumns(
        energy, energy * 0.9, energy * 1.1, flags, np.ones(count), np.full(count, how, np.uint8), ("",) * count,
        np.zeros(count, np.bool_),
    )  # fmt: skip


def domain_result(domain, own, total, how=0, refused=()):
    ledger = LedgerLine(domain.id, sum(own), sum(own), 0.0, 0.0, 0.0, 0.0)
    return DomainAttribution(
        domain.id, column(own, how, refused), column(total, how), (), ledger, 0.0, None, 1, 1, 0, 0, 1, 1
    )  # fmt: skip


NO_FLOWS = Flows.none()


def attribution(*domains, calls=NO_FLOWS, follows=NO_FLOWS):
    count = len(domains[0].self_energy.energy_j)
    times = StageTimes(*(np.arange(1, count + 1, dtype=np.int64) * 10**9 for _ in range(5)))
    return Attribution(1, domains, times, follows, calls)


def flows(*pairs):
    source, target = (np.array([pair[end] for pair in pairs], np.int32) for end in (0, 1))
    ones = np.ones(len(pairs), np.int64)
    return Flows(source, target, ones, ones * 0)


STAGES = (
    Stage("load", "load", ("load",), None),
    Stage("train", "train", ("train",), None),
    Stage("train/step", "step", ("train", "step"), 1),
)


def test_energies_add_up_over_domains_and_a_contained_domain_is_not_added():
    found = attribution(
        domain_result(PACKAGE, [1.0, 2.0, 3.0], [1.0, 5.0, 3.0]),
        domain_result(CORE, [0.5, 1.0, 1.5], [0.5, 2.5, 1.5]),
        domain_result(GPU, [0.0, 10.0, 0.1], [0.0, 10.1, 0.1], how=1),
    )

    graph = build_graph(STAGES, (PACKAGE, CORE, GPU), found, Flows.none())

    assert [(node.self_j, node.total_j, node.provenance) for node in graph.nodes] == [
        (1.0, 1.0, "inferred"),
        (12.0, 15.1, "inferred"),
        (3.1, 3.1, "inferred"),
    ]
    assert [(node.parent, node.depth, node.embodied_j) for node in graph.nodes] == [
        (None, 0, 1.0),
        (None, 0, 15.1),
        ("train", 1, None),
    ]


def test_edges_carry_joules_where_their_kind_does():
    calls = Flows(np.array([1, 2]), np.array([2, 2]), np.array([40, 3]), np.array([0, 0]))
    found = attribution(domain_result(PACKAGE, [1.0, 2.0, 3.0], [1.0, 5.0, 3.0]), calls=calls)

    graph = build_graph(STAGES, (PACKAGE,), found, flows((0, 2)))

    assert [(edge.kind, edge.source, edge.target, edge.count, edge.energy_j) for edge in graph.edges] == [
        ("calls", "train/step", "train/step", 3, None),
        ("contains", "train", "train/step", 40, 3.0),
        ("feeds", "load", "train", 1, 1.0),
    ]


def test_order_alone_makes_the_spine_and_carries_no_joules():
    found = attribution(domain_result(PACKAGE, [1.0, 2.0, 3.0], [1.0, 5.0, 3.0]), follows=flows((0, 1), (1, 0)))

    graph = build_graph(STAGES, (PACKAGE,), found, Flows.none())

    assert [(e.source, e.target, e.energy_j) for e in graph.edges if e.kind == "follows"] == [("load", "train", None)]


def test_a_stage_refused_in_one_domain_has_no_sum_and_comes_after_those_that_have():
    found = attribution(
        domain_result(PACKAGE, [1.0, 2.0, 3.0], [1.0, 5.0, 3.0]),
        domain_result(GPU, [9.0, 8.0, 7.0], [9.0, 15.0, 7.0], refused=(0, 1)),
    )

    graph = build_graph(STAGES, (PACKAGE, GPU), found, Flows.none())

    assert [node.self_j for node in graph.nodes] == [None, None, 10.0]
    assert graph.hotspots == ("train/step", "load", "train")


def test_hotspots_with_equal_energy_are_ordered_by_id():
    twins = tuple(Stage(name, name, (name,), None) for name in ("b", "a", "c"))
    found = attribution(domain_result(PACKAGE, [1.0, 1.0, 2.0], [1.0, 1.0, 2.0]))

    assert build_graph(twins, (PACKAGE,), found, Flows.none()).hotspots == ("c", "a", "b")


@pytest.mark.parametrize("count", [0, 1])
def test_runs_of_no_and_one_stage_have_a_graph(count):
    found = attribution(domain_result(PACKAGE, [1.0] * count, [1.0] * count))

    graph = build_graph(STAGES[:count], (PACKAGE,), found, Flows.none())

    assert (len(graph.nodes), graph.edges) == (count, ())


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25),
    st.lists(st.integers(0, 10**9), min_size=10, max_size=10),
)
def test_what_outermost_sinks_embody_is_what_all_stages_spent(pairs, own_uj):
    parents = [None, None, 0, 1, None, 4, 2, None, 7, None]
    stages = []
    for index, parent in enumerate(parents):
        path = (f"s{index}",) if parent is None else (*stages[parent].path, f"s{index}")
        stages.append(Stage("/".join(path), f"s{index}", path, parent))
    total_uj = list(own_uj)
    for index in range(9, -1, -1):
        if parents[index] is not None:
            total_uj[parents[index]] += total_uj[index]
    found = attribution(domain_result(PACKAGE, [uj / 1e6 for uj in own_uj], [uj / 1e6 for uj in total_uj]))

    graph = build_graph(tuple(stages), (PACKAGE,), found, flows(*pairs))

    # Who can be reached from a sink is its own unit: a circle, or itself.
    feeds = {(e.source, e.target) for e in graph.edges if e.kind == "feeds"}
    outermost = {node.stage: node.embodied_j for node in graph.nodes if node.parent is None}
    reach = {stage: {stage} for stage in outermost}
    for _ in outermost:
        for a, b in feeds:
            for stage in outermost:
                if a in reach[stage] and b in outermost:
                    reach[stage].add(b)
    sinks = [stage for stage in outermost if all(stage in reach[other] for other in reach[stage])]
    assert sum(round(outermost[stage] * 1e6) for stage in sinks) == sum(own_uj)
