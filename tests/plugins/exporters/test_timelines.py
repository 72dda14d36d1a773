"""Chrome trace and Firefox profile: what their viewers ask of spans and counters, checked on whole nanoseconds."""

import json
from decimal import Decimal

import pytest

from energyprof.attribute.power_series import power_series
from energyprof.interfaces import RenderContext
from energyprof.model.span import LANE_KINDS
from energyprof_plugins.exporters.chrome_trace import ChromeTrace
from energyprof_plugins.exporters.firefox import Firefox
from energyprof_plugins.exporters.firefox_tables import stretches
from energyprof_plugins.exporters.span_timeline import TimelineSpan, laid_out, shown_rows, tracks

NESTED = [("train", 1, 1_000_000_007), ("step", 3, 333_333_331), ("step", 333_333_331, 1_000_000_007), ("op", 5, 6)]


def render(exporter, sample, trace, power=()):
    report = sample.make_report([sample.Part(stage.name, (1.0,)) for stage in trace.stages])
    return exporter.render(report, RenderContext(trace=lambda: trace, power=lambda: power))


def chrome(sample, trace, power=()):
    text = render(ChromeTrace(), sample, trace, power)
    return json.loads(text, parse_float=Decimal)["traceEvents"]


def ns(microseconds):
    whole = microseconds * 1000
    assert whole == int(whole)
    return int(whole)


def assert_nested(events):
    """Assert what Perfetto asks of the slices of one track: each lies within the one before it, or behind it."""
    around = []
    for event in events:
        start, end = ns(event["ts"]), ns(event["ts"]) + ns(event["dur"])
        while around and around[-1] <= start:
            around.pop()
        assert not around or end <= around[-1]
        around.append(end)


def test_chrome_slices_lie_within_each_other_to_the_nanosecond(sample, sample_trace):
    slices = [event for event in chrome(sample, sample_trace.make_trace([NESTED])) if event["ph"] == "X"]

    assert_nested(slices)
    assert [(event["name"], ns(event["ts"]), ns(event["dur"])) for event in slices] == [
        ("train", 1, 1_000_000_006), ("step", 3, 333_333_328), ("op", 5, 1), ("step", 333_333_331, 666_666_676),
    ]  # fmt: skip


def test_a_span_that_sticks_out_of_the_one_around_it_is_cut_there(sample_trace):
    trace = sample_trace.make_trace([[("outer", 0, 10), ("late", 5, 20), ("next", 20, 30)]])

    spans = [(span.start_ns, span.end_ns, span.depth) for span in laid_out(trace, 0, shown_rows(trace, 99))]

    assert spans == [(0, 10, 0), (5, 10, 1), (20, 30, 0)]


def test_each_thread_has_a_track_with_a_name_of_its_own(sample, sample_trace):
    trace = sample_trace.make_trace([[("a", 0, 9)], [("b", 0, 9)], [("c", 0, 9)]], pids=(70, 70, 90))

    events = chrome(sample, trace)

    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert names == {(70, 1): "main thread", (70, 2): "thread 71", (90, 3): "thread 92"}
    assert {(e["pid"], e["tid"]) for e in events if e["ph"] == "X"} == set(names)


def test_every_kind_of_lane_has_a_name(sample_trace):
    trace = sample_trace.make_trace([[("a", 0, 9)]] * len(LANE_KINDS))
    trace.lanes.kind[:] = range(len(LANE_KINDS))

    names = [track.name for track in tracks(trace)]

    assert len(set(names)) == len(LANE_KINDS)


def test_of_more_spans_than_viewers_open_the_longest_stay_with_all_around_them(sample_trace):
    inner = [(f"inner{n}", 1000 * n + 1, 1000 * n + 2 + n) for n in range(20)]
    outer = [(f"outer{n}", 1000 * n, 1000 * n + 999) for n in range(20)]
    trace = sample_trace.make_trace([[*outer, *inner]])

    rows = shown_rows(trace, 25)

    shown = [trace.stages[span.stage].name for span in laid_out(trace, 0, rows)]
    assert sorted(shown) == sorted([f"outer{n}" for n in range(20)] + [f"inner{n}" for n in range(15, 20)])


def test_a_cut_is_said_where_the_viewer_shows_it(sample, sample_trace):
    trace = sample_trace.make_trace([NESTED])

    events = json.loads(render(ChromeTrace(most_spans=2), sample, trace))["traceEvents"]
    product = json.loads(render(Firefox(most_spans=2), sample, trace))["meta"]["product"]

    labels = [event["args"]["labels"] for event in events if event["name"] == "process_labels"]

    assert labels == ["only the 2 longest of 4 spans are shown"]
    assert "only the 2 longest of 4 spans are shown" in product


