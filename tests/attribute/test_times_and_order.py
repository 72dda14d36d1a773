"""Calls, times and edges by the program's own clock."""

from __future__ import annotations

from energyprof.attribute import attribute


def times(trace):
    found = attribute(trace).times
    rows = zip(found.calls, found.wall_ns / 1e6, found.self_wall_ns / 1e6, found.cpu_ns / 1e6, strict=True)
    return {str(stage.id): tuple(float(x) for x in row) for stage, row in zip(trace.stages, rows, strict=True)}


def edges(trace, flows):
    rows = zip(flows.source, flows.target, flows.count, strict=True)
    return {(str(trace.stages[a].id), str(trace.stages[b].id)): int(n) for a, b, n in rows}


def test_calls_wall_own_and_cpu_time(make):
    lane = make.lane([("a", 0, 100), ("a/b", 20, 40), ("a/b", 50, 60)], cpu=[(t, t / 2) for t in range(0, 101, 10)])

    assert times(make.trace([lane])) == {"a": (1, 100, 70, 50), "a/b": (2, 30, 30, 15)}


def test_going_on_with_a_generator_is_counted_apart_and_its_time_all_the_same(make):
    spans = [("use", 0, 100), ("use/give", 10, 20), ("use/give", 30, 50), ("use/give", 60, 70)]
    trace = make.trace([make.lane(spans, resumed=(30, 60))])

    found = attribute(trace)

    assert times(trace) == {"use": (1, 100, 60, 0), "use/give": (1, 40, 40, 0)}
    assert found.times.resumes.tolist() == [0, 2]
    assert edges(trace, found.calls) == {("use", "use/give"): 1}


def test_recursion_counts_calls_but_not_time_twice(make):
    assert times(make.trace([[("f", 0, 100), ("f", 10, 90), ("f", 20, 30)]])) == {"f": (3, 100, 100, 0)}


def test_threads_add_up(make):
    assert times(make.trace([[("a", 0, 100)], [("a", 0, 50)]])) == {"a": (2, 150, 150, 0)}


def test_a_stage_on_host_and_device_has_the_times_of_the_host(make):
    host = make.lane([("a", 0, 100), ("a/b", 20, 40)])
    device = make.lane([("a", 10, 300), ("a/b", 20, 220)], kind="device", tid=0, resumed=(10, 20))

    found = attribute(make.trace([host, device]))

    assert times(make.trace([host, device])) == {"a": (1, 100, 80, 0), "a/b": (1, 20, 20, 0)}
    assert found.times.resumes.tolist() == [0, 0]


def test_a_stage_that_was_on_no_thread_has_the_times_of_the_device(make):
    lanes = [make.lane([("a", 0, 100)]), make.lane([("kernel", 10, 60)], kind="device", tid=0)]

    assert times(make.trace(lanes)) == {"a": (1, 100, 100, 0), "kernel": (1, 50, 50, 0)}


def test_awaiting_counts_as_wall_but_not_as_own_or_cpu_time(make):
    lanes = [
        make.lane([], tid=7, cpu=[(t, t) for t in range(0, 101, 10)]),
        make.lane([("a", 0, 100)], runs=[(0, 20), (90, 100)], kind="task", tid=0, host=0),
    ]

    assert times(make.trace(lanes)) == {"a": (1, 100, 30, 30)}


def test_follows_counts_neighbours_under_the_same_parent(make):
    rows = [("a", 0, 100), ("a/x", 0, 10), ("a/y", 10, 20), ("a/x", 30, 40), ("a/y", 50, 60), ("b", 100, 120)]
    trace = make.trace([rows, [("b", 0, 10)]])

    found = attribute(trace).follows

    assert edges(trace, found) == {("a", "b"): 1, ("a/x", "a/y"): 2, ("a/y", "a/x"): 1}


def test_calls_counts_spans_opened_directly_or_on_a_lane_created_inside(make):
    lanes = [
        make.lane([("a", 0, 100), ("a/x", 10, 20), ("a/x", 30, 40)]),
        make.lane([("a/w", 0, 50), ("a/w/v", 1, 2)], parent=0, prefix="a"),
    ]
    trace = make.trace(lanes)

    assert edges(trace, attribute(trace).calls) == {("a", "a/x"): 2, ("a", "a/w"): 1, ("a/w", "a/w/v"): 1}


def test_recursion_is_an_edge_to_itself(make):
    trace = make.trace([[("f", 0, 100), ("f", 10, 90)]])

    assert edges(trace, attribute(trace).calls) == {("f", "f"): 1}
