"""Spans as CSV: paths to stages, lanes and devices, what is bad and how it is said."""

from __future__ import annotations

import pytest

from energyprof.errors import InputError
from energyprof.model.imported import ImportWishes
from energyprof.model.span import LANE_KINDS
from energyprof_plugins.recordings.spans_csv import SpansCsv

HEADER = "stage,lane,device,start_ns,end_ns\n"


def read(tmp_path, text, **wishes):
    path = tmp_path / "spans.csv"
    path.write_text(text)
    return SpansCsv().read(str(path), ImportWishes(**wishes), lambda _part: None)


def refused(tmp_path, text):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    return str(caught.value).replace(str(tmp_path), "DIR")


def test_path_is_a_tree_of_names_and_escapes_are_undone(tmp_path):
    found = read(tmp_path, HEADER + "train,main,,0,100\ntrain/a%2Fb%25,main,,10,20\n")

    assert [(stage.parent, stage.name) for stage in found.stages] == [(-1, "train"), (0, "a/b%")]
    assert found.spans.depth.tolist() == [0, 1]


def test_spans_nest_in_any_order_and_one_lane_name_is_two_lanes_on_two_devices(tmp_path):
    rows = "t/k,s,gpu:1,5,9\nt/f,s,,12,18\nt/k,s,gpu:0,30,40\nt,s,,0,50\n"

    found = read(tmp_path, HEADER + rows)

    lanes = [(lane.name, LANE_KINDS[lane.kind], lane.tid) for lane in found.lanes]
    assert lanes == [("s", "device", 1), ("s", "thread", 0), ("s", "device", 0)]
    host = found.spans.lane == 1
    assert found.spans.depth[host].tolist() == [0, 1]


def test_overlapping_spans_of_a_lane_stand_beside_and_are_counted(tmp_path):
    found = read(tmp_path, HEADER + "a,main,,0,10\nb,main,,5,15\n")

    assert [lane.name for lane in found.lanes] == ["main", "main #2"]
    assert found.warnings == (
        "1 spans overlap another of their lane without lying in it, and stand on lanes beside it",
    )


def test_columns_may_stand_in_any_order_and_device_may_be_missing(tmp_path):
    found = read(tmp_path, "end_ns,stage,start_ns,lane\n7,a,3,m\n")

    assert (found.spans.start_ns.tolist(), found.spans.end_ns.tolist()) == ([3], [7])


def test_missing_columns_are_named_with_what_was_found(tmp_path):
    said = refused(tmp_path, "stage,thread,start,end_ns\n")

    assert said.startswith(
        "DIR/spans.csv line 1: no columns lane, start_ns among stage, thread, start, end_ns; each row is stage,lane"
    )


def test_bad_rows_are_counted_and_the_first_five_named_with_their_lines(tmp_path):
    rows = ["a,m,,0,1", "a,m,,x,1", "a,m,,5,1", "a,m,gpu,0,1", "a//b,m,,0,1", "a,m", "a,m,,1.5,2", "a,m,,9,8"]

    said = refused(tmp_path, HEADER + "\n".join(rows))

    assert said.startswith(
        "DIR/spans.csv has 7 bad rows: line 3: start_ns 'x' or end_ns '1' is no whole number; line 4"
    )
    assert "line 5: device 'gpu' is none" in said
    assert "line 6: stage 'a//b' has an empty name" in said
    assert "line 7: 2 cells" in said
    assert "line 8" not in said
    assert " and 2 more; nothing was imported; " in said
    assert said.endswith("or leave the bad rows out with --skip-bad")


def test_bad_rows_may_be_left_out_and_are_said(tmp_path):
    found = read(tmp_path, HEADER + "a,m,,0,1\na,m,,5,1\n", skip_bad=True)

    assert len(found.spans) == 1
    assert found.warnings[0].endswith("has 1 bad row: line 3: it ends at 1, before it starts at 5; left out")


def test_names_beyond_the_limit_count_to_the_stage_around(tmp_path):
    rows = "".join(f"t/s{at},m,,{at * 10},{at * 10 + 5}\n" for at in range(10_010))

    found = read(tmp_path, HEADER + rows)

    assert len(found.stages) == 10_000
    assert len(found.spans) == 10_010
    assert found.warnings[0].startswith("there are more than 10,000 stages: 11 of them count to the stage around")


def test_times_beyond_any_uptime_count_from_1970(tmp_path):
    since_boot = read(tmp_path, HEADER + "a,m,,5000,6000\n")
    since_1970 = read(tmp_path, HEADER + "a,m,,1790000000000000000,1790000000000000001\n")

    assert (since_boot.clock.unix_offset_ns, since_1970.clock.unix_offset_ns) == (None, 0)
