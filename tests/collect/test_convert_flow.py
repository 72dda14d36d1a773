from __future__ import annotations

import numpy as np

from energyprof.collect.convert_flow import LANES_PER_PAIR, FlowSums
from energyprof.collect.convert_spans import Handled
from energyprof.model.events import GIVE, LIKE, PASS, SIZE, TAKE

A, B, C, IN_B = range(4)
PARENTS = {A: -1, B: -1, C: -1, IN_B: B}


class Sums:
    """FlowSums, told in pieces of (lane, stage, code)."""

    def __init__(self) -> None:
        self.sums = FlowSums(PARENTS.__getitem__)

    def take(self, *events: tuple[int, int, int], spool: str = "1-0", parent: str | None = None) -> None:
        """Take a piece."""
        lane, stage, code = np.array(events, np.int64).reshape(-1, 3).T
        self.sums.take(
            spool, parent, Handled(lane.astype(np.int32), stage.astype(np.int32), code, 0 * code), lambda at: at
        )

    def rows(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Return the rows of flows and of what was given."""
        flows, given = self.sums.tallies().values()
        return [tuple(map(int, row)) for row in zip(*flows.columns, strict=True)], [
            tuple(map(int, row)) for row in zip(*given.columns, strict=True)
        ]


def test_what_one_stage_gives_and_others_receive_is_counted_with_its_bytes() -> None:
    sums = Sums()
    sums.take((0, A, GIVE + 1), (0, A, SIZE + 80), (0, A, GIVE + 2), (0, B, TAKE + 1), (1, C, TAKE + 1))

    flows, given = sums.rows()

    assert flows == [(0, A, 0, B, 1, 80), (0, A, 1, C, 1, 80)]
    assert given == [(0, A, 2, 1, 0)]


def test_what_is_inside_a_stage_that_gives_or_receives_is_no_flow_of_its_own() -> None:
    sums = Sums()
    sums.take((0, A, GIVE + 1), (0, B, TAKE + 1), (0, IN_B, TAKE + 1))
    sums.take((0, IN_B, GIVE + 2), (0, B, PASS + 2), (0, B, GIVE + 3), (0, C, TAKE + 3))

    flows, given = sums.rows()

    assert flows == [(0, A, 0, B, 1, 0), (0, B, 0, C, 1, 0)]
    assert (0, IN_B, 1, 1, 0) in given, "handed on is used"


def test_what_looks_alike_is_handed_on_by_a_stage_around_and_else_another_in_the_same_place() -> None:
    sums = Sums()
    sums.take((0, IN_B, GIVE + 1), (0, B, LIKE + 1), (0, B, GIVE + 2), (0, B, LIKE + 2), (0, B, GIVE + 3))
    sums.take((0, A, LIKE + 3), (0, A, GIVE + 4))

    given = sums.rows()[1]

    assert sorted(given) == [(0, A, 1, 0, 0), (0, B, 2, 0, 0), (0, IN_B, 1, 1, 0)]


def test_received_again_is_counted() -> None:
    sums = Sums()
    sums.take((0, A, GIVE + 1), (0, B, TAKE + 1), (0, B, TAKE + 1), (0, C, TAKE + 1), (0, B, TAKE + 1))

    flows, given = sums.rows()

    assert flows == [(0, A, 0, B, 3, 0), (0, A, 0, C, 1, 0)]
    assert (0, B, 0, 0, 2) in given


def test_received_before_the_piece_that_gives_it_waits_for_one_piece() -> None:
    sums = Sums()
    sums.take((1, B, TAKE + 1))
    sums.take((0, A, GIVE + 1))
    sums.take((1, B, TAKE + 9))
    sums.take((0, A, GIVE + 5))
    sums.take((0, A, GIVE + 9))

    assert sums.rows()[0] == [(0, A, 1, B, 1, 0)]


def test_a_forked_child_knows_what_its_parent_gave_before() -> None:
    sums = Sums()
    sums.take((0, A, GIVE + 1), spool="1-0")
    sums.take((5, B, TAKE + 1), (5, B, GIVE + 2), (5, C, TAKE + 2), spool="2-0", parent="1-0")
    sums.take((0, A, GIVE + 2), (0, C, TAKE + 2), spool="1-0")

    assert sums.rows()[0] == [(0, A, 5, B, 1, 0), (5, B, 5, C, 1, 0), (0, A, 0, C, 1, 0)]


def test_a_forked_child_may_be_read_before_its_parent() -> None:
    sums = Sums()
    sums.take((5, B, TAKE + 1), spool="2-0", parent="1-0")
    sums.take((0, A, GIVE + 1), spool="1-0")

    assert sums.rows()[0] == [(0, A, 5, B, 1, 0)]


def test_lanes_without_number_share_rows_and_nothing_is_lost() -> None:
    sums = Sums()
    for lane in range(10 * LANES_PER_PAIR):
        sums.take((lane, A, GIVE + lane), (lane, B, TAKE + lane))

    flows, _ = sums.rows()

    assert len(flows) == LANES_PER_PAIR
    assert sum(row[4] for row in flows) == 10 * LANES_PER_PAIR


def test_who_goes_on_counts_beside_what_was_stored() -> None:
    first, second = Sums(), Sums()
    first.take((0, A, GIVE + 1))
    second.sums.go_on(first.sums.state())
    second.take((0, A, GIVE + 1))

    assert not {*first.sums.tallies()} & {*second.sums.tallies()}
