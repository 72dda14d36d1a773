"""A search through the command: joules of each trial, of what was thrown away, and up to a quality."""

from __future__ import annotations

import json
from typing import Any

import pytest

SEARCH = """
import time
import energyprof

def burn(seconds):
    until_s = time.process_time() + seconds
    while time.process_time() < until_s:
        pass

for number, (size, state) in enumerate([(1, ""), (4, ""), (1, ""), (2, "prune"), (2, "raise")]):
    try:
        with energyprof.trial({"size": size}) as trial:
            with energyprof.stage("train"):
                burn(0.05 * size)
            if state == "prune":
                trial.prune()
            elif state == "raise":
                raise RuntimeError
            trial.tell(size / 10)
    except RuntimeError:
        pass
"""
TWO = """
import time, energyprof
for study, values in (("grid", (0.1, 0.2, 0.3)), ("tpe", (0.2, 0.6))):
    for value in values:
        with energyprof.trial({"size": value}, study=study) as trial:
            until_s = time.process_time() + 0.05
            while time.process_time() < until_s:
                pass
            trial.tell(value)
"""
TUNED = """
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
study.optimize(lambda trial: trial.suggest_int("x", 0, 9), n_trials=3)
"""
POOLED = """
import energyprof, multiprocessing

def search(first):
    for number in (first, first + 1):
        with energyprof.trial({"number": number}) as trial:
            trial.tell(number)

if __name__ == "__main__":
    workers = [
        multiprocessing.get_context(method).Process(target=search, args=(first,))
        for method, first in (("fork", 1), ("spawn", 3))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    search(5)
"""


def test_a_search_shows_what_its_trials_took_and_what_was_thrown_away(place: Any) -> None:
    place.write("search.py", SEARCH)

    done = place.run("--no-graph", "-o", "search.eprof", "search.py")

    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(place.call(place.command("report", "search.eprof", "--format", "json")).stdout)
    trials = report["trials"]
    assert [row["state"] for row in trials["rows"]] == ["complete", "complete", "complete", "pruned", "failed"]
    assert [row["repeats"] for row in trials["rows"]] == [None, None, 0, None, 3]
    assert [row["value"] for row in trials["rows"]] == [0.1, 0.4, 0.1, 0.2, None]
    energies_j = [row["total_sum"]["energy_j"] for row in trials["rows"]]
    assert energies_j[1] > 2 * energies_j[0]
    assert trials["all"]["energy"]["energy_j"] == pytest.approx(sum(energies_j), abs=1e-5)
    assert trials["failed"]["energy"]["energy_j"] == pytest.approx(energies_j[4], abs=1e-5)
    stages = {row["stage"]: row for row in report["stages"]}
    assert stages["trial 1/train"]["parent"] == "trial 1"
    shown = place.call(place.command("trials", "search.eprof", "--target", "0.3")).stdout.decode()
    assert "best: 0.4 in trial 1, after " in shown
    assert "target 0.3: trial 1 reached it, after " in shown
    assert "1 pruned: " in shown
    missed = place.call(place.command("trials", "search.eprof", "--target", "0.01", "--lower-is-better"))
    assert "target 0.01: no trial reached it" in missed.stdout.decode()


def test_trials_of_optuna_are_known_without_a_word_in_the_program(place: Any) -> None:
    place.write("tuned.py", TUNED)

    done = place.run("-q", "--no-graph", "-o", "tuned.eprof", "tuned.py")

    assert done.returncode == 0, done.stderr.decode()
    shown = place.call(place.command("trials", "tuned.eprof", "--width", "60")).stdout.decode()
    assert "3 trials: " in shown
    assert "best, the lowest: 5 in trial 0, " in shown  # Optuna looks for the lowest unless told otherwise
    assert "x=" in shown
    assert max(map(len, shown.splitlines())) <= 60


def test_studies_of_runs_in_a_folder_are_set_beside_each_other(place: Any) -> None:
    (place.folder / "searches").mkdir()
    place.write("two.py", TWO)
    place.run("-q", "--no-graph", "-o", "searches/two.eprof", "two.py")

    shown = place.call(place.command("trials", "searches", "--target", "0.5")).stdout.decode()

    assert "trials of grid\n" in shown
    assert "trials of tpe\n" in shown
    _, _, beside = shown.partition("searches beside each other, estimated (model)\n")
    rows = [line.split() for line in beside.splitlines()]
    assert rows[0][-2:] == ["to", "0.5"]
    assert rows[1][:3] == ["two", "grid", "3"]
    assert rows[2][:3] == ["two", "tpe", "2"]
    assert rows[1][-1] == "never"
    assert "0.5 with the fewest joules: two tpe, " in beside


def test_trials_of_processes_that_a_search_starts_stand_for_themselves(place: Any) -> None:
    place.write("pooled.py", POOLED)
    place.run("-q", "--no-graph", "-o", "pooled.eprof", "pooled.py")

    report = json.loads(place.call(place.command("report", "pooled.eprof", "--format", "json")).stdout)

    assert sorted(row["value"] for row in report["trials"]["rows"]) == [1, 2, 3, 4, 5, 6]
    assert {row["params"]: row["value"] for row in report["trials"]["rows"]} == {
        f"number={number}": number for number in range(1, 7)
    }


def test_a_run_without_trials_says_how_to_mark_them(place: Any) -> None:
    place.write("plain.py", "print(1)")
    place.run("-q", "--no-graph", "-o", "plain.eprof", "plain.py")

    shown = place.call(place.command("trials", "plain.eprof")).stdout.decode()

    assert "energyprof.trial(params)" in " ".join(shown.split())
