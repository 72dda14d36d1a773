"""What processes tell of their work becomes one account, on one clock, and survives the file."""

from __future__ import annotations

import json

import pytest

from energyprof.capture.facts import told_json, told_of
from energyprof.collect.convert_lanes import LaneTable
from energyprof.collect.convert_process import Process
from energyprof.collect.convert_stages import StageTable
from energyprof.collect.convert_told import ToldLog
from energyprof.errors import CaptureError
from energyprof.model.told import Metric, Told, UnitCount


def process(spool: str) -> Process:
    one = Process(spool, StageTable(10), LaneTable(None))
    one.take_head({"pid": 5, "monotonic_ns": 1_000, "perf_counter_ns": 0, "parent_spool": None})
    return one


def test_units_of_processes_add_up_and_the_last_metric_of_all_counts() -> None:
    log, first, child = ToldLog(), process("5-1"), process("6-1")

    log.take(first, {"metrics": [["accuracy", "0.9", 50, 1]], "units": [["request", "2.0"]]})
    log.take(child, {"metrics": [["accuracy", "0.7", 40, 3]], "units": [["image", "1.5"], ["request", "10.0"]]})
    log.take(first, {"metrics": [["accuracy", "0.9", 50, 1]], "units": [["request", "5.0"]]})  # so far: it replaces

    told = Told((Metric("accuracy", 0.9, 1_050, 4),), (UnitCount("image", 1.5), UnitCount("request", 15.0)))
    assert log.told() == told
    assert told_of(json.loads(json.dumps(told_json(told)))) == told


def test_nothing_told_is_nothing() -> None:
    assert not ToldLog().told()
    assert told_of(None) == Told()


def test_facts_that_make_none_are_refused() -> None:
    with pytest.raises(CaptureError):
        told_of({"units": [{"name": "request"}]})


def test_when_the_first_and_the_last_of_all_processes_were_told_is_kept() -> None:
    log, first, child = ToldLog(), process("5-1"), process("6-1")

    log.take(first, {"metrics": [], "units": [["request", "9.0"]], "units_at": [["request", "1.0", 40, 90]]})
    log.take(child, {"metrics": [], "units": [["request", "8.0"]], "units_at": [["request", "4.0", 20, 70]]})

    (unit,) = log.told().units
    assert unit == UnitCount("request", 17.0, first_ns=1_020, first_count=4.0, last_ns=1_090)
    assert unit.later_count == 13.0
    assert told_of(json.loads(json.dumps(told_json(log.told())))) == log.told()
