"""Graph files: networkx reads back what was written, with an interval and a provenance for every figure."""

import io
import json

import networkx as nx
import pytest

from energyprof.interfaces import RenderContext
from energyprof.report.compare import compare
from energyprof_plugins.exporters.graph_files import GraphJson, GraphMl

RUNS = ["voice_assistant", "digits", "vit_training", "one_stage", "empty"]


def node_link(report, **context):
    return nx.node_link_graph(json.loads(GraphJson().render(report, RenderContext(**context))), edges="edges")


def graphml(report, **context):
    return nx.read_graphml(io.BytesIO(GraphMl().render(report, RenderContext(**context)).encode()))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("read", [node_link, graphml])
def test_networkx_reads_every_stage_and_edge(sample, run, read):
    report = getattr(sample, run)()

    graph = read(report)

    assert graph.is_directed()
    assert {row.stage for row in report.stages} <= set(graph)
    kinds = {(source, target, facts["kind"]) for source, target, facts in graph.edges(data=True)}
    assert {(edge.source, edge.target, edge.kind) for edge in report.edges} <= kinds


@pytest.mark.parametrize("read", [node_link, graphml])
def test_every_energy_has_an_interval_and_a_provenance(sample, read):
    graph = read(sample.voice_assistant())

    figures = 0
    for facts in [graph.graph, *(facts for _, facts in graph.nodes(data=True))]:
        for name, value in facts.items():
            if name.endswith("_j") and not name.endswith(("_low_j", "_high_j", "left_out_j")) and value is not None:
                stem = name.removesuffix("_j")
                assert facts[f"{stem}_low_j"] <= value <= facts[f"{stem}_high_j"]
                assert facts[f"{stem}_provenance"]
                figures += 1
    for _, _, facts in graph.edges(data=True):
        if facts.get("energy_j") is not None:
            assert facts["low_j"] <= facts["energy_j"] <= facts["high_j"]
            assert facts["provenance"]
            figures += 1
    assert figures > 200


@pytest.mark.parametrize("read", [node_link, graphml])
def test_what_is_refused_has_no_figure_and_its_joint_energy_is_a_node(sample, read):
    graph = read(sample.voice_assistant())

    assert graph.nodes["embed/layers/norm"].get("self_j") is None
    joints = [name for name, facts in graph.nodes(data=True) if facts["kind"] == "joint"]
    assert {target for joint in joints for target in graph.successors(joint)} == {
        "embed/layers/attention", "embed/layers/norm", "embed/layers/feed_forward",
    }  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"group": "repeats"}])
@pytest.mark.parametrize("run", RUNS)
def test_the_figures_of_all_nodes_add_up_to_the_stages_line(sample, run, options):
    report = getattr(sample, run)()

    graph = node_link(report, options=options)

    own = sum(round(facts["self_j"] * 1e6) for _, facts in graph.nodes(data=True) if facts["self_j"] is not None)
    assert own == round((report.stages_sum.energy_j or 0) * 1e6)


def test_like_siblings_are_one_node_on_request(sample):
    graph = node_link(sample.vit_training(), options={"group": "repeats"})

    blocks = next(facts for _, facts in graph.nodes(data=True) if facts["name"] == "ViT.blocks.*")
    assert blocks["members"] == 11
    assert blocks["calls"] == 11 * 3900
    assert blocks["least_total_j"] < blocks["most_total_j"]
    assert any(facts["name"] == "ViT.blocks.7" for _, facts in graph.nodes(data=True))  # twice as dear as the others


@pytest.mark.parametrize("read", [node_link, graphml])
def test_a_comparison_has_both_sides_and_the_verdict(sample, read):
    before = sample.make_report([sample.Part("a", (10.0,)), sample.Part("b", (50.0,))])
    after = sample.make_report([sample.Part("a", (10.0,)), sample.Part("b", (10.0,))])

    graph = read(after, comparison=compare(before, after))

    facts = graph.nodes["b"]
    assert (facts["self_before_j"], facts["self_after_j"], facts["self_change_j"]) == (50, 10, -40)
    assert facts["self_is_significant"] is True
    assert graph.nodes["a"]["self_is_significant"] is False
    assert graph.graph["tested"] == 2


def test_hostile_names_survive_as_text(sample):
    report = sample.hostile()

    assert {row.stage for row in report.stages} <= set(node_link(report))
    assert len(graphml(report)) >= len(report.stages)
