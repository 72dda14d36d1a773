"""Layers: stages of the same module brought together, in sums that add up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from energyprof.model.ids import StageId
from energyprof.model.report import LayerRow, StageRow, SumRow
from energyprof.report.layers import layer_rows, layers_of


def stage(
    path: str,
    energy_j: float | None,
    *,
    total_j: float | None = None,
    kind: str = "module",
    calls: int = 2,
    **facts: int,
) -> StageRow:
    """Return a stage; `path` is its id, and a module's class is its own name in capitals."""
    parent, _, name = path.rpartition("/")
    known = {"module_class": name.upper(), **facts} if kind == "module" else facts
    own = SumRow(energy_j, 0.5, 9.0, "inferred", None)
    total = SumRow(energy_j if total_j is None else total_j, 1.0, 10.0, "inferred", None)
    return StageRow(
        StageId(path), name, tuple(path.split("/")), StageId(parent) if parent else None, kind, None, None,  # type: ignore[arg-type]
        calls, 0, 4.0, 2.0, 1.0, (), (), own, total, None, known,
    )  # fmt: skip


def by_key(rows: tuple[LayerRow, ...]) -> dict[tuple[str, str], LayerRow]:
    return {(row.layer, row.phase): row for row in rows}


STAGES = [
    stage("train", 1.0, kind="stage"),
    stage("train/net", 2.0, total_j=7.0, parameters=10, samples=12),
    stage("train/net/net.b", 2.0, parameters=20, flops_of_first_call=500),
    stage("eval", 0.0, kind="stage"),
    stage("eval/net", 1.0, total_j=4.0, parameters=10, samples=8),
    stage("train/net/net.a", 3.0, parameters=5),
    stage("eval/net/net.b", 3.0, parameters=20, flops_of_first_call=500),
]


def test_a_layer_is_the_sum_over_the_stages_that_called_it() -> None:
    rows = by_key(layer_rows(STAGES, 20.0))

    shared = rows["net.b", "forward"]
    assert (shared.calls, shared.self_sum.energy_j, shared.self_sum.low_j, shared.self_sum.high_j) == (
        4,
        5.0,
        1.0,
        18.0,
    )
    assert (shared.parent, shared.depth, shared.module_class) == ("net", 1, "NET.B")
    assert (shared.self_sum.share, shared.per_call_j, shared.per_sample_j) == (0.25, 1.25, 0.25)
    assert rows["net", "total"].total_sum.energy_j == 11.0


def test_what_layers_spent_themselves_adds_up_to_their_models_total() -> None:
    rows = [row for row in layer_rows(STAGES, 20.0) if row.phase == "total"]

    (model,) = [row for row in rows if row.depth == 0]
    assert sum(row.self_sum.energy_j or 0.0 for row in rows) == model.total_sum.energy_j


def test_layers_stand_in_the_order_of_the_tree() -> None:
    names = [row.layer for row in layer_rows(STAGES, 20.0) if row.phase == "total"]

    assert names == ["net", "net.b", "net.a"]


def test_parameters_and_operations_hold_those_of_the_layers_below() -> None:
    rows = by_key(layer_rows(STAGES, 20.0))

    assert rows["net", "total"].parameters == 35
    assert rows["net", "forward"].flops == 500 * 2 * 2
    assert rows["net", "forward"].joules_per_gflop == pytest.approx(11.0 / 2000e-9)
    assert rows["net", "total"].flops == rows["net", "forward"].flops  # there was no backward pass
    assert rows["net.a", "forward"].flops is None


def test_a_layer_whose_operations_cannot_be_known_says_why() -> None:
    compiled = stage("net", 1.0)
    compiled.facts["no_flops"] = "torch.compile calls no layers"  # type: ignore[index]  # a dict, as made above

    rows = by_key(layer_rows([compiled], 1.0))

    assert rows["net", "forward"].flops is None
    assert rows["net", "forward"].no_flops == "torch.compile calls no layers"
    assert by_key(layer_rows(STAGES, 20.0))["net", "forward"].no_flops == ""


def test_a_forward_within_the_backward_pass_is_a_recompute() -> None:
    stages = [
        stage("net", 1.0),
        stage("step", 0.0, kind="stage"),
        stage("step/backward", 0.0, kind="backward"),
        stage("step/backward/net", 4.0),
        stage("step/backward/net.grad", 2.0),
    ]
    rows = by_key(layer_rows(stages, 10.0))

    assert rows["net", "forward"].total_sum.energy_j == 1.0
    assert rows["net", "recompute"].total_sum.energy_j == 4.0
    assert (rows["net", "total"].total_sum.energy_j, rows["net", "total"].calls) == (5.0, 2)


