"""Stages stand in the order in which they first began, wherever they ran and in whatever order they were stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.capture.conftest import spans_of

from energyprof.capture import CaptureWriter, read_trace
from energyprof.capture.reader import read_run
from energyprof.model.recording import LaneOrigin, LaneRow, LocalStage, Progress
from energyprof.model.tally import SELVES, Tally
from energyprof.model.trace import RunFacts

Write = Callable[[Callable[[CaptureWriter], None]], Path]


def add_lanes(writer: CaptureWriter, stages: list[tuple[int, str]], lanes: int, *origins: tuple[int, int, int]) -> None:
    """Add stages of (parent, name), lanes, and which of these were created, on which lane in which stage."""
    writer.set_run(RunFacts(("x",), 0, 5, 1000, 0))
    writer.add_stages([LocalStage(at, parent, name, "stage") for at, (parent, name) in enumerate(stages)])
    writer.add_lanes([LaneRow(at, 7, at + 1, at + 7, 0, "") for at in range(lanes)])
    writer.add_origins([LaneOrigin(*origin, 0) for origin in origins])


def order_of(path: Path) -> list[str]:
    stages = read_trace(path).stages
    assert read_run(path).stages == stages
    assert all(stage.parent is None or stage.parent < at for at, stage in enumerate(stages))
    return [stage.id for stage in stages]


def test_steps_in_a_pool_stand_behind_what_their_request_did_before(write: Write) -> None:
    def steps(writer: CaptureWriter) -> None:
        # Learnt level by level: what is outermost on the pool's threads first.
        add_lanes(writer, [(-1, "embed"), (-1, "request"), (1, "fetch"), (1, "answer")], 2, (1, 0, 1))
        writer.add_spans(spans_of((0, 1, 30, 40, 0)))
        writer.add_spans(spans_of((1, 0, 10, 60, 0), (2, 0, 11, 20, 1), (3, 0, 50, 55, 1)))

    assert order_of(write(steps)) == ["request", "request/fetch", "request/embed", "request/answer"]


def test_a_step_that_requests_share_stands_in_each_where_it_first_ran_there(write: Write) -> None:
    def requests(writer: CaptureWriter) -> None:
        stages = [(-1, "embed"), (-1, "search"), (1, "parse"), (-1, "chat"), (3, "recall")]
        add_lanes(writer, stages, 3, (1, 0, 1), (2, 0, 3))
        writer.add_spans(spans_of((1, 0, 10, 30, 0), (2, 0, 20, 25, 1), (3, 0, 40, 90, 0), (4, 0, 50, 60, 1)))
        writer.commit(force=True)
        writer.add_spans(spans_of((0, 1, 15, 18, 0), (0, 2, 70, 80, 0), (0, 1, 95, 99, 0)))

    assert order_of(write(requests)) == [
        "search", "search/embed", "search/parse", "chat", "chat/recall", "chat/embed",
    ]  # fmt: skip


@pytest.mark.parametrize("late_first", [False, True])
def test_the_order_in_which_spans_are_stored_does_not_matter(write: Write, late_first: bool) -> None:
    def stored(writer: CaptureWriter) -> None:
        add_lanes(writer, [(-1, "b"), (-1, "a"), (1, "inner")], 2)
        pieces = [spans_of((1, 0, 10, 20, 0), (2, 0, 12, 13, 1)), spans_of((0, 1, 15, 30, 0), (1, 1, 40, 50, 0))]
        for piece in reversed(pieces) if late_first else pieces:
            writer.add_spans(piece)
            writer.commit(force=True)

    assert order_of(write(stored)) == ["a", "a/inner", "b"]


def test_a_stage_whose_spans_were_never_stored_stands_before_what_is_in_it(write: Write) -> None:
    def cut_off(writer: CaptureWriter) -> None:
        add_lanes(writer, [(-1, "warmup"), (-1, "train"), (1, "step"), (-1, "score")], 1)
        writer.add_spans(spans_of((0, 0, 10, 20, 0), (2, 0, 30, 40, 1), (3, 0, 50, 60, 0)))

    assert order_of(write(cut_off)) == ["warmup", "train", "train/step", "score"]


def test_stages_that_were_only_counted_stand_where_their_stretch_began(write: Write) -> None:
    def counted(writer: CaptureWriter) -> None:
        add_lanes(writer, [(-1, "late"), (-1, "early"), (-1, "between")], 1)
        writer.add_spans(spans_of((1, 0, 10, 20, 0), (0, 0, 500, 510, 0)))
        columns = tuple(np.array([value], np.int64) for value in (0, 2, 40, 0))
        writer.keep_progress(lambda: Progress(tallies={1: Tally(SELVES, 100, 400, columns)}))

    assert order_of(write(counted)) == ["early", "between", "late"]
