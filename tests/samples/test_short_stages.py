"""The sample of short stages: what its README says of intervals, refused leaves and delays is so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

SAMPLE = Path(__file__).parents[2] / "samples" / "short_stages" / "make_recording.py"


def recorded(folder: Path, *options: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the truth and the report of one recording."""
    made = subprocess.run(
        [sys.executable, SAMPLE, *options], cwd=folder, capture_output=True, text=True, check=True, timeout=120
    )
    truth = {f"step/{line.split()[0]}": float(line.split()[1]) for line in made.stdout.splitlines()}
    files = ["--spans", "spans.csv", "--power", "power.csv", "--measured", "-o", "run.eprof"]
    subprocess.run(
        [sys.executable, "-m", "energyprof", "import", *files], cwd=folder, capture_output=True, check=True, timeout=120
    )
    return truth, json.loads(load(folder / "run.eprof").render("json"))


@pytest.mark.parametrize("options", [(), ("--dephase",)], ids=["as it is", "with delays"])
def test_large_stages_have_figures_that_hold_the_truth_and_small_ones_one_together(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    truth, report = recorded(tmp_path, *options)

    own = {stage["stage"]: stage["self_sum"] for stage in report["stages"]}
    for name in ("step/forward/attention", "step/forward/mlp", "step/backward"):
        # Half as wide again: this is one draw, and the interval is one of 95 %.
        half = 1.5 * (own[name]["high_j"] - own[name]["energy_j"])
        assert abs(own[name]["energy_j"] - truth[name]) < half
        assert half < 0.1 * truth[name]
    (joint,) = report["unsplit"]
    assert set(joint["members"]) == {"step/load", "step/forward/embed", "step/optimizer"}
    assert abs(joint["energy_j"] - sum(truth[name] for name in joint["members"])) < 0.1 * joint["energy_j"]
    assert "each stage repeated for 50 ms" in joint["reason"]


def test_steps_in_time_with_the_sensor_are_refused_whole_with_the_cure(tmp_path: Path) -> None:
    truth, report = recorded(tmp_path, "--in-step")

    (joint,) = report["unsplit"]
    assert set(joint["members"]) == set(truth)
    assert "a random delay of 0 to 20 ms before each step" in joint["reason"]


def test_twelve_times_as_many_steps_give_figures_to_stages_that_one_minute_leaves_together(tmp_path: Path) -> None:
    truth, report = recorded(tmp_path, "--minutes", "12")

    own = {stage["stage"]: stage["self_sum"] for stage in report["stages"]}
    for name in ("step/optimizer", "step/forward/embed"):
        half = 1.5 * (own[name]["high_j"] - own[name]["energy_j"])
        assert abs(own[name]["energy_j"] - truth[name]) < half
        assert half < 0.15 * truth[name]