def test_a_refused_part_makes_the_sum_refused_and_keeps_its_bounds() -> None:
    rows = by_key(layer_rows([stage("net", None), stage("a", 0.0, kind="stage"), stage("a/net", 1.0)], 10.0))

    figure = rows["net", "total"].self_sum
    assert (figure.energy_j, figure.low_j, figure.high_j, figure.share) == (None, 1.0, 18.0, None)
    assert rows["net", "total"].per_call_j is None


def test_a_layer_works_off_what_its_model_was_called_for_and_not_twice() -> None:
    stages = [
        stage("net", 1.0, total_j=6.0, samples=10),
        stage("net/net.a", 3.0, calls=6),
        stage("net/net.b", 0.0),
        stage("net/net.b/net.a", 2.0, calls=2),
        stage("apart", 0.0, kind="stage"),
        stage("apart/net.c", 1.0),
    ]
    rows = by_key(layer_rows(stages, 10.0))

    assert (rows["net.a", "total"].samples, rows["net.a", "total"].per_sample_j) == (10, 0.5)
    assert (rows["net.c", "total"].samples, rows["net.c", "total"].per_sample_j) == (None, None)


def test_a_backward_is_for_the_samples_of_the_forwards_that_had_one() -> None:
    stages = [
        stage("net", 1.0, samples=30, calls=3),
        stage("evaluation", 0.0, kind="evaluation"),
        stage("evaluation/net", 1.0, samples=1000, calls=1),
        stage("backward", 0.0, kind="backward"),
        replace(stage("backward/net", 4.0, calls=2), kind="backward"),
    ]
    rows = by_key(layer_rows(stages, 10.0))

    assert (rows["net", "backward"].samples, rows["net", "backward"].per_sample_j) == (20, 0.2)
    assert rows["net", "total"].samples == 1030


def test_a_backward_is_for_the_samples_that_were_gone_back_for_where_they_are_known() -> None:
    stages = [
        stage("train", 0.0, kind="stage"),
        stage("train/net", 1.0, samples=90, trained_samples=16, calls=3),
        stage("validate", 0.0, kind="stage"),
        stage("validate/net", 1.0, samples=1000, calls=1),
        stage("backward", 0.0, kind="backward"),
        replace(stage("backward/net", 4.0, calls=2), kind="backward"),
    ]
    rows = by_key(layer_rows(stages, 10.0))

    assert (rows["net", "backward"].samples, rows["net", "backward"].per_sample_j) == (16, 0.25)
    assert rows["net", "forward"].samples == 1090


def test_forwards_of_a_generation_are_phases_of_their_own() -> None:
    stages = [
        stage("prefill", 0.0, kind="generation", tokens=100),
        stage("prefill/net", 1.0),
        stage("prefill/net/net.a", 4.0, flops_of_prefill_call=1000, flops_of_decode_call=10, calls=1),
        stage("decode", 0.0, kind="generation", tokens=20),
        stage("decode/net", 2.0),
        stage("decode/net/net.a", 6.0, flops_of_prefill_call=1000, flops_of_decode_call=10, calls=20),
    ]
    rows = by_key(layer_rows(stages, 20.0))

    assert {row.phase for row in rows.values()} == {"prefill", "decode", "total"}
    prefill, decode, total = (rows["net.a", phase] for phase in ("prefill", "decode", "total"))
    assert [(row.tokens, row.per_token_j, row.flops) for row in (prefill, decode, total)] == [
        (100, 0.04, 1000),
        (20, 0.3, 200),
        (120, 10.0 / 120, 1200),
    ]


def test_a_run_without_modules_has_no_layers() -> None:
    assert layer_rows([stage("train", 1.0, kind="stage")], 1.0) == ()


def test_the_rows_of_one_model_stand_as_if_it_were_alone() -> None:
    stages = [
        stage("ddp", 1.0, total_j=9.0),
        stage("ddp/net", 2.0, total_j=7.0),
        stage("ddp/net/net.a", 3.0),
        stage("ddp/net/net.a/net.a.0", 3.0),
        stage("netto", 1.0),
    ]

    rows = layers_of(layer_rows(stages, 20.0), "net")

    assert [(row.layer, row.parent, row.depth) for row in rows if row.phase == "total"] == [
        ("net", None, 0),
        ("net.a", "net", 1),
        ("net.a.0", "net.a", 2),
    ]
    assert {row.phase for row in rows} == {"forward", "total"}
