"""Packed columns come back as they were, and damaged ones are errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.capture.codec import pack_columns, unpack_columns
from energyprof.capture.span_codec import pack_spans, unpack_places, unpack_spans
from energyprof.capture.table_codec import pack_lane_runs, unpack_lane_runs
from energyprof.errors import CaptureError
from energyprof.model.recording import SpanChunk
from energyprof.model.span import LaneRuns

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(st.one_of(INT64, st.integers(-300, 300)))), max_size=3))
def test_integer_columns_survive(columns: list[tuple[int, list[int]]]) -> None:
    arrays = [np.array(values, np.int64) for _, values in columns]

    packed = pack_columns(arrays, [order for order, _ in columns])

    assert [column.tolist() for column in unpack_columns(packed, len(columns))] == [a.tolist() for a in arrays]


def test_regular_times_cost_next_to_nothing() -> None:
    times = 10**18 + np.arange(10_000) * 10_000_000

    assert len(pack_columns([times], [2])) < 300


@pytest.mark.parametrize("cut", [0, 5, 30, -1])
def test_a_cut_column_is_an_error(cut: int) -> None:
    packed = pack_columns([np.arange(1000) ** 2], [0])

    with pytest.raises(CaptureError):
        unpack_columns(packed[:cut], 1)


def test_bytes_left_over_are_an_error() -> None:
    packed = pack_columns([np.arange(3), np.arange(3)], [0, 0])

    with pytest.raises(CaptureError):
        unpack_columns(packed, 1)


def chunk(rows: list[tuple[int, int, int, int, int, bool, bool]]) -> SpanChunk:
    """Make spans of (lane, start, depth, duration, stage, is_open, resumed), in the order that packing wants."""
    table = np.array(sorted(rows), np.int64).reshape(-1, 7)
    lane, start_ns, depth, duration, stage, is_open, resumed = table.T
    narrow = [column.astype(np.int32) for column in (stage, lane, depth)]
    return SpanChunk(narrow[0], narrow[1], start_ns, start_ns + duration, narrow[2], is_open > 0, resumed > 0)


SPAN_ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 7]),
        st.integers(-5, 60),
        st.integers(0, 4),
        st.one_of(st.integers(0, 9), st.integers(2**33, 2**40)),
        st.integers(0, 400),
        st.booleans(),
        st.booleans(),
    ),
    max_size=40,
)


@given(SPAN_ROWS)
def test_spans_survive_even_where_they_do_not_nest(rows: list[tuple[int, int, int, int, int, bool, bool]]) -> None:
    spans = chunk(rows)

    back = unpack_spans(pack_spans(spans))

    for column in ("stage", "lane", "start_ns", "end_ns", "depth", "is_open", "resumed"):
        assert getattr(back, column).tolist() == getattr(spans, column).tolist(), column


@given(SPAN_ROWS)
def test_places_are_those_of_the_spans(rows: list[tuple[int, int, int, int, int, bool]]) -> None:
    spans = chunk(rows)

    stage, lane, since_ns = unpack_places(pack_spans(spans))

    assert (stage.tolist(), lane.tolist()) == (spans.stage.tolist(), spans.lane.tolist())
    assert (since_ns <= spans.start_ns).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1000), st.integers(0, 50)), max_size=30))
def test_lane_runs_survive(rows: list[tuple[int, int, int]]) -> None:
    table = np.array(rows, np.int64).reshape(-1, 3)
    runs = LaneRuns(table[:, 0].astype(np.int32), table[:, 1], table[:, 1] + table[:, 2])

    back = unpack_lane_runs(pack_lane_runs(runs))

    def as_rows(some: LaneRuns) -> list[tuple[int, int, int]]:
        return sorted(zip(some.lane.tolist(), some.start_ns.tolist(), some.end_ns.tolist(), strict=True))

    assert as_rows(back) == as_rows(runs)
