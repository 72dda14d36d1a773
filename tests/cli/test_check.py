"""`energyprof check`: the file of a budget, the exit status, and what is said of estimates."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from energyprof.cli.budget_file import read_budget
from energyprof.errors import InputError
from energyprof.model.budget import Limit

SCRIPT = """\
import energyprof
with energyprof.stage("train"):
    sum(range(400_000))
"""


@pytest.fixture
def check(place: Any, record_once: Any, command_here: Any) -> Any:
    shutil.copy(record_once(SCRIPT), place.folder / "job.eprof")

    def check(budget: str, *words: str) -> Any:
        place.write("budget.toml", budget)
        return command_here("check", "job.eprof", "--budget", "budget.toml", *words)

    return check


def energy_j(check: Any) -> float:
    (ruling,) = json.loads(check("total.max = '1 MJ'", "--format", "json").stdout)
    return float(ruling["value"])


def test_a_budget_far_above_is_kept_and_the_estimate_is_named(check: Any) -> None:
    done = check("[total]\nmax = '1 kWh'\n[stages.train]\nmax = '1 kJ'\n")

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"within") == 2
    assert b"2 of 2 verdicts rest on a model's estimate" in done.stdout


def test_a_budget_far_below_is_exceeded(check: Any) -> None:
    done = check("[total]\nmax = '1 kWh'\n[stages.train]\nmax = '1 uJ'\n", "--allow-unsure")

    assert done.returncode == 1
    assert b"exceeded" in done.stdout


@pytest.mark.parametrize(("words", "status"), [((), 3), (("--allow-unsure",), 0)])
def test_a_budget_within_the_interval_cannot_be_told(check: Any, words: tuple[str, ...], status: int) -> None:
    done = check(f"total.max = '{energy_j(check)} J'", *words)

    assert done.returncode == status
    assert b"cannot tell" in done.stdout


@pytest.mark.parametrize(
    ("text", "limit_j"),
    [("'20 J'", 20.0), ("20", 20.0), ("2.5", 2.5), ("'3 mWh'", 10.8), ("'1.5kJ'", 1500.0), ("'0.5 g'", 9000.0),
     ("'2e-3 J'", 0.002)],
)  # fmt: skip
def test_limits_are_read_in_every_unit(tmp_path: Path, text: str, limit_j: float) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(f"carbon_g_per_kwh = 200\n[total]\nmax = {text}\n")

    (limit,) = read_budget(file)

    assert limit.limit_j == pytest.approx(limit_j)
    assert (limit.scope, limit.per) == ("total", "run")


def test_every_kind_of_limit_is_read(tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(
        "[total]\nper_sample = 1\nmax_increase = '5 %'\n[stages.'a/b']\nper_call = 2\n"
        "[layers.'Net.fc']\nper_sample = 3\n[units.request]\nmax = 4\n"
    )

    assert read_budget(file) == (
        Limit("total", "", "sample", 1.0),
        Limit("total", "", "run", None, "%", 0.01, 0.05),
        Limit("stage", "a/b", "call", 2.0),
        Limit("layer", "Net.fc", "sample", 3.0),
        Limit("unit", "request", "unit", 4.0),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no limit"),
        ("total = 5", "is no table"),
        ("[total]\nmax = '5 parsec'", "is no energy"),
        ("[total]\nmax = true", "is no energy"),
        ("[total]\nmax = '-5 J'", "is no energy"),
        ("[total]\nmax = '1 g'", "carbon_g_per_kwh"),
        ("carbon_g_per_kwh = 0\n[total]\nmax = 1", "no number above 0"),
        ("[total]\nmaxi = 1", "'maxi' means nothing"),
        ("[stage.a]\nmax = 1", "'stage' means nothing"),
        ("[stages.a]\nmax_increase = 5", "is no percentage"),
        ("[total\n", "is no TOML"),
    ],
)
def test_what_is_wrong_with_a_budget_is_said(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(text)

    with pytest.raises(InputError, match=said):
        read_budget(file)


def test_a_stage_that_is_not_there_is_wrong_input_and_not_a_pass(check: Any) -> None:
    done = check("[stages.trian]\nmax = 1\n")

    assert done.returncode == 2
    assert b"no stage 'trian' (it has 'train')" in done.stderr
