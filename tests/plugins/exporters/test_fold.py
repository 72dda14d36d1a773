"""What a diagram shows, and that nothing it folds is lost."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energyprof_plugins.exporters.diagram.fold import fold, short_name
from energyprof_plugins.exporters.diagram.stacks import Group
from energyprof_plugins.exporters.diagram.wishes import Wishes


def names(folded):
    return [folded.groups[place].name for place in folded.shown]


def assert_totals_add_up(folded):
    """Every drawn box: total = self + drawn children + remainder + what cannot be told apart below it."""
    for place in folded.shown:
        box = folded.groups[place]
        below = sum(folded.groups[child].total_uj for child in box.children if child in folded.shown)
        rest = folded.rest[place].energy_uj if place in folded.rest else 0
        joint = sum(one.energy_uj for one in folded.joints.get(place, []))
        assert box.total_uj == box.own_uj + below + rest + joint
    spine = sum(folded.groups[place].total_uj for place in folded.shown if folded.groups[place].parent is None)
    rest = folded.rest[None].energy_uj if None in folded.rest else 0
    assert spine + rest + sum(one.energy_uj for one in folded.joints.get(None, [])) == folded.stages_uj


@pytest.mark.parametrize("run", ["voice_assistant", "digits", "vit_training", "hostile", "one_stage", "empty"])
@pytest.mark.parametrize("nodes", [1, 3, 8, 15, 40, 200])
def test_every_total_is_what_is_drawn_below_it(sample, run, nodes):
    assert_totals_add_up(fold(getattr(sample, run)(), Wishes(nodes=nodes)))


@settings(max_examples=50, deadline=None)
@given(data=st.data(), nodes=st.integers(1, 30))
def test_every_total_is_what_is_drawn_below_it_whatever_the_tree(sample, data, nodes):
    names = st.sampled_from(["a", "layer.0", "layer.1", "layer.2", "layer.3", "step 7", "step 8", "b"])
    energy = st.integers(0, 10**7).map(lambda uj: (uj / 1e6,))
    leaf = st.builds(sample.Part, names, energy, refused=st.booleans())
    tree = st.recursive(
        leaf,
        lambda inner: st.builds(sample.Part, names, energy, st.lists(inner, max_size=5).map(tuple)),
        max_leaves=25,
    )
    report = sample.make_report(data.draw(st.lists(tree, max_size=6)))

    assert_totals_add_up(fold(report, Wishes(nodes=nodes)))


def test_folded_modules_are_told_without_what_their_names_repeat(sample):
    layers = tuple(sample.Part(f"Net.encoder.layer{k}", (1.0 + k,), kind="module") for k in range(5))
    encoder = sample.Part("Net.encoder", (1.0,), layers, kind="module")
    folded = fold(sample.make_report([sample.Part("Net", (50.0,), (encoder,), kind="module")]), Wishes(nodes=2))

    (rest,) = folded.rest.values()
    assert [name for _, name in rest.names] == ["layer4", "layer3", "layer2", "layer1", "layer0"]


def test_layers_that_were_not_recorded_are_a_note_on_the_layer_that_has_their_energy(sample):
    layers = [sample.Part(f"net.0.{place}") for place in range(2)]
    report = sample.make_report([sample.Part("net", (5.0,), (sample.Part("net.0", (3.0,), layers),))])
    net, step, *inner = report.stages
    unread = [replace(one.self_sum, energy_j=None, low_j=None, high_j=None) for one in inner]
    facts = {"folded": "too short", "module_class": "Linear"}
    inner = [
        replace(one, facts=facts, self_energy=(), total_energy=(), self_sum=sums, total_sum=sums)
        for one, sums in zip(inner, unread, strict=True)
    ]
    folded = fold(replace(report, stages=(net, step, *inner)))

    assert names(folded) == ["net", "net.0"]
    assert folded.rest == {}
    assert folded.box(1).unrecorded == ["0 Linear", "1 Linear"]
    assert folded.box(1).short_name == "net.0"
    assert_totals_add_up(folded)


@pytest.mark.parametrize(
    ("around", "name", "short"),
    [
        ("Gpt.blocks.*.attention", "Gpt.blocks.0.attention.qkv", "blocks.0.attention.qkv"),
        ("Gpt.blocks.*.attention", "Gpt.blocks.*.attention.out", "out"),
        ("Gpt.blocks.*", "Gpt.blocks.12", "Gpt.blocks.12"),
        ("Gpt.blocks", "Gpt.blocks.12", "blocks.12"),
        ("Gpt.blocks", "Gpt.head", "Gpt.head"),
    ],
)
def test_dear_layer_of_a_stack_is_told_with_its_number_and_what_follows(around, name, short):
    outer, own = Group([0], around, None, 0, 0), Group([1], name, 0, 0, 0)

    assert short_name(own, [outer, own]) == short


def test_like_siblings_become_a_stack_and_a_dear_one_stays_out(sample):
    layers = tuple(sample.Part(f"layer.{n}", (9.0 if n == 3 else 2.0,), calls=5) for n in range(6))
    report = sample.make_report([sample.Part("net", (1.0,), layers)])

    folded = fold(report, Wishes(nodes=4))

    assert names(folded) == ["net", "layer.*", "layer.3"]
    stack, single = (folded.groups[place] for place in folded.shown[1:])
    assert (len(stack.members), stack.total_uj, stack.dearer) == (5, 10_000_000, None)
    assert (single.total_uj, single.dearer, single.alike) == (9_000_000, 4.5, 6)


def torch_model(sample, root, energy=2.0, blocks=5):
    """Return a module with blocks that are alike, each with a Sequential of Linear, ReLU, Linear."""

    def module(name, energy, line, *below):
        return sample.Part(name, (energy,), below, calls=8, kind="module", line=line)

    def block(name):
        steps = (module(f"{name}.mlp.{n}", energy * (0.1 if n == 1 else 1), 30 + n % 2) for n in range(3))
        return module(name, 0.1, 20, module(f"{name}.mlp", 0.1, 40, *steps))

    return module(root, 0.1, 50, *(block(f"{root}.layers.{n}") for n in range(blocks)))


def test_a_stack_keeps_the_numbers_that_all_of_its_members_share(sample):
    report = sample.make_report([torch_model(sample, "Net"), torch_model(sample, "Net#2")])

    assert set(names(fold(report, Wishes(nodes=12)))) == {
        *("Net", "Net.layers.*", "Net.layers.*.mlp", "Net.layers.*.mlp.0", "Net.layers.*.mlp.2"),
        *("Net#2", "Net#2.layers.*", "Net#2.layers.*.mlp", "Net#2.layers.*.mlp.0", "Net#2.layers.*.mlp.2"),
        *("Net.layers.*.mlp.1", "Net#2.layers.*.mlp.1"),
    }


def module_of(sample, name, *below, line=20):
    return sample.Part(name, (1.0,), below, kind="module", line=line)


def test_the_modules_of_a_run_without_stages_are_stacked(sample):
    steps = (module_of(sample, f"Sequential.{n}") for n in range(50))

    report = sample.make_report([module_of(sample, "Sequential", *steps, line=10)])

    assert report.stages[1].path == ("Sequential.0",)
    assert names(fold(report)) == ["Sequential", "Sequential.*"]


@pytest.mark.parametrize("stage", [(), ("train",)])
def test_the_parts_of_stacked_layers_are_stacks_too(sample, stage):
    layers = (
        module_of(sample, f"Net.layer.{n}", *(module_of(sample, f"Net.layer.{n}.{part}", line=30) for part in "an"))
        for n in range(11)
    )
    net = module_of(sample, "Net", *layers, module_of(sample, "Net.head", line=40), line=50)

    report = sample.make_report([sample.Part(name, (1.0,), (net,)) for name in stage] or [net])
    folded = fold(report, Wishes(nodes=20))

    assert report.stages[-2].path == (*stage, "Net.layer.10.n")
    assert {one.name: len(one.members) for one in folded.groups} == {
        **dict.fromkeys((*stage, "Net", "Net.head"), 1),
        **dict.fromkeys(("Net.layer.*", "Net.layer.*.a", "Net.layer.*.n"), 11),
    }


def test_the_steps_of_a_sequential_are_a_stack_only_where_they_run_the_same_code(sample):
    def steps(*lines):
        named = enumerate(lines)
        below = (sample.Part(f"Net.{n}", (9.0 if line == 20 else 1.0,), kind="module", line=line) for n, line in named)
        return sample.make_report([sample.Part("Net", (1.0,), tuple(below), kind="module")])

    different = fold(steps(20, 30, 20, 30, 20, 40), Wishes(nodes=6))
    like = fold(steps(20, 20, 20, 20, 30, 40), Wishes(nodes=6))

    assert names(different) == ["Net", "Net.0", "Net.1", "Net.2", "Net.3", "Net.4"]
    assert [one.dearer for one in different.groups] == [None] * 7
    assert names(like) == ["Net", "Net.*", "Net.4", "Net.5"]


def test_siblings_with_different_parts_are_not_alike(sample):
    def layer(n):
        below = ("conv",) if n else ("conv", "downsample")
        parts = (sample.Part(f"Net.{n}.{name}", (1.0,), kind="module", line=30) for name in below)
        return sample.Part(f"Net.{n}", (1.0,), tuple(parts), kind="module", line=20)

    folded = fold(
        sample.make_report([sample.Part("Net", (1.0,), tuple(map(layer, range(6))), kind="module")]), Wishes(nodes=5)
    )

    assert names(folded) == ["Net", "Net.0", "Net.*", "Net.0.conv", "Net.*.conv"]
    assert [len(folded.groups[place].members) for place in folded.shown] == [1, 1, 5, 1, 5]


def test_a_number_that_is_part_of_a_word_makes_no_likeness(sample):
    layers = tuple(sample.Part(f"conv{n}", (1.0,)) for n in range(6))
    report = sample.make_report([sample.Part("net", (1.0,), layers)])

    assert names(fold(report, Wishes(nodes=3))) == ["net", "conv0", "conv1"]


def test_nothing_is_stacked_where_everything_fits(sample):
    layers = tuple(sample.Part(f"layer.{n}", (1.0,)) for n in range(6))
    report = sample.make_report([sample.Part("net", (1.0,), layers)])

    assert names(fold(report, Wishes(nodes=7))) == ["net", *(f"layer.{n}" for n in range(6))]


def test_the_costliest_are_opened_first_and_the_rest_is_named_by_its_costliest(sample):
    inner = tuple(sample.Part(name, (energy,)) for name, energy in [("small", 1.0), ("big", 50.0), ("middle", 9.0)])
    report = sample.make_report([sample.Part("a", (1.0,), inner), sample.Part("b", (0.001,))])

    folded = fold(report, Wishes(nodes=3))

    assert names(folded) == ["a", "b", "big"]
    assert folded.rest[0].names == [(-9_000_000, "middle"), (-1_000_000, "small")]


def test_what_cannot_be_told_apart_hangs_below_the_nearest_stage_that_holds_it(sample):
    parts = tuple(sample.Part(name, (2.0,), refused=True) for name in ("x", "y"))
    report = sample.make_report([sample.Part("outer", (1.0,), (sample.Part("inner", (1.0,), parts),))])

    folded = fold(report)

    assert names(folded) == ["outer", "inner"]
    ((place, (joint,)),) = folded.joints.items()
    assert (folded.groups[place].name, joint.names, joint.energy_uj) == ("inner", ("x", "y"), 4_000_000)


def test_outermost_stages_fold_only_if_they_alone_are_too_many(sample):
    many = [sample.Part(f"s{n}x", (1.0 + n,)) for n in range(10)]

    assert names(fold(sample.make_report(many), Wishes(nodes=10))) == [f"s{n}x" for n in range(10)]
    folded = fold(sample.make_report(many), Wishes(nodes=4))
    assert names(folded) == ["s6x", "s7x", "s8x", "s9x"]
    assert (folded.rest[None].count, folded.rest[None].energy_uj) == (6, 21_000_000)


def test_ten_thousand_stages_and_a_thousand_levels_fold(sample):
    assert len(fold(sample.many(10_000)).shown) == 40
    assert len(fold(sample.deep(400)).shown) <= 40
