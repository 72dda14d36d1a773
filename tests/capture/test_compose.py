"""Full stages out of lane-relative ones: paths, ids, modules, recursion; and the flows that names declare."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.capture.compose import StageTree, place_all
from energyprof.capture.flows import as_columns, declared_edges
from energyprof.errors import CaptureError
from energyprof.model.ids import StageId
from energyprof.model.recording import LocalStage
from energyprof.model.span import Stage


def tree_of(*rows: tuple[int, str] | tuple[int, str, str]) -> list[LocalStage]:
    """Make lane-relative stages of (parent, name); a name that begins with `@` is a module's; third: the kind."""
    return [
        LocalStage(at, row[0], row[1].removeprefix("@"), (*row, "stage")[2], is_module=row[1].startswith("@"))
        for at, row in enumerate(rows)
    ]


def ids(local: list[LocalStage], *placed: tuple[int, int]) -> list[str]:
    tree = StageTree(local)
    for prefix, stage in placed or [(-1, at) for at in range(len(local))]:
        tree.place(prefix, stage)
    return [stage.id for stage in tree.stages]


def test_separators_in_names_are_escaped_in_ids_only() -> None:
    tree = StageTree(tree_of((-1, "a/b"), (0, "50%")))

    tree.place(-1, 1)

    assert tree.stages == [
        Stage(StageId("a%2Fb"), "a/b", ("a/b",), None),
        Stage(StageId("a%2Fb/50%25"), "50%", ("a/b", "50%"), 0),
    ]


def test_a_module_is_one_component_below_the_nearest_stage_that_is_none() -> None:
    tree = StageTree(tree_of((-1, "train"), (0, "@Net"), (1, "@Net.encoder"), (2, "@Net.encoder.0"), (3, "attend")))

    tree.place(-1, 4)

    assert [(stage.id, stage.parent) for stage in tree.stages] == [
        ("train", None),
        ("train/Net", 0),
        ("train/Net.encoder", 1),
        ("train/Net.encoder.0", 2),
        ("train/Net.encoder.0/attend", 3),
    ]


def test_a_module_reached_through_another_parent_gets_its_own_id() -> None:
    local = tree_of((-1, "@Net"), (0, "@Net.a"), (1, "@Net.shared"), (0, "@Net.b"), (3, "@Net.shared"))

    assert ids(local) == ["Net", "Net.a", "Net.shared", "Net.b", "Net.b/Net.shared"]


def test_a_module_and_a_stage_of_one_name_are_numbered() -> None:
    tree = StageTree(tree_of((-1, "Net"), (-1, "@Net")))

    stages = [tree.place(-1, 0), tree.place(-1, 1)]

    assert [(tree.stages[at].id, tree.stages[at].path) for at in stages] == [("Net", ("Net",)), ("Net#2", ("Net#2",))]


def test_one_path_is_one_stage_whatever_the_kind() -> None:
    assert ids(tree_of((-1, "a", "stage"), (-1, "a", "function"))) == ["a"]


def test_a_lane_created_inside_a_stage_continues_its_path() -> None:
    tree = StageTree(tree_of((-1, "train"), (-1, "load")))

    placed = place_all(tree, {1: (0, 0)}, 2, np.array([0, 1, 1], np.int32), np.array([0, 0, 1], np.int32))

    assert [tree.stages[at].id for at in placed.stage] == ["train", "load", "train/load"]
    assert (placed.prefix.tolist(), placed.parent.tolist()) == ([-1, 0], [-1, 0])


def test_a_lane_created_in_a_late_stage_does_not_put_that_stage_first() -> None:
    tree = StageTree(tree_of((-1, "read"), (-1, "answer"), (-1, "rank")))
    stage, lane = np.array([0, 1, 2], np.int32), np.array([0, 0, 1], np.int32)

    place_all(tree, {1: (0, 1)}, 2, stage, lane)

    assert [one.id for one in tree.stages] == ["read", "answer", "answer/rank"]


def test_prefixes_pass_through_lanes_without_stages() -> None:
    tree = StageTree(tree_of((-1, "train"), (-1, "load")))
    origins = {2: (1, -1), 1: (0, 0)}  # lane 2: a forked child's main thread, lane 1: its process

    placed = place_all(tree, origins, 3, np.array([0, 1], np.int32), np.array([0, 2], np.int32))

    assert [tree.stages[at].id for at in placed.stage] == ["train", "train/load"]


