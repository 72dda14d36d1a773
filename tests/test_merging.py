"""Recordings of several hosts as one run: nothing is lost, added or mixed up, in whatever order they are named."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import energyprof
from energyprof.capture import CaptureWriter
from energyprof.errors import CaptureError, InputError
from energyprof.merging import Merged, MergeRequest, merge
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, ThreadCpu, Use
from energyprof.model.ranks import RankProcess
from energyprof.model.recording import LaneOrigin, LaneRow, LocalStage, Progress, SpanChunk
from energyprof.model.span import LaneRuns
from energyprof.model.stacks import Function, Samples, StackNodes
from energyprof.model.tally import FLOWS, Tally
from energyprof.model.told import Metric, Told, UnitCount
from energyprof.model.trace import RecorderFacts, RunFacts
from energyprof.model.view import View

MS = 1_000_000
NOTHING = Told()
NOON_NS = 1_800_000_000 * 10**9
PARTS = ("measured_j", "stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")


def record(
    path: Path,
    host: str,
    *,
    boot_ns: int = 5_000_000_000,
    late_ms: int = 0,
    power_w: Sequence[float] = (20.0,) * 30,
    spans: Sequence[tuple[int, int, int]] = ((0, 0, 300), (1, 50, 150)),
    rank: int | None = None,
    domain: str = "cpu",
    pid: int = 100,
    is_finished: bool = True,
    told: Told = NOTHING,
) -> Path:
    """Write a run of 300 ms on a host that started `boot_ns` before it; spans are (stage, start, end) in ms."""
    writer = CaptureWriter(path)
    begin_ns, unix_ns = boot_ns, NOON_NS + late_ms * MS
    writer.set_run(RunFacts(("train.py",), unix_ns, begin_ns, begin_ns + 300 * MS, 0, host, 2))
    writer.set_recorder(RecorderFacts(recorder_s=0.001, spans=len(spans)))
    writer.set_told(told)
    id_ = DomainId(domain)
    kind = "device" if domain.startswith("gpu") else "cpu"
    writer.add_domains([Domain(id_, "test", "sensor", "energy", 1e-6, kind, period_ns=10 * MS, baseline_w=1.0)])
    writer.add_stages([LocalStage(0, -1, "train", "stage"), LocalStage(1, 0, "all_reduce", "communication")])
    writer.add_lanes([LaneRow(0, pid, 1, pid, 0, "main"), LaneRow(1, pid, 2, 0, 1, "task", 0)])
    writer.add_origins([LaneOrigin(1, 0, 0, begin_ns)])
    table = sorted((begin_ns + start * MS, -(begin_ns + end * MS), stage) for stage, start, end in spans)
    columns = np.array([(stage, 0, start, -end, stage) for start, end, stage in table], np.int64).reshape(-1, 5).T
    narrow = [columns[at].astype(np.int32) for at in (0, 1, 4)]
    is_open = np.zeros(len(table), np.bool_)
    writer.add_spans(SpanChunk(narrow[0], narrow[1], columns[2].copy(), columns[3].copy(), narrow[2], is_open))
    runs = np.array([[begin_ns + 10 * MS, begin_ns + 20 * MS]], np.int64)
    writer.add_lane_runs(LaneRuns(np.array([1], np.int32), runs[:, 0], runs[:, 1]))
    t_ns = begin_ns + np.arange(len(power_w) + 1, dtype=np.int64) * 10 * MS
    raw = np.append(0, np.cumsum(np.rint(np.array(power_w) * 1e4))).astype(np.int64)
    writer.add_readings({id_: Readings(t_ns, t_ns, raw, np.zeros(len(raw), np.uint8))})
    used = np.linspace(0, 200 * MS, len(t_ns)).astype(np.int64)
    ids = (np.full(2 * len(t_ns), pid, np.int32), np.repeat(np.array([pid, 0], np.int32), len(t_ns)))
    writer.add_cpu(ThreadCpu(*ids, np.tile(t_ns, 2), np.tile(used, 2)))
    writer.add_use(Use(t_ns, used, used // 2, used // 100))
    index = np.array([0], np.int32)
    flow = tuple(np.array([value], np.int64) for value in (0, 0, 0, 1, 1, 8))
    writer.keep_progress(lambda: Progress(tallies={0: Tally(FLOWS, 0, 0, flow)}))
    writer.set_stacks("on")
    writer.add_functions([Function(f"f_{host}", "f.py", 3)])
    writer.add_stack_nodes(StackNodes(np.array([-1], np.int32), index))
    ends = t_ns[1:]
    same = [np.full(len(ends), value, np.int32) for value in (pid, pid, 0, 4)]
    writer.add_samples(Samples(same[0], same[1], ends - 10 * MS, ends, same[2], same[3]))
    if rank is not None:
        writer.add_rank(RankProcess(pid, rank, 8))
    writer.warn("something was odd")
    if is_finished:
        writer.finish()
    else:
        writer.commit(force=True)
    return path


def merged(output: Path, *paths: Path, names: Sequence[str] = (), offsets_s: Mapping[str, float] = {}) -> Merged:
    parts = tuple(zip(names or [""] * len(paths), paths, strict=True))
    return merge(MergeRequest(parts, output, {host: round(s * 1e9) for host, s in offsets_s.items()}))


def report_of(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(energyprof.load(path).render("json"))
    return document


def ledgers(document: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {row["domain"]: {name: row[name] for name in PARTS} for row in document["ledger"]}


HOSTS = st.lists(
    st.tuples(
        st.lists(st.floats(1.0, 300.0), min_size=30, max_size=30),
        st.integers(0, 250),  # how late it began, in ms
        st.integers(1, 10**12),  # how long it has been up, in us
        st.lists(st.tuples(st.integers(0, 200), st.integers(1, 90)), min_size=0, max_size=3),
    ),
    min_size=2,
    max_size=4,
)


@settings(max_examples=10, deadline=None)
@given(hosts=HOSTS, order=st.randoms(use_true_random=False))
def test_each_host_keeps_its_ledger_and_sums_are_those_of_the_parts(hosts: list[Any], order: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, (power_w, late_ms, up_us, inner) in enumerate(hosts):
            spans = [(0, 0, 300)] if inner else []
            start = 0
            for gap, length in inner:
                begin = min(start + gap, 299)
                spans.append((1, begin, min(begin + length, 300)))
                start = spans[-1][2]
                if start >= 299:
                    break
            name, at = f"host{number}", Path(folder, f"{number}.eprof")
            more = {"boot_ns": up_us * 1000, "late_ms": late_ms, "power_w": power_w, "spans": spans}
            paths.append(record(at, name, rank=number, pid=100, **more))
        shuffled = [*paths]
        order.shuffle(shuffled)

        merged(Path(folder, "all.eprof"), *paths)
        merged(Path(folder, "shuffled.eprof"), *shuffled)

        alone, whole = [report_of(path) for path in paths], report_of(Path(folder, "all.eprof"))
        expected = {
            f"host{number}/{domain}": figures
            for number, one in enumerate(alone)
            for domain, figures in ledgers(one).items()
        }
        assert ledgers(whole) == expected
        for figures in expected.values():
            assert figures["measured_j"] == pytest.approx(sum(figures[name] for name in PARTS[1:]), abs=1e-6)
        assert whole["measured"]["energy_j"] == pytest.approx(sum(one["measured"]["energy_j"] for one in alone))
        calls: dict[str, int] = {}
        for one in alone:
            for row in one["stages"]:
                if row["kind"] != "program":
                    calls[row["stage"]] = calls.get(row["stage"], 0) + row["calls"]
        assert {row["stage"]: row["calls"] for row in whole["stages"] if row["kind"] != "program"} == calls
        assert report_of(Path(folder, "shuffled.eprof")) == whole


def test_a_merged_run_merges_as_its_parts_would(tmp_path: Path) -> None:
    paths = [record(tmp_path / f"{number}.eprof", f"h{number}", rank=number, late_ms=number) for number in range(3)]

    merged(tmp_path / "two.eprof", paths[2], paths[0])
    merged(tmp_path / "then.eprof", tmp_path / "two.eprof", paths[1])
    merged(tmp_path / "once.eprof", *paths)

    assert ledgers(report_of(tmp_path / "then.eprof")) == ledgers(report_of(tmp_path / "once.eprof"))
    then, once = (report_of(tmp_path / name) for name in ("then.eprof", "once.eprof"))
    assert then["ranks"] == once["ranks"]
    assert then["hosts"] == once["hosts"]
    assert then["stages"] == once["stages"]


def test_ranks_of_all_hosts_stand_in_one_table(tmp_path: Path) -> None:
    paths = [record(tmp_path / f"{number}.eprof", f"h{number}", rank=number, pid=100) for number in range(2)]

    merged(tmp_path / "all.eprof", *paths)

    document = report_of(tmp_path / "all.eprof")
    assert [(row["rank"], row["host"]) for row in document["ranks"]] == [(0, "h0"), (1, "h1")]
    of_ranks_uj = sum(round(row["energy_sum"]["energy_j"] * 1e6) for row in document["ranks"])
    assert of_ranks_uj == round(document["stages_sum"]["energy_j"] * 1e6)


def test_sampled_functions_keep_their_hosts_energy(tmp_path: Path) -> None:
    paths = [
        record(tmp_path / "0.eprof", "h0", power_w=(10.0,) * 30),
        record(tmp_path / "1.eprof", "h1", power_w=(40.0,) * 30, late_ms=7),
    ]

    merged(tmp_path / "all.eprof", *paths)

    energy_j: dict[str, float] = {}
    for row in report_of(tmp_path / "all.eprof")["functions"]:
        energy_j[row["function"]] = energy_j.get(row["function"], 0.0) + (row["energy_j"] or 0.0)
    alone = [sum(row["energy_j"] or 0.0 for row in report_of(path)["functions"]) for path in paths]
    assert alone[0] > 0
    assert energy_j == pytest.approx({"f_h0": alone[0], "f_h1": alone[1]}, abs=1e-5)


def test_times_are_those_of_the_wall_clock_whenever_hosts_were_started(tmp_path: Path) -> None:
    first = record(tmp_path / "a.eprof", "a", boot_ns=10**15, late_ms=0)
    second = record(tmp_path / "b.eprof", "b", boot_ns=77, late_ms=120)

    merged(tmp_path / "all.eprof", first, second)

    rows = report_of(tmp_path / "all.eprof")["hosts"]
    assert [(row["host"], row["start_s"], row["wall_s"]) for row in rows] == [("a", 0.0, 0.3), ("b", 0.12, 0.3)]
    assert all("not checked" in row["clock"] for row in rows)


def test_units_of_hosts_add_up_and_the_last_metric_counts(tmp_path: Path) -> None:
    # b's clock since its start is behind, but by the wall clock its metric is the later one.
    a = Told(
        (Metric("accuracy", 0.8, 9_000_000_000 + 10 * MS, 1),),
        (UnitCount("image", 10.0, 9_000_000_000, 3.0, 9_000_000_000),),
    )
    b = Told(
        (Metric("accuracy", 0.9, 2_000_000_000 + 20 * MS, 2),),
        (UnitCount("image", 5.0, 2_000_000_000 + 5 * MS, 1.0, 2_000_000_000 + 7 * MS),),
    )
    parts = [
        record(tmp_path / "a.eprof", "a", boot_ns=9_000_000_000, told=a),
        record(tmp_path / "b.eprof", "b", boot_ns=2_000_000_000, told=b),
    ]

    merged(tmp_path / "both.eprof", *parts)

    run = energyprof.load(tmp_path / "both.eprof")
    report = run.report()
    (images,) = run.trace.told.units
    assert (images.count, images.first_count, images.last_ns) == (15.0, 3.0, (images.first_ns or 0) + 7 * MS)
    assert [(unit.name, unit.count) for unit in report.units] == [("image", 15.0)]
    (metric,) = report.metrics
    assert (metric.value, metric.times) == (0.9, 3)
    assert metric.at_s == pytest.approx(0.02)


def test_the_power_of_a_host_is_shown_while_its_own_program_ran(tmp_path: Path) -> None:
    paths = [
        record(tmp_path / "a.eprof", "a", boot_ns=10**15, power_w=(20.0,) * 60),
        record(tmp_path / "b.eprof", "b", boot_ns=77, late_ms=120, power_w=(20.0,) * 60),
    ]

    merged(tmp_path / "both.eprof", *paths)

    history = energyprof.load(tmp_path / "both.eprof").history
    shares = {str(one.domain): one.covered_share for one in history.domains}
    at_ms = np.arange(history.buckets) * history.bucket_ns / MS
    # Both were read for longer than the 300 ms that their programs ran; b began 120 ms after a.
    assert shares["a/cpu"][at_ms > 305].max() == 0
    assert shares["b/cpu"][at_ms < 115].max() == 0
    assert shares["b/cpu"][(at_ms > 135) & (at_ms < 405)].min() > 0.9


def test_an_offset_moves_a_host_and_is_said(tmp_path: Path) -> None:
    first, second = record(tmp_path / "a.eprof", "a"), record(tmp_path / "b.eprof", "b", late_ms=5000)

    merged(tmp_path / "all.eprof", first, second, offsets_s={"b": -4.9})

    row = report_of(tmp_path / "all.eprof")["hosts"][1]
    assert row["start_s"] == pytest.approx(0.1)
    assert "-4.9 s" in row["clock"]


def test_recordings_of_one_host_with_different_sensors_are_one_host(tmp_path: Path) -> None:
    cpu = record(tmp_path / "cpu.eprof", "h", domain="cpu", pid=100)
    gpu = record(tmp_path / "gpu.eprof", "h", domain="gpu:0", pid=200)

    merged(tmp_path / "all.eprof", gpu, cpu)

    document = report_of(tmp_path / "all.eprof")
    assert [row["host"] for row in document["hosts"]] == ["h"]
    assert sorted(row["domain"] for row in document["domains"]) == ["h/cpu", "h/gpu:0"]


@pytest.mark.parametrize("name", ["a/b", "100%", "\u2603 host", "\x1b[31mred", "x" * 300, "gpu:0", "<b>", "machine:0"])
def test_hosts_of_any_name_are_told_apart(tmp_path: Path, name: str) -> None:
    strange, other = record(tmp_path / "a.eprof", name), record(tmp_path / "b.eprof", "plain")

    merged(tmp_path / "all.eprof", strange, other)

    run = energyprof.load(tmp_path / "all.eprof")
    document = json.loads(run.render("json"))
    assert {row["host"] for row in document["hosts"]} == {name, "plain"}
    assert all(row["counts"] for row in document["domains"])
    assert "\x1b[31m" not in str(run.render())


def test_a_domain_and_the_one_that_contains_it_stay_so(tmp_path: Path) -> None:
    paths = [record(tmp_path / f"{host}.eprof", host, domain="machine") for host in "ab"]

    merged(tmp_path / "all.eprof", *paths)

    assert [row["counts"] for row in report_of(tmp_path / "all.eprof")["domains"]] == [True, True]


def test_a_rank_on_two_hosts_is_a_warning_and_nothing_is_added_up(tmp_path: Path) -> None:
    paths = [record(tmp_path / f"{host}.eprof", host, rank=0) for host in "ab"]
    third = record(tmp_path / "c.eprof", "c", rank=1)

    done = merged(tmp_path / "all.eprof", *paths, third)

    assert any("rank 0 is on more than one host" in line for line in done.warnings)
    document = report_of(tmp_path / "all.eprof")
    assert document["imbalance"] is None
    assert len(document["ranks"]) == 3
    of_ranks_uj = sum(round(row["energy_sum"]["energy_j"] * 1e6) for row in document["ranks"])
    assert of_ranks_uj == round(document["stages_sum"]["energy_j"] * 1e6)


@pytest.mark.parametrize("same", ["path", "copy"])
def test_the_same_run_twice_is_refused(tmp_path: Path, same: str) -> None:
    one = record(tmp_path / "a.eprof", "a")
    other = tmp_path / "other.eprof"
    other.write_bytes(one.read_bytes())

    with pytest.raises(InputError, match="are the same run"):
        merged(tmp_path / "all.eprof", one, one if same == "path" else other)


def test_two_recordings_of_one_sensor_are_refused_with_the_way_to_name_hosts(tmp_path: Path) -> None:
    one, other = record(tmp_path / "a.eprof", "h"), record(tmp_path / "b.eprof", "h", late_ms=1, pid=7)

    with pytest.raises(InputError, match=r"both have the domain cpu.*energyprof merge A="):
        merged(tmp_path / "all.eprof", one, other)


def test_runs_of_different_times_are_refused_with_the_option_that_mends_a_clock(tmp_path: Path) -> None:
    one, other = record(tmp_path / "a.eprof", "a"), record(tmp_path / "b.eprof", "b", late_ms=1000)

    with pytest.raises(InputError, match=r"ended 0\.700 s before .*--offset b="):
        merged(tmp_path / "all.eprof", one, other)


def test_an_unfinished_recording_is_refused_with_the_command_that_finishes_it(tmp_path: Path) -> None:
    one, other = record(tmp_path / "a.eprof", "a"), record(tmp_path / "b.eprof", "b", is_finished=False)

    with pytest.raises(InputError, match="energyprof recover"):
        merged(tmp_path / "all.eprof", one, other)


def test_a_file_that_is_no_recording_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    one, other = record(tmp_path / "a.eprof", "a"), tmp_path / "b.eprof"
    other.write_bytes(b"SQLite format 3\0 and then nothing")

    with pytest.raises(CaptureError):
        merged(tmp_path / "all.eprof", one, other)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.eprof", "b.eprof"]


def test_an_output_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    one, other = record(tmp_path / "a.eprof", "a"), record(tmp_path / "b.eprof", "b")

    with pytest.raises(InputError, match="never overwritten"):
        merged(one, one, other)


def test_an_offset_for_a_host_that_is_not_there_is_refused(tmp_path: Path) -> None:
    one, other = record(tmp_path / "a.eprof", "a"), record(tmp_path / "b.eprof", "b")

    with pytest.raises(InputError, match="'c', but the recordings are of a, b"):
        merged(tmp_path / "all.eprof", one, other, offsets_s={"c": 1.0})


def test_a_view_of_a_merged_run_shows_one_host_or_one_family(tmp_path: Path) -> None:
    cpu, gpu = record(tmp_path / "a.eprof", "a"), record(tmp_path / "b.eprof", "b", domain="gpu:0")
    merged(tmp_path / "all.eprof", cpu, gpu)
    run = energyprof.load(tmp_path / "all.eprof")

    for wanted, shown in (("all", ["a/cpu", "b/gpu:0"]), ("gpu", ["b/gpu:0"]), ("a", ["a/cpu"]), ("a/cpu", ["a/cpu"])):
        assert [row.domain for row in run.view(View(domain=wanted)).domains] == shown
