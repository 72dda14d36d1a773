"""What is recorded of a simulated run, how it is scored, what is asked of it, and what the command ends with."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cells import Bound, Cell, bound_of, overall
from naive import METHODS, Polled, energies_j
from score import Counts, Score
from sensors import CALM, SENSORS, measure
from settings import HARDER, MAIN_SENSORS, Setting, run, settings
from traced import ORIGIN_NS, Stamping, traced, tree_of
from workloads import WORKLOADS, make

from energyprof.attribute import attribute

COMMAND = Path(__file__).with_name("bench_attribution_accuracy.py")
GOOD = Score(
    error=(0.01, -0.02, 0.03, 0.0) * 25,
    sd=(0.02, 0.02, 0.02, 0.02) * 25,
    share=(1.0,) * 100,
    peers=dict.fromkeys(METHODS, (0.2,) * 100),
    claims=Counts(100, 100),
    published=Counts(100, 100),
    unsplit=Counts(0, 0),
    lines=Counts(100, 100),
    lines_covered=100,
    total_error=0.0,
    stages_error=0.0,
    ledger_uj=0.0,
    has_fit=True,
    refusal="",
    condition=10.0,
    lag_error_ms=0.1,
    response_ms=0.0,
    fit_s=0.1,
)


def recorded(workload, stamping, sensor="ctr100"):
    truth = make(workload, 0, 20.0)
    readings = measure(SENSORS[sensor], truth, 0, CALM, ORIGIN_NS).readings
    return truth, traced(truth, tree_of(truth.paths), SENSORS[sensor], readings, stamping)


@pytest.mark.parametrize("stamping", [Stamping(), Stamping(error_ns=50_000), Stamping(offset_ns=1_000_000)])
@pytest.mark.parametrize("workload", WORKLOADS)
def test_spans_are_the_calls_below_spans_of_the_stages_above(workload, stamping):
    truth, trace = recorded(workload, stamping)
    spans, calls = trace.spans, truth.calls

    below = np.flatnonzero(spans.parent >= 0)
    above = spans.parent[below]
    assert (above < below).all()
    assert (spans.start_ns[above] <= spans.start_ns[below]).all()
    assert (spans.end_ns[above] >= spans.end_ns[below]).all()
    parent = np.array([-1 if stage.parent is None else stage.parent for stage in trace.stages])
    assert (parent[spans.stage[below]] == spans.stage[above]).all()
    assert (parent[spans.stage[spans.parent < 0]] == -1).all()
    for path in truth.paths:
        stage = next(index for index, one in enumerate(trace.stages) if one.path == path)
        mine = calls.stage == truth.paths.index(path)
        off_ns = spans.start_ns[spans.stage == stage] - calls.start_ns[mine] - ORIGIN_NS
        assert np.abs(off_ns - stamping.offset_ns).max() <= 8 * stamping.error_ns + 1e5 * (stamping.error_ns > 0)


def test_stages_above_leaves_have_no_time_of_their_own():
    truth, trace = recorded("short", Stamping())

    times = attribute(trace).times

    leaves = {stage for stage, one in enumerate(trace.stages) if one.path in truth.paths}
    assert all(times.self_wall_ns[stage] == 0 for stage in range(len(trace.stages)) if stage not in leaves)
    assert times.wall_ns[0] == np.sum(truth.calls.end_ns - truth.calls.start_ns)


def test_peers_methods_are_right_where_the_sensor_is_much_faster_than_the_stages():
    truth = make("long", 0, 30.0)
    sensor = replace(SENSORS["rapl"], poll_ns=1_000_000)
    readings = measure(sensor, truth, 0, CALM, ORIGIN_NS).readings

    found_j = energies_j(truth, Polled.of(sensor, readings, ORIGIN_NS))

    for method in METHODS:
        error = np.abs(found_j[method] / truth.stage_j - 1).max()
        assert error < 0.05 if method != "time_share" else error > 0.2


def test_run_is_scored_against_its_truth():
    found = run(Setting("long", "rapl"), seed=0, run_s=20.0)

    assert len(found.error) == 5
    assert max(map(abs, found.error)) < 0.05
    assert abs(found.total_error) < 0.001
    assert abs(found.ledger_uj) <= 1
    assert found.lines.of >= 1
    assert set(found.peers) == set(METHODS)


def test_every_cell_has_a_bound_and_can_be_asked_for_alone():
    every = settings([], [])

    assert len(every) == len(WORKLOADS) * len(MAIN_SENSORS) + len(HARDER)
    assert all(bound_of(setting) != Bound() for setting in every if setting.case != "alias")
    assert all(bound_of(Setting("alias", sensor)).gated for sensor in ("ctr100", "part25", "box1s"))
    assert settings(["serving+late"], ["rapl"]) == [Setting("serving+late", "rapl")]
    assert settings(["alias"], []) == [Setting("alias", sensor) for sensor in MAIN_SENSORS]


def missed(cell):
    return [verdict.what.removeprefix(f"{cell.setting} ") for verdict in cell.verdicts() if not verdict.kept]


def test_good_cell_misses_nothing():
    assert missed(Cell(Setting("short", "rapl"), (GOOD,))) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"error": (0.03,) * 100, "sd": (0.05,) * 100}, ["median error"]),
        ({"error": (0.0,) * 90 + (0.2,) * 10, "sd": (0.2,) * 100}, ["95 % of errors"]),
        ({"sd": (0.02,) * 70 + (0.0,) * 30}, ["coverage"]),
        ({"total_error": -0.002}, ["total against truth"]),
        ({"ledger_uj": 2.0}, ["ledger closes"]),
    ],
)
def test_each_bound_is_missed_alone(change, what):
    assert missed(Cell(Setting("short", "rapl"), (replace(GOOD, **change),))) == what


def test_coverage_a_little_below_its_bound_may_be_chance():
    barely = replace(GOOD, error=(0.001,) * 100, sd=(0.01,) * 85 + (0.0,) * 15)

    assert missed(Cell(Setting("short", "rapl"), (barely,))) == []
    assert missed(Cell(Setting("short", "rapl"), (barely,) * 4)) == ["coverage"]


def test_aliased_run_must_be_refused():
    setting = Setting("alias", "ctr100")

    assert missed(Cell(setting, (GOOD,))) == ["gate fires", "leaf claims"]
    assert missed(Cell(setting, (replace(GOOD, refusal="aliased", claims=Counts(0, 0)),))) == []


@pytest.mark.parametrize(("factor", "kept"), [(0.3, False), (1.0, True), (4.0, False)])
def test_inflated_intervals_are_missed_as_well_as_narrow_ones(factor, kept):
    rng = np.random.default_rng(0)
    errors, sd = tuple(rng.normal(0, 0.02, 500).tolist()), (0.02 * factor,) * 500

    verdicts = overall([Cell(Setting("short", "rapl"), (replace(GOOD, error=errors, sd=sd),))])

    assert next(one.kept for one in verdicts if one.what.startswith("all widths")) == kept
    assert next(one.kept for one in verdicts if one.what == "all coverage") == kept


def test_run_that_fails_is_a_miss():
    assert missed(Cell(Setting("short", "rapl"), (GOOD,), ("seed 3: ValueError: x",))) == ["ends"]


def test_command_prints_table_and_verdicts_and_ends_with_1_where_a_bound_is_missed(tmp_path):
    lines = tmp_path / "runs.jsonl"
    asked = ["--seeds", "1", "--cases", "long", "--sensors", "ctr100", "--run-s", "20", "--workers", "1"]

    ran = subprocess.run(
        [sys.executable, str(COMMAND), *asked, "--out", str(lines)], capture_output=True, text=True, check=False
    )

    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(row["case"], row["sensor"], row["seed"]) for row in rows] == [("long", "ctr100", 1)]
    assert ran.stdout.splitlines()[2].startswith("| long | ctr100 |")
    misses = [line for line in ran.stdout.splitlines() if line.startswith("MISS")]
    assert ran.returncode == (1 if misses else 0)
    rows[0]["score"]["ledger_uj"] = 5.0
    lines.write_text(json.dumps(rows[0]) + "\n")
    read = subprocess.run(
        [sys.executable, str(COMMAND), "--read", str(lines)], capture_output=True, text=True, check=False
    )
    assert read.returncode == 1
    assert "MISS long/ctr100 ledger closes" in read.stdout


def test_command_names_what_there_is_where_a_cell_does_not_exist():
    asked = ["--cases", "shrot", "--sensors", "ctr100"]

    ran = subprocess.run([sys.executable, str(COMMAND), *asked], capture_output=True, text=True, check=False)

    assert ran.returncode == 2
    assert "short" in ran.stderr