def test_recursive_tasks_stay_one_stage() -> None:
    tree = StageTree(tree_of((-1, "visit"), (0, "fetch")))
    lanes = 3000
    origins = {lane: (lane - 1, 1) for lane in range(1, lanes)}
    lane = np.arange(lanes, dtype=np.int32)

    placed = place_all(tree, origins, lanes, lane * 0, lane)

    assert [stage.id for stage in tree.stages] == ["visit", "visit/fetch"]
    assert set(placed.stage.tolist()) == {0}


def test_origins_in_a_circle_are_an_error() -> None:
    tree = StageTree(tree_of((-1, "a")))
    none = np.zeros(0, np.int32)

    with pytest.raises(CaptureError, match="origins do not fit together"):
        place_all(tree, {0: (1, 0), 1: (0, 0)}, 2, none, none)


def flows_into(target: int, after: str, *rows: tuple[int, str]) -> tuple[list[tuple[int, int, int]], int]:
    tree = StageTree(tree_of(*rows))
    for at in range(len(rows)):
        tree.place(-1, at)
    names: list[tuple[str, ...]] = [() for _ in rows]
    names[target] = (after,)
    edges, warnings = declared_edges(tree.stages, names, np.full(len(rows), 3))
    flows = as_columns(edges)
    return list(zip(flows.source.tolist(), flows.target.tolist(), flows.count.tolist(), strict=True)), len(warnings)


def test_a_sibling_is_nearest() -> None:
    rows = ((-1, "load"), (-1, "train"), (1, "load"), (1, "fit"))

    assert flows_into(3, "load", *rows) == ([(2, 3, 3)], 0)


def test_then_comes_what_stands_beside_a_stage_around() -> None:
    rows = ((-1, "other"), (0, "load"), (-1, "load"), (-1, "train"), (3, "fit"))

    assert flows_into(4, "load", *rows) == ([(2, 4, 3)], 0)


def test_then_any_earlier_stage_then_any() -> None:
    rows = ((-1, "one"), (0, "load"), (-1, "fit"), (-1, "two"), (3, "load"))

    assert flows_into(2, "load", *rows) == ([(1, 2, 3)], 0)
    assert flows_into(0, "fit", *rows[:3]) == ([(2, 0, 3)], 0)


def test_a_whole_id_names_a_stage() -> None:
    assert flows_into(2, "one/load", (-1, "one"), (0, "load"), (-1, "fit")) == ([(1, 2, 3)], 0)


def test_an_unknown_name_is_a_warning() -> None:
    tree = StageTree(tree_of((-1, "fit")))
    tree.place(-1, 0)

    edges, warnings = declared_edges(tree.stages, [("lode", "fit")], np.ones(1, np.int64))

    assert edges == {}
    assert warnings == [
        f"stage 'fit' is declared after {name!r}, but no other stage has that name; "
        "check the spelling in stage(after=...)"
        for name in ("lode", "fit")
    ]


def test_a_module_is_fed_by_what_stands_beside_it_or_by_nobody() -> None:
    rows = ((-1, "train"), (0, "@Net.0"), (0, "@Net.1", "module"), (-1, "test"), (3, "@Net.0"))

    assert flows_into(2, "Net.0", *rows) == ([(1, 2, 3)], 0)
    assert flows_into(2, "Net.0", *rows[:1], (0, "@other"), *rows[2:]) == ([], 0)


def test_what_an_instrument_records_in_a_stage_of_the_same_name_is_that_stage() -> None:
    local = tree_of((-1, "backward"), (0, "backward", "backward"), (1, "@Net", "backward"), (0, "forward"))
    tree = StageTree(local)

    for stage in range(len(local)):
        tree.place(-1, stage)

    assert [(stage.id, stage.kind) for stage in tree.stages] == [
        ("backward", "backward"),
        ("backward/Net", "backward"),
        ("backward/forward", "stage"),
    ]
    assert [tree.is_merged(-1, stage) for stage in range(len(local))] == [False, True, False, False]


@pytest.mark.parametrize("kind", ["stage", "module", "function"])
def test_only_what_instruments_record_by_themselves_is_taken_in(kind: str) -> None:
    local = tree_of((-1, "net"), (0, "net", kind))

    assert ids(local) == (["net"] if kind == "stage" else ["net", "net/net"])
