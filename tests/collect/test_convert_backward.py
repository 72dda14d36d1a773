"""A backward pass is counted for the stage in which the call was that it comes to, wherever and whenever it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from energyprof.collect.convert_backward import BackwardCalls
from energyprof.collect.convert_spans import Handled
from energyprof.model.events import BACK, CALL

ROLLOUT, VALIDATE, LEARN = 3, 4, 5


def events(*rows: tuple[int, int, int]) -> Handled:
    """Return events of (lane, stage, code)."""
    lane, stage, code = np.array(rows, np.int64).reshape(-1, 3).T
    return Handled(lane.astype(np.int32), stage.astype(np.int32), code)


@pytest.fixture
def counted() -> Any:
    """Return what tells the places and units that pieces of events of one process add to."""

    def of(*pieces: Handled) -> list[tuple[int, str]]:
        calls = BackwardCalls()
        return [(place[1], unit) for piece in pieces for place, unit in calls.take("7-1", piece, lambda lane: lane)]

    return of


def test_backward_counts_where_the_call_was(counted: Any) -> None:
    calls = events((0, ROLLOUT, CALL + 1), (0, VALIDATE, CALL + 2))

    assert counted(calls, events((0, LEARN, BACK + 1))) == [
        (ROLLOUT, "gradient_calls"),
        (VALIDATE, "gradient_calls"),
        (ROLLOUT, "backward_calls"),
    ]


def test_a_graph_gone_through_twice_counts_once(counted: Any) -> None:
    found = counted(events((0, ROLLOUT, CALL + 1), (0, LEARN, BACK + 1), (0, LEARN, BACK + 1)))

    assert found == [(ROLLOUT, "gradient_calls"), (ROLLOUT, "backward_calls")]


def test_a_pass_that_another_thread_wrote_first_waits_for_its_call(counted: Any) -> None:
    found = counted(events((1, LEARN, BACK + 1)), events((0, ROLLOUT, CALL + 1)))

    assert found == [(ROLLOUT, "gradient_calls"), (ROLLOUT, "backward_calls")]


def test_calls_outside_any_stage_are_left_out(counted: Any) -> None:
    assert counted(events((0, -1, CALL + 1), (0, LEARN, BACK + 1))) == []