def test_chrome_counters_are_watts_and_gaps_are_slices_of_their_own(sample, sample_trace):
    series = sample_trace.power([(0, 1_000_000, 0.002), (1_000_000, 3_000_000, 0.002), (5_000_001, 6_000_001, 0.004)])

    events = chrome(sample, sample_trace.make_trace([NESTED]), (series,))

    counters = [(ns(event["ts"]), float(event["args"]["W"])) for event in events if event["ph"] == "C"]
    gaps = [(ns(event["ts"]), ns(event["dur"])) for event in events if event.get("cat") == "gap"]
    assert counters == [(0, 2.0), (1_000_000, 1.0), (5_000_001, 4.0)]
    assert gaps == [(3_000_000, 2_000_001)]
    power_pid = {event["pid"] for event in events if event["ph"] == "C"}
    assert power_pid.isdisjoint(event["pid"] for event in events if event.get("cat") == "stage")


def test_a_modelled_counter_says_so(sample, sample_trace):
    series = sample_trace.power([(0, 1_000_000, 0.002)], sample_trace.MODEL)
    trace = sample_trace.make_trace([NESTED])

    (name,) = {event["name"] for event in chrome(sample, trace, (series,)) if event["ph"] == "C"}
    (counter,) = json.loads(render(Firefox(), sample, trace, (series,)))["counters"]

    assert name == "cpu (estimated, W)"
    assert counter["description"].startswith("estimated (model)")


def test_firefox_counts_all_energy_in_picowatthours_behind_a_sample_of_nothing(sample, sample_trace):
    series = sample_trace.power([(0, 1_000_000, 0.36), (1_000_000, 2_000_000, 0.72), (5_000_000, 6_000_000, 3.6)])

    (counter,) = json.loads(render(Firefox(), sample, sample_trace.make_trace([NESTED]), (series,)))["counters"]

    samples = counter["samples"]
    assert samples["time"] == [0, 1, 2, 5, 6]
    assert samples["count"] == pytest.approx([0, 1e8, 2e8, 0, 1e9])
    assert counter["category"] == "power"
    assert counter["display"]["unit"] == "pWh"
    assert "1 gap without" in counter["description"]


def test_firefox_tables_are_columns_of_one_length_that_point_into_each_other(sample, sample_trace):
    document = json.loads(render(Firefox(), sample, sample_trace.make_trace([NESTED, [("b", 0, 9)]])))

    shared = document["shared"]
    for name, table in shared.items():
        if name != "stringArray":
            assert {len(column) for key, column in table.items() if key != "length"} == {table["length"]}
    strings, stacks = len(shared["stringArray"]), shared["stackTable"]
    assert all(0 < offset <= row or offset == 0 for row, offset in enumerate(stacks["prefixOffset"]))
    assert all(frame < shared["frameTable"]["length"] for frame in stacks["frame"])
    assert all(name < strings for name in shared["funcTable"]["name"])
    for thread in document["threads"]:
        for table in (thread["samples"], thread["markers"]):
            columns = [column for column in table.values() if isinstance(column, list)]
            assert {len(column) for column in columns} == {table["length"]}
        assert all(stack < stacks["length"] for stack in thread["samples"]["stack"])
        assert thread["samples"]["time"] == sorted(thread["samples"]["time"])


def test_stretches_are_what_each_stage_took_itself():
    spans = [TimelineSpan(0, 0, 100, 0), TimelineSpan(1, 10, 40, 1), TimelineSpan(2, 40, 60, 1),
             TimelineSpan(0, 120, 130, 0)]  # fmt: skip

    assert list(stretches(spans)) == [
        (0, 10, (0,)), (10, 40, (0, 1)), (40, 60, (0, 2)), (60, 100, (0,)), (120, 130, (0,)),
    ]  # fmt: skip


def test_power_over_time_is_the_energy_of_the_readings_with_gaps_left_open(sample_trace):
    series = sample_trace.power([(0, 10, 1.0), (10, 20, 2.0), (30, 40, 4.0), (40, 50, 8.0), (50, 60, 16.0)])

    joined = series.at_most(3)

    rows = list(zip(joined.start_ns.tolist(), joined.end_ns.tolist(), joined.energy_j.tolist(), strict=True))
    assert rows == [(0, 20, 3.0), (30, 50, 12.0), (50, 60, 16.0)]
    assert joined.gaps_ns() == [(20, 30)]
    assert power_series(sample_trace.make_trace([NESTED])) == ()
