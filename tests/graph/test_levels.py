"""Embodied energy keeps the bounds and the provenance of what it is made of."""

import pytest


def edges(report, kind="feeds"):
    return {(edge.source, edge.target): edge for edge in report.edges if edge.kind == kind}


def test_what_is_handed_on_is_as_uncertain_as_all_that_it_is_made_of(sample):
    parts = [sample.Part("a", (10.0,)), sample.Part("b", (30.0,)), sample.Part("c", (5.0,))]
    report = sample.make_report(parts, after=[("a", "b"), ("b", "c")])

    handed = edges(report)["b", "c"]

    # Totals are known to 2 % in these reports: 0.2 J of a and 0.6 J of b.
    assert (handed.energy_j, handed.low_j, handed.high_j) == (40, pytest.approx(39.2), pytest.approx(40.8))
    last = report.stages[2]
    assert (last.embodied_j, last.embodied_low_j) == (45, pytest.approx(44.1))


def test_a_divided_energy_divides_its_bounds_too(sample):
    parts = [sample.Part(name, (10.0,)) for name in "abc"]
    found = edges(sample.make_report(parts, after=[("a", "b"), ("a", "c")]))

    assert [(edge.energy_j, edge.low_j, edge.high_j) for edge in found.values()] == [(5, 4.9, 5.1)] * 2


def test_the_weakest_provenance_upstream_is_that_of_the_result(sample):
    parts = [sample.Part("a", (10.0,), how="inferred"), sample.Part("b", (10.0,)), sample.Part("c", (10.0,))]
    report = sample.make_report(parts, after=[("a", "b"), ("b", "c")])

    assert edges(report)["b", "c"].provenance == "inferred"
    assert [row.embodied_provenance for row in report.stages] == ["inferred"] * 3


def test_contains_edges_have_the_figures_of_the_child(sample):
    report = sample.make_report([sample.Part("a", (1.0,), (sample.Part("b", (9.0,), how="inferred"),))])

    edge = edges(report, "contains")["a", "a/b"]

    assert (edge.energy_j, edge.low_j, edge.high_j, edge.provenance) == (9, 8.82, 9.18, "inferred")


def test_in_a_circle_bounds_stay_on_their_sides(sample):
    parts = [sample.Part(name, (energy,)) for name, energy in (("a", 10.0), ("b", 30.0), ("c", 0.0))]
    report = sample.make_report(parts, after=[("a", "b"), ("b", "a"), ("b", "c")])

    for row in report.stages:
        assert row.embodied_low_j <= row.embodied_j <= row.embodied_high_j
