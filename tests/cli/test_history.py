"""Runs that repeat others: said before and after, summed up, forgotten; and no fault of it harms the program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

JOB = """\
import sys, time
import energyprof, model
until_s = time.process_time() + 0.1
while time.process_time() < until_s:
    pass
with energyprof.trial({"lr": 1}) as trial:
    trial.tell(0.5)
energyprof.metric("accuracy", model.ACCURACY)
print("out")
sys.exit(int(sys.argv[1]) if sys.argv[1:] else 0)
"""


@pytest.fixture
def here(place: Any, tmp_path: Path) -> Any:
    place.environment["XDG_STATE_HOME"] = str(tmp_path / "state")
    place.write("job.py", JOB)
    place.write("model.py", "ACCURACY = 0.93\n")
    return place


def record(place: Any, name: str, *words: str, **more: Any) -> Any:
    return place.run("--no-graph", "--no-live", "-o", f"{name}.eprof", *words, **more)


def history(place: Any) -> Any:
    return json.loads(place.call(place.command("history", "--format", "json")).stdout)


def kept(tmp_path: Path) -> Path:
    return tmp_path / "state/energyprof/history.jsonl"


def test_nothing_is_kept_of_a_run_that_did_not_ask_for_it(here: Any, tmp_path: Path) -> None:
    done = record(here, "one", "job.py")

    assert done.returncode == 0
    assert not (tmp_path / "state").exists()
    assert here.report("one.eprof")["earlier"] is None


def test_a_repetition_is_said_before_and_after_with_what_it_cost(here: Any) -> None:
    first = record(here, "one", "--data", "v2", "job.py")
    second = record(here, "two", "--data", "v2", "job.py")

    assert b"repeats" not in first.stderr
    runs = history(here)["runs"]
    assert [row["repeats"] for row in runs] == [None, runs[0]["id"]]
    assert [row["work"]["data_name"] for row in runs] == ["v2", "v2"]
    said = f"energyprof: repeats run {runs[0]['id']} of "
    assert second.stderr.decode().startswith(said)
    assert "estimated (model)" in second.stderr.decode().splitlines()[0]
    earlier = here.report("two.eprof")["earlier"]
    assert (earlier["run"], earlier["times"], earlier["outcome"], earlier["has_data"]) == (
        runs[0]["id"], 1, "same", True,
    )  # fmt: skip
    assert earlier["energy"] == runs[0]["energy"]
    assert earlier["energy"]["energy_j"] == pytest.approx(here.report("one.eprof")["measured"]["energy_j"])
    trials = here.report("two.eprof")["trials"]
    assert trials["known"]["count"] == 1
    assert trials["rows"][0]["earlier"]["run"] == runs[0]["id"]
    for kind in ("terminal", "html"):
        page = here.call(here.command("report", "two.eprof", "--format", kind)).stdout.decode()
        assert f"repeats run {runs[0]['id']} of " in page
    assert f"as trial 0 of run {runs[0]['id']}" in here.call(here.command("trials", "two.eprof")).stdout.decode()


def test_the_sums_are_of_repetitions_alone(here: Any) -> None:
    record(here, "one", "-q", "--remember", "job.py")
    record(here, "two", "-q", "--remember", "job.py")
    record(here, "failed", "-q", "--remember", "job.py", "3")
    here.write("model.py", "ACCURACY = 0.94\n")
    record(here, "other", "-q", "--remember", "job.py")

    found = history(here)

    assert [row["repeats"] is not None for row in found["runs"]] == [False, True, False, False]
    assert {name: total["count"] for name, total in found["sums"].items()} == {
        "all": 4, "repeats": 1, "untold": 0, "otherwise": 0, "trials": 0, "failed": 1,
    }  # fmt: skip
    assert found["sums"]["repeats"]["energy"] == found["runs"][1]["energy"]
    page = here.call(here.command("history", "--width", "80")).stdout.decode()
    said = " ".join(page.split())
    assert "1 run repeated an earlier one and came out no different: " in said
    assert "failed with status 3" in said
    assert max(map(len, page.splitlines())) <= 80


def test_repeats_that_were_asked_for_are_none(here: Any) -> None:
    done = here.run("--runs", "2", "--cool-down", "0", "-o", "many.eprof", "--remember", "job.py")

    assert done.returncode == 0, done.stderr
    assert history(here)["sums"]["repeats"]["count"] == 0
    assert len(history(here)["runs"]) == 2


def test_runs_are_forgotten_one_by_one_by_age_and_all(here: Any) -> None:
    for number in range(3):
        record(here, str(number), "-q", "--remember", "job.py")
    ids = [row["id"] for row in history(here)["runs"]]

    def forgotten(*words: str) -> str:
        done = here.call(here.command("history", *words))
        return f"{done.returncode} {done.stdout.decode().strip()}{done.stderr.decode().strip()}"

    assert forgotten("forget", ids[1]) == "0 1 run forgotten"
    assert forgotten("forget", ids[1]).startswith(f"2 energyprof: no run {ids[1]} in ")
    assert forgotten("prune", "--older-than", "1") == "0 0 runs forgotten"
    assert forgotten("prune", "--keep", "1") == "0 1 run forgotten"
    assert [row["id"] for row in history(here)["runs"]] == [ids[2]]
    assert forgotten("forget", "--all") == "0 1 run forgotten"
    assert b"no run is remembered" in here.call(here.command("history")).stdout


@pytest.mark.parametrize("words", [["forget"], ["forget", "x", "--all"], ["prune"], ["list", "x"], ["--keep", "3"]])
def test_a_word_that_makes_no_sense_is_told(here: Any, words: list[str]) -> None:
    done = here.call(here.command("history", *words))

    assert done.returncode == 2
    assert done.stderr.startswith(b"energyprof: ")


def test_a_history_that_cannot_be_written_costs_one_line_and_nothing_else(here: Any, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")

    done = record(here, "one", "-q", "--remember", "job.py")

    assert (done.returncode, done.stdout) == (0, b"out\n")
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("energyprof: this run is not remembered: ")
    assert here.report("one.eprof")["measured"]["energy_j"] > 0


def test_a_history_that_cannot_be_read_costs_one_line(here: Any, tmp_path: Path) -> None:
    kept(tmp_path).mkdir(parents=True)

    done = record(here, "one", "--remember", "job.py")

    assert (done.returncode, done.stdout) == (0, b"out\n")
    assert done.stderr.decode().count("is not remembered") == 1


def test_data_that_is_not_there_ends_the_command_before_the_program(here: Any) -> None:
    done = record(here, "one", "--data", "@nothing.csv", "job.py")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"nothing.csv cannot be read" in done.stderr
    assert here.recordings() == []


def test_a_project_may_ask_for_it_and_its_mistakes_stop_nothing(here: Any) -> None:
    here.write("pyproject.toml", '[tool.energyprof]\nremember = true\ndata = "@nothing.csv"\n')

    done = record(here, "one", "job.py")

    assert (done.returncode, done.stdout) == (0, b"out\n")
    assert b"this run is not remembered: the data " in done.stderr
    here.write("pyproject.toml", "[tool.energyprof]\nremember = true\n")
    record(here, "two", "job.py")
    assert len(history(here)["runs"]) == 1


def test_a_script_from_a_pipe_runs_and_is_not_remembered(here: Any) -> None:
    done = record(here, "one", "--remember", "-", stdin=b"print('piped')")

    assert (done.returncode, done.stdout) == (0, b"piped\n")
    assert b"this run is not remembered: its script comes through a pipe" in done.stderr


def test_the_program_sees_nothing_of_it(here: Any) -> None:
    here.write("sees.py", "import os\nprint(sorted(name for name in os.environ if 'SERIES' in name))")

    done = here.run(
        "--runs", "1", "-q", "--remember", "-o", "s.eprof", "sees.py", environment={"ENERGYPROF_SERIES": "x y"}
    )

    assert done.stdout == b"[]\n"
