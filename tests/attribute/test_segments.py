"""Exclusive time per lane, and whose a thread is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from energyprof.attribute.nesting import last_children, outermost, previous_siblings
from energyprof.attribute.segments import busy_segments, exclusive_segments, inherited_segments
from energyprof.attribute.threads import give_way, thread_of_lanes
from energyprof.attribute.timeline import timeline


def pieces(trace, segments):
    rows = zip(segments.lane, segments.stage, segments.start_ns / 1e6, segments.end_ns / 1e6, strict=True)
    return sorted((int(lane), str(trace.stages[k].id), float(a), float(b)) for lane, k, a, b in rows)


def exclusive(trace):
    return exclusive_segments(trace.spans, trace.lane_runs, trace.run.start_ns)


def test_own_time_is_the_span_without_its_children(make):
    trace = make.trace([[("a", 0, 100), ("a/b", 10, 40), ("a/b/c", 20, 30), ("a/b", 60, 100), ("d", 100, 110)]])

    assert pieces(trace, exclusive(trace)) == [
        (0, "a", 0, 10),
        (0, "a", 40, 60),
        (0, "a/b", 10, 20),
        (0, "a/b", 30, 40),
        (0, "a/b", 60, 100),
        (0, "a/b/c", 20, 30),
        (0, "d", 100, 110),
    ]


def test_segments_ascend_by_start_over_all_lanes(make):
    trace = make.trace([[("a", 50, 60)], [("a", 0, 100), ("a/b", 20, 80)]])

    assert np.all(np.diff(exclusive(trace).start_ns) >= 0)


def test_coroutine_counts_only_while_it_runs(make):
    task = make.lane([("a", 0, 100), ("a/b", 30, 70)], runs=[(5, 20), (40, 60), (90, 120)], kind="task", tid=0)
    never = make.lane([("n", 0, 100)], runs=[(200, 300)], kind="task", tid=0)
    trace = make.trace([task, never, make.lane([("c", 0, 100)])])

    assert pieces(trace, exclusive(trace)) == [(0, "a", 5, 20), (0, "a", 90, 100), (0, "a/b", 40, 60), (2, "c", 0, 100)]


@st.composite
def nested(draw, low=0, high=64, depth=0):
    rows = []
    at = low
    while at < high and len(rows) < 12 and draw(st.booleans()):
        start = draw(st.integers(at, high))
        end = draw(st.integers(start, high))
        rows.append((draw(st.sampled_from("abc")), start, end))
        if depth < 3 and end > start:
            rows += draw(nested(start, end, depth + 1))
        at = end
    return rows


@given(st.lists(nested(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_segments_agree_with_asking_every_millisecond(make, lanes):
    trace = make.trace(lanes)
    spans, found = trace.spans, exclusive(trace)

    for lane in range(len(lanes)):
        for t in range(64):
            at = trace.run.start_ns + t * make.ms + make.ms // 2
            rows = np.flatnonzero((spans.lane == lane) & (spans.start_ns <= at) & (spans.end_ns > at))
            held = found.stage[
                (found.lane == lane) & (found.start_ns <= (t + 0.5) * 1e6) & (found.end_ns > (t + 0.5) * 1e6)
            ]
            innermost = [row for row in rows if not np.any(spans.parent[rows] == row)]
            assert held.tolist() == [spans.stage[row] for row in innermost]


def test_siblings_and_last_children_by_row(make):
    trace = make.trace([[("a", 0, 9), ("a/b", 1, 4), ("a/b/c", 2, 3), ("a/d", 5, 6), ("e", 9, 10)], [("a", 0, 1)]])

    assert previous_siblings(trace.spans).tolist() == [-1, -1, -1, 1, 0, -1]
    assert last_children(trace.spans).tolist() == [3, 2, -1, -1, -1, -1]


def test_only_the_outermost_of_recursive_spans_counts(make):
    trace = make.trace([[("fib", 0, 9), ("fib/g", 1, 8), ("fib", 2, 7), ("fib/g", 3, 6)]])

    depth = np.array([0, 1], np.int32)
    assert outermost(trace.spans, depth).tolist() == [True, True, False, False]


def test_a_guest_runs_on_its_host_whoever_created_it(make):
    lanes = [
        make.lane(tid=7),
        make.lane(tid=0, parent=0, host=0, kind="task"),
        make.lane(tid=8, parent=0),
        make.lane(tid=0, parent=1, host=2, kind="task"),
        make.lane(tid=0, parent=0, kind="process", pid=2),
    ]

    assert thread_of_lanes(make.trace(lanes).lanes).tolist() == [0, 0, 2, 2, 4]


def test_a_guest_without_a_stage_works_for_the_one_that_made_it(make):
    lanes = [
        make.lane([("all", 0, 100)]),
        make.lane(runs=[(0, 10), (20, 30)], kind="task", tid=0, host=0, prefix="all"),
        make.lane([("all/x", 5, 22), ("all/y", 25, 27)], runs=[(0, 10), (20, 30)], kind="task", host=0, prefix="all"),
        make.lane([("z", 0, 3)], runs=[(0, 10)], kind="task", tid=0, host=0),
    ]
    trace = make.trace(lanes)

    found = inherited_segments(trace.spans, trace.lanes, trace.lane_runs, trace.run.start_ns)

    assert pieces(trace, found) == [
        (1, "all", 0, 10),
        (1, "all", 20, 30),
        (2, "all", 0, 5),
        (2, "all", 22, 25),
        (2, "all", 27, 30),
    ]


def test_threads_own_stage_gives_way_only_while_the_coroutine_has_a_stage(make):
    lanes = [
        make.lane([("serve", 0, 100)]),
        make.lane([("x", 30, 50)], runs=[(10, 40), (45, 90)], kind="task", tid=0, host=0),
        make.lane([("other", 0, 100)]),
    ]
    trace = make.trace(lanes)
    busy = busy_segments(trace.spans, trace.lane_runs, trace.run.start_ns)

    found = give_way(exclusive(trace), busy, trace.lanes, trace.lane_runs)

    assert pieces(trace, found) == [
        (0, "serve", 0, 30),
        (0, "serve", 40, 45),
        (0, "serve", 50, 100),
        (1, "x", 30, 40),
        (1, "x", 45, 50),
        (2, "other", 0, 100),
    ]


def test_shared_time_adds_up_to_the_time_anything_was_open(make):
    trace = make.trace([[("a", 0, 40), ("a", 60, 80)], [("b", 20, 60)], [("c", 20, 30)]])

    line = timeline(busy_segments(trace.spans, trace.lane_runs, trace.run.start_ns))

    at = np.array([0.0, 20, 30, 40, 60, 80]) * 1e6
    np.testing.assert_allclose(np.diff(line.sharing.at(at)) / 1e6, [20, 10 / 3, 5, 20, 20])
    assert [column[1:-1].tolist() for column in line.idle] == [[], []]
    assert line.idle[0][1] == line.idle[1][0] + 80e6
