"""Views of a run: what is chosen keeps its figures, what is added up adds up, what is left out is told."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energyprof.attribute.regroup import regroup
from energyprof.errors import InputError
from energyprof.graph.choose import choose_stages
from energyprof.model.view import View


def own_uj(report):
    counted = {row.domain for row in report.domains if row.counts}
    known = [row.energy_j for stage in report.stages for row in stage.self_energy if row.domain in counted]
    joint = [row.energy_j for row in report.unsplit if row.domain in counted]
    return sum(round(energy_j * 1e6) for energy_j in [*known, *joint] if energy_j is not None)


def by_name(report):
    return {row.name: row for row in report.stages}


def model(sample, *, refused=False):
    layers = tuple(sample.Part(f"Net.{n}", (4.0 + n,), kind="module", calls=5, refused=refused) for n in range(3))
    return sample.Part("train", (10.0,), (
        sample.Part("Net", (1.0,), layers, kind="module", calls=5), sample.Part("save", (2.0,)),
    ))  # fmt: skip


def test_at_stage_level_layers_count_to_the_stage_that_calls_them(sample):
    report = sample.view_report([model(sample), sample.Part("evaluate", (3.0,))], View(level="stage"))

    rows = by_name(report)
    assert list(rows) == ["train", "save", "evaluate"]
    assert rows["train"].self_sum.energy_j == 10 + 1 + 4 + 5 + 6
    assert rows["train"].total_sum.energy_j == 28
    assert rows["train"].calls == 1
    assert report.view.left_out_j == 0


def test_what_layers_spent_that_cannot_be_told_apart_is_their_stages(sample):
    report = sample.view_report([model(sample, refused=True)], View(level="stage"))

    assert by_name(report)["train"].self_sum.energy_j == 26
    assert report.unsplit == ()


def test_a_group_that_holds_only_some_of_the_inseparable_stays_refused(sample):
    parts = [sample.Part("a", (5.0,), refused=True), sample.Part("b", (7.0,), (model(sample),), refused=True)]

    report = sample.view_report(parts, View(level="stage"))

    assert by_name(report)["b"].self_sum.energy_j is None
    assert [row.members for row in report.unsplit] == [("a", "b")]
    assert own_uj(report) == own_uj(sample.make_report(parts))


def test_focus_keeps_what_matches_with_all_below_and_around_it(sample):
    report = sample.view_report([model(sample), sample.Part("evaluate", (3.0,))], View(focus=r"^Net\.1$"))

    rows = by_name(report)
    assert list(rows) == ["train", "Net", "Net.1"]
    assert rows["train"].self_sum.energy_j is None
    assert rows["train"].total_sum.energy_j == rows["Net.1"].total_sum.energy_j == 5
    assert report.view.around == ("train", "train/Net")
    assert (report.view.shown_j, report.view.left_out_j) == (5, 26)
    assert rows["Net.1"].total_sum.share == pytest.approx(5 / 31)


def test_ignore_takes_away_what_matches_with_all_below_it(sample):
    report = sample.view_report([model(sample), sample.Part("evaluate", (3.0,))], View(ignore="Net|evaluate"))

    rows = by_name(report)
    assert list(rows) == ["train", "save"]
    assert rows["train"].self_sum.energy_j == 10
    assert rows["train"].total_sum.energy_j == 12
    assert report.view.left_out_j == 19


def test_an_interval_of_a_whole_subtree_is_its_own_and_not_the_sum_of_parts(sample):
    parts = [sample.Part("train", (10.0,), (sample.Part("Net", (90.0,), kind="module", error=0.5),), error=0.5)]

    row = by_name(sample.view_report(parts, View(level="stage")))["train"].self_sum

    assert (row.low_j, row.high_j) == (98, 102)  # 2 % of the total, where its parts are known to 50 % each


def test_one_domain_has_the_figures_of_a_run_that_read_only_that(sample):
    parts = [sample.Part("a", (5.0, 50.0)), sample.Part("b", (7.0, 70.0))]

    gpu = sample.view_report(parts, View(domain="gpu:0"), (sample.CPU, sample.GPU))
    alone = sample.view_report([sample.Part("a", (50.0,)), sample.Part("b", (70.0,))], View(), (sample.GPU,))

    assert [row.self_sum for row in gpu.stages] == [row.self_sum for row in alone.stages]
    assert gpu.measured == alone.measured
    assert gpu.ledger == alone.ledger


def test_a_part_of_a_domain_can_be_seen_alone_although_it_is_never_added(sample):
    parts = [sample.Part("a", (5.0, 3.0))]

    report = sample.view_report(parts, View(domain="cpu:0:core"), (sample.CPU, sample.CORE))

    assert report.stages[0].self_sum.energy_j == 3
    assert [row.domain for row in report.domains if row.counts] == ["cpu:0:core"]


@pytest.mark.parametrize(
    ("view", "complaint"),
    [
        (View(domain="gpu:7"), "no domain 'gpu:7' in this run; there are cpu:0:package, and all"),
        (View(focus="nothing"), "no stage matches --focus 'nothing'"),
        (View(focus="("), "is no regular expression"),
        (View(ignore="["), "is no regular expression"),
        (View(ignore="."), "nothing is left to show"),
    ],
)
def test_a_view_that_cannot_be_is_refused_with_the_reason(sample, view, complaint):
    with pytest.raises(InputError, match=complaint.replace("(", r"\(")):
        sample.view_report([sample.Part("a", (5.0,))], view)


@st.composite
def trees(draw, depth=3):
    kind = draw(st.sampled_from(["stage", "module"]))
    children = draw(st.lists(trees(depth=depth - 1), max_size=3)) if depth else []
    return (draw(st.integers(0, 9)), kind, draw(st.integers(0, 10**7)) / 1e6, draw(st.booleans()), children)


def parts_of(sample, forest):
    return tuple(
        sample.Part(f"s{number}x{n}", (energy_j,), parts_of(sample, below), kind=kind, refused=refused)
        for n, (number, kind, energy_j, refused, below) in enumerate(forest)
    )


def chain(above, stage):
    """Return a stage and all that it stands in."""
    found = [stage]
    while above[found[-1]] is not None:
        found.append(above[found[-1]])
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(trees(), min_size=1, max_size=3), st.sampled_from(["stage", "layer"]), st.sampled_from(["", "s[0-4]"]))
def test_a_view_loses_no_energy_and_every_total_is_what_stands_below(sample, forest, level, ignore):
    parts = parts_of(sample, forest)
    try:
        report = sample.view_report(parts, View(level=level, ignore=ignore))
    except InputError:
        return  # all of it is ignored

    joints = {member for row in report.unsplit for member in row.members}
    if not ignore:
        assert own_uj(report) == own_uj(sample.make_report(parts))
    above = {row.stage: row.parent for row in report.stages}
    for row in report.stages:
        below = [one for one in report.stages if row.stage in chain(above, one.stage)]
        if not joints & {one.stage for one in below} and row.total_sum.energy_j is not None:
            assert round(row.total_sum.energy_j * 1e6) == sum(round(one.self_sum.energy_j * 1e6) for one in below)
        for one in (row.self_sum, row.total_sum):
            if one.energy_j is not None:
                assert one.low_j <= one.energy_j <= one.high_j


def test_where_nothing_was_read_what_is_shown_is_not_known_and_not_0_j(sample):
    view = sample.view_report([sample.Part("a"), sample.Part("b")], View(focus="b"), ()).view

    assert (view.shown_j, view.left_out_j) == (None, None)


def test_what_cannot_be_told_apart_is_shown_with_its_joint_energy(sample):
    parts = [sample.Part("a", (5.0,)), sample.Part("b", (7.0,), refused=True)]

    view = sample.view_report(parts, View(focus="b")).view

    assert (view.shown_j, view.left_out_j) == (7, 5)


def test_the_backward_pass_of_a_layer_counts_to_the_backward_pass_at_stage_level(sample):
    stages, _ = sample.attributed(
        [sample.Part("backward", (1.0,), (sample.Part("Net", (4.0,), kind="backward"),), kind="backward")]
    )
    stages = (stages[0], replace(stages[1], facts={"module_class": "Net"}))

    assert [one.name for one in choose_stages(stages, View(level="stage")).stages] == ["backward"]


def test_a_stage_keeps_its_known_total_where_layers_in_it_were_never_timed(sample):
    stages, attribution = sample.attributed(
        [
            sample.Part(
                "forward", (1.0,), (sample.Part("Net", (4.0,), kind="module"), sample.Part("Net.a", kind="module"))
            )
        ]
    )
    found = attribution.domains[0]
    gone = np.array([False, False, True])
    own = replace(found.self_energy, refused=gone, unread=gone)
    grouping = choose_stages(stages, View(level="stage"))

    kept = regroup(
        stages, replace(attribution, domains=(replace(found, self_energy=own),)), grouping, frozenset({sample.CPU.id})
    ).domains[0]

    assert (kept.self_energy.energy_j.tolist(), kept.self_energy.refused.tolist()) == ([5.0], [False])
    assert kept.unsplit == ()


def test_layers_that_count_to_their_parent_leave_nothing_missing_in_a_group_with_it(sample):
    layers = (
        sample.Part("Net", (4.0,), (sample.Part("Net.a", kind="module"),), kind="module"),
        sample.Part("step", (2.0,)),
    )
    stages, attribution = sample.attributed([sample.Part("backward", (1.0,), layers)])
    stages = tuple(replace(one, facts={"folded": "too short"}) if one.name == "Net.a" else one for one in stages)
    found = attribution.domains[0]
    gone = np.array([one.name == "Net.a" for one in stages])
    own = replace(found.self_energy, refused=gone, unread=gone)
    grouping = choose_stages(stages, View(level="stage"))

    kept = regroup(
        stages, replace(attribution, domains=(replace(found, self_energy=own),)), grouping, frozenset({sample.CPU.id})
    ).domains[0]

    assert (kept.self_energy.energy_j.tolist(), kept.self_energy.refused.tolist()) == ([5.0, 2.0], [False, False])
