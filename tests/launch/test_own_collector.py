"""A collector of our own: it may hang, die or refuse, the program hears of it in time and is never held up."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from energyprof.launch import own_collector as module
from energyprof.launch.own_collector import OwnCollector


def is_gone(collector: OwnCollector) -> None:
    """Wait for the end of the process; fails if it does not come."""
    deadline_s = time.monotonic() + 10
    while collector._process.is_alive():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


END = {"t_ns": 5, "exit_code": 0, "cpu_ns": 3}
STAND_INS = """
import json, os, sys, time
def tell(event, **details):
    print(json.dumps({"event": event, **details}), flush=True)
def heard():
    return json.loads(sys.stdin.readline())
def main(run_dir):
    config = json.load(open(os.path.join(run_dir, "config.json")))
    globals()[config["behaviour"]]()
def good():
    tell("begun"); tell("ready", lead_out_s=0.0); tell("warning", message="mind")
    message = heard()
    while message["op"] == "commit":
        tell("committed", number=message["number"], failure="")
        message = heard()
    tell("done", warnings=[json.dumps(message)])
def slow():
    tell("begun"); tell("ready", lead_out_s=0.0)
    heard()
    for _ in range(5):
        time.sleep(0.1); tell("working")
    tell("done", warnings=[])
def late():
    time.sleep(0.6); good()
def sample_late():
    tell("begun"); time.sleep(0.6); tell("sampling")
    begun = heard(); tell("ready", lead_out_s=0.0); heard(); tell("done", warnings=[json.dumps(begun)])
def hang():
    tell("begun"); tell("ready", lead_out_s=0.0); time.sleep(60)
def hang_in_a_driver():
    tell("begun"); time.sleep(60)
def never_begin():
    time.sleep(60)
def die():
    tell("begun"); print("RuntimeError: boom", file=sys.stderr)
def refuse():
    tell("begun"); tell("failed", message="the disk is full"); time.sleep(60)
def refuse_to_commit():
    tell("begun"); tell("committed", number=heard()["number"], failure="the disk is full"); heard(); tell("done")
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a stand-in; what takes seconds of patience takes tenths here."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.3)
    monkeypatch.setattr(module, "START_PATIENCE_S", 5.0)
    (tmp_path / "stand_ins.py").write_text(STAND_INS)
    run_dir = tmp_path / "run"
    run_dir.mkdir()

    def started(behaviour: str) -> OwnCollector:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return OwnCollector({"run_dir": str(run_dir), "behaviour": behaviour}, environment, "stand_ins")

    return started


def test_it_commits_as_often_as_asked_and_hears_the_end(start: Any) -> None:
    collector = start("good")

    committed = [collector.commit(), collector.commit()]
    result = collector.finish(END)

    assert committed == ["", ""]
    assert result.failure == ""
    assert result.warnings == ('{"op": "end", "t_ns": 5, "exit_code": 0, "cpu_ns": 3}',)
    assert collector.warnings == ["mind"]


@pytest.mark.parametrize("behaviour", ["slow", "late"])
def test_one_that_works_or_is_still_being_loaded_is_waited_for(start: Any, behaviour: str) -> None:
    assert start(behaviour).finish(END).failure == ""


@pytest.mark.parametrize("behaviour", ["hang", "hang_in_a_driver"])
def test_one_that_hangs_is_given_up_soon_and_ended(start: Any, behaviour: str) -> None:
    collector = start(behaviour)
    while not (collector._has_begun or collector._hear()):
        time.sleep(0.01)
    began_s = time.monotonic()

    result = collector.finish(END)

    assert result.failure == "the collector has said nothing for 0.3 s and was ended"
    assert time.monotonic() - began_s < 2.0
    is_gone(collector)


def test_one_that_never_begins_is_given_up_later(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_PATIENCE_S", 1.0)

    result = start("never_begin").finish(END)

    assert result.failure == "the collector has said nothing for 0.3 s and was ended"


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [("die", "the collector ended early (RuntimeError: boom)"), ("refuse", "the disk is full")],
)
def test_one_that_fails_says_why(start: Any, behaviour: str, failure: str) -> None:
    collector = start(behaviour)

    assert collector.commit() == failure
    assert collector.finish(END).failure == failure
    collector.abandon()


def test_a_block_waits_for_the_first_reading_and_tells_when_it_begins(start: Any) -> None:
    collector = start("sample_late")

    collector.await_sampling()
    collector.begin(7, 8)

    assert collector._is_sampling
    assert collector.finish(END).warnings == ('{"op": "begin", "t_ns": 7, "unix_ns": 8}',)


@pytest.mark.parametrize("behaviour", ["hang_in_a_driver", "die", "refuse"])
def test_a_block_begins_without_a_reading_that_does_not_come(
    start: Any, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLING_PATIENCE_S", 2.0 if behaviour == "die" else 0.3)
    collector = start(behaviour)

    collector.await_sampling()

    assert not collector._is_sampling
    collector.abandon()


def test_a_commit_may_fail_and_the_run_go_on(start: Any) -> None:
    collector = start("refuse_to_commit")

    assert collector.commit() == "the disk is full"
    assert collector.finish(END).failure == ""


def test_a_run_folder_that_is_gone_holds_nobody_up(start: Any, tmp_path: Path) -> None:
    collector = start("good")
    collector.commit()
    for path in (tmp_path / "run").iterdir():
        path.unlink()

    result = collector.finish(END)

    assert result.failure == "the collector has said nothing for 0.3 s and was ended"
    is_gone(collector)
