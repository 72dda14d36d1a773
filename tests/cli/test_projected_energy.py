"""What a request took: between the first answer and the last where that can be told, else of the whole run, said so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from energyprof.capture import CaptureWriter
from energyprof.cli import main
from energyprof.cli.swept_ways import write_names
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, Use
from energyprof.model.recording import LaneRow, LocalStage, SpanChunk
from energyprof.model.told import Told, UnitCount
from energyprof.model.trace import RecorderFacts, RunFacts

MS = 1_000_000
BOOT_NS = 5_000_000_000
LOADING_W, SERVING_W = 100.0, 20.0
LOAD = ["--clients", "1000", "--requests-per-client-day", "5", "--days", "30"]


def served(
    path: Path,
    *units: UnitCount,
    power_w: Sequence[float] = (LOADING_W,) * 10 + (SERVING_W,) * 20,
    stage_ms: tuple[int, int] | None = None,
    others_s: float = 0.0,
    command: tuple[str, ...] = ("serve.py",),
) -> Path:
    """Write a run of 300 ms, a reading every 10 ms: a server that loads for 100 ms and answers from then on."""
    writer = CaptureWriter(path)
    if stage_ms is not None:
        first, last = (np.array([BOOT_NS + at * MS]) for at in stage_ms)
        none = np.zeros(1, np.int32)
        writer.add_lanes([LaneRow(0, 7, 0, 7, 0, "MainThread")])
        writer.add_stages([LocalStage(0, -1, "epoch", "stage")])
        writer.add_spans(SpanChunk(none, none, first, last, none, np.zeros(1, np.bool_)))
    if others_s:
        own, others = (np.array([0, int(used_s * 1e9)]) for used_s in (0.2, others_s))
        writer.add_use(Use(np.array([BOOT_NS, BOOT_NS + 300 * MS]), own, others, np.zeros(2, np.int64)))
    writer.set_run(RunFacts(command, 1_800_000_000 * 10**9, BOOT_NS, BOOT_NS + 300 * MS, 0, "a", 2))
    writer.set_recorder(RecorderFacts(recorder_s=0.001, spans=0))
    writer.set_told(Told((), units))
    id_ = DomainId("cpu")
    writer.add_domains([Domain(id_, "test", "sensor", "energy", 1e-6, "cpu", period_ns=10 * MS, baseline_w=1.0)])
    t_ns = BOOT_NS + np.arange(len(power_w) + 1, dtype=np.int64) * 10 * MS
    raw = np.append(0, np.cumsum(np.rint(np.array(power_w) * 1e4))).astype(np.int64)
    writer.add_readings({id_: Readings(t_ns, t_ns, raw, np.zeros(len(raw), np.uint8))})
    writer.finish()
    return path


def told(name: str, count: float, first_ms: int, last_ms: int, first_count: float = 1.0) -> UnitCount:
    return UnitCount(name, count, BOOT_NS + first_ms * MS, first_count, BOOT_NS + last_ms * MS)


def projected(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> dict[str, Any]:
    assert main(["project", "1kWh", str(path), *LOAD, *words, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_start_and_loading_are_in_no_request_that_was_counted_as_it_was_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = served(tmp_path / "serve.eprof", told("request", 19, first_ms=110, last_ms=290))

    found = projected(capsys, path)

    assert found["assumed"]["request_j"]["value"] == pytest.approx(SERVING_W * 0.18 / 18, rel=1e-3)
    ground = found["grounds"]["request"]
    assert ground["basis"].endswith("serve.eprof from the first answer to the last, by 18 requests")
    (start,) = ground["cautions"]
    assert start.startswith("not in a request: 10.4 J before the first answer")


@pytest.mark.parametrize(
    "unit",
    [
        UnitCount("request", 20),
        told("request", 20, 290, 290, first_count=20),
        told("request", 20, 293, 297),
        told("request", 20, 110, 400),
    ],
    ids=["in a recording of before", "all at once", "within a reading", "beyond the last reading"],
)
def test_where_the_answers_are_not_told_apart_the_whole_run_is_divided_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], unit: UnitCount
) -> None:
    found = projected(capsys, served(tmp_path / "serve.eprof", unit))

    assert found["assumed"]["request_j"]["value"] == pytest.approx((10.0 + 4.0) / 20, rel=1e-3)
    ground = found["grounds"]["request"]
    assert ground["basis"].endswith("serve.eprof by 20 requests")
    (said,) = ground["cautions"]
    assert "start of the program and loading included" in said


def test_what_is_no_request_by_its_name_or_its_count_is_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = served(tmp_path / "serve.eprof", told("image", 2.5, 290, 290, first_count=2.5))

    assert main(["project", "1kWh", str(path), *LOAD, "--width", "200"]) == 0

    out = capsys.readouterr().out
    assert "serve.eprof by 2.50 of 'image'" in out
    assert "note: 'image' is taken for a request, being all that the program counted" in out
    assert "note: 2.50 is no whole number of requests: is each counted once?" in out


def test_a_number_of_requests_that_is_given_is_of_the_whole_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = served(tmp_path / "serve.eprof", told("request", 19, first_ms=110, last_ms=290))

    found = projected(capsys, path, "--requests-in-run", "7")

    assert found["assumed"]["request_j"]["value"] == pytest.approx(2.0, rel=1e-3)
    assert found["grounds"]["request"]["basis"].endswith("serve.eprof by 7 requests")


def test_of_a_single_run_ten_percent_are_assumed_and_of_several_their_spread_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = UnitCount("request", 20)
    paths = [served(tmp_path / f"s{at}.eprof", unit, power_w=(100.0 + more,) * 30) for at, more in enumerate((0, 1, 2))]

    one, several = (projected(capsys, Path(",".join(map(str, some)))) for some in (paths[:1], paths))

    request_j = one["assumed"]["request_j"]
    assert request_j["high"] / request_j["value"] == pytest.approx(1.1**1.96, rel=1e-3)
    assert one["grounds"]["request"]["assumed_sd"] == 0.10
    (note,) = one["notes"]
    assert note.startswith("one run of serving tells nothing of how much runs differ: a standard deviation of 10 %")
    request_j = several["assumed"]["request_j"]
    assert request_j["value"] == pytest.approx(101.0 * 0.3 / 20, rel=1e-3)
    assert request_j["high"] - request_j["value"] == pytest.approx(4.303 / 3**0.5 * 0.3 / 20, rel=1e-2)  # Student's t
    assert (several["grounds"]["request"]["runs"], several["grounds"]["request"]["assumed_sd"]) == (3, None)
    assert several["grounds"]["request"]["basis"].startswith("mean of 3 runs; the first: all of ")
    assert several["notes"] == []


def test_runs_of_several_ways_of_a_sweep_are_refused_and_those_of_one_are_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = UnitCount("request", 20)
    names = [f"batch={batch}" for batch in (1, 64, 8)]
    for name in names:
        for number in (1, 2):
            served(tmp_path / f"{name}-run{number}.eprof", unit, command=("serve.py", "--batch", name[6:]))
    write_names(tmp_path, {name: name for name in names}, ["serve.py"])

    assert main(["project", "1kWh", str(tmp_path), *LOAD]) == 2

    said = capsys.readouterr().err
    assert (
        "has runs of 3 ways (batch=1; batch=8; batch=64), and their mean is that of none; name those of one, such as"
        in said
    )
    assert "batch=1-run*.eprof" in said
    one = projected(capsys, tmp_path / "batch=1-run*.eprof")
    assert one["grounds"]["request"]["runs"] == 2


def test_what_is_odd_about_several_runs_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit = told("request", 19, first_ms=110, last_ms=290)
    paths = [
        served(tmp_path / f"s{batch}.eprof", unit, others_s=0.3, command=("serve.py", "--fast", "--batch", str(batch)))
        for batch in (1, 8)
    ]

    found = projected(capsys, Path(",".join(map(str, paths))))

    start, unlike, busy = found["grounds"]["request"]["cautions"]
    assert start.startswith("not in a request: 10.4 J before the first answer")
    assert start.endswith("in each run, on average")
    assert "are not alike (--batch 1; --batch 8): what differs between them counts as chance" in unlike
    assert busy.startswith("other programs used 60 % of the CPU time, or device, during 2 of 2 runs (the first: ")


def test_a_run_that_is_named_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = served(tmp_path / "serve.eprof", UnitCount("request", 20))

    assert main(["project", "1kWh", f"{path},{path}", *LOAD]) == 2
    assert "names a run twice" in capsys.readouterr().err


def test_what_disturbed_a_recording_is_said_of_what_is_projected_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = served(tmp_path / "busy.eprof", UnitCount("request", 20), others_s=0.3)
    quiet = served(tmp_path / "quiet.eprof", UnitCount("request", 20), others_s=0.001)

    said, unsaid = (projected(capsys, path)["grounds"]["request"]["cautions"] for path in (busy, quiet))

    assert said[-1].startswith("other programs used 60 % of the CPU time, or device, during ")
    assert not any("other programs" in line for line in unsaid)


def trained(capsys: pytest.CaptureFixture[str], training: Path, serving: Path, *words: str) -> dict[str, Any]:
    assert main(["project", str(training), str(serving), *LOAD, *words, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_the_start_of_a_training_is_told_from_it_where_requests_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = served(tmp_path / "train.eprof", stage_ms=(100, 290))
    steady = served(tmp_path / "serve.eprof", told("request", 19, first_ms=110, last_ms=290))
    whole = served(tmp_path / "whole.eprof", UnitCount("request", 20))

    found = trained(capsys, training, steady)
    alike = trained(capsys, training, steady, "--without-start")
    both = trained(capsys, training, whole)

    assert found["assumed"]["training_j"]["value"] == pytest.approx(14.0, rel=1e-3)
    assert found["grounds"]["training"]["start_j"] == pytest.approx(10.2, rel=1e-3)
    assert any("--without-start leaves out both" in note for note in found["notes"])
    assert alike["assumed"]["training_j"]["value"] == pytest.approx(SERVING_W * 0.19, rel=1e-3)
    assert alike["grounds"]["training"]["basis"].endswith("train.eprof from its first stage to the end of its last")
    for other in (alike, both):
        assert not any("--without-start" in note for note in other["notes"])
    assert alike["overtaking_days"]["value"] < found["overtaking_days"]["value"]


def test_a_training_without_stages_or_as_a_number_has_no_start_to_leave_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = served(tmp_path / "train.eprof")

    for training, said in (
        (str(path), "has no stages whose energy can be told"),
        ("1kWh", "leave out --without-start"),
    ):
        assert main(["project", training, "3J", *LOAD, "--without-start"]) == 2
        assert said in capsys.readouterr().err


def test_what_a_training_spent_on_no_stage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = served(tmp_path / "train.eprof", stage_ms=(100, 290))

    assert main(["project", str(training), "3J", *LOAD, "--width", "200"]) == 0

    out = " ".join(capsys.readouterr().out.split())
    assert "train.eprof: 14.0 J, of it 110 mJ idle while no stage ran and " in out
    assert "outside stages (imports, for instance)" in out
