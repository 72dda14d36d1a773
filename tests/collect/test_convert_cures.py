"""What processes tell of delays and repeated calls becomes one account, on one clock, and survives the file."""

from __future__ import annotations

import json

import pytest

from energyprof.capture.facts import cures_json, cures_of
from energyprof.collect.convert_cures import CureLog
from energyprof.collect.convert_lanes import LaneTable
from energyprof.collect.convert_process import Process
from energyprof.collect.convert_stages import StageTable
from energyprof.errors import CaptureError
from energyprof.model.cures import Cures, Dephasing, Repeats, Thing, Visit

DEPHASE = {"low_ns": 1, "high_ns": 9, "delays": 3, "delay_ns": 12, "main_ns": 10}
EXPECTED = Cures(
    Dephasing(1, 9, 5, 20, 10),
    Repeats(50, 10, (Thing("Net.fc", "module", 1_040),), (Visit(0, 1_100, 1_150, 7),), (("f", "why"),), is_cut=False),
)


def process(spool: str, parent: str | None) -> Process:
    one = Process(spool, StageTable(10), LaneTable(None))
    head = {"pid": 5, "monotonic_ns": 1_000, "perf_counter_ns": 0, "parent_spool": parent}
    one.take_head(head)
    one.take_name({"code": 4, "name": "Net.fc", "kind": "module", "module": True})
    return one


def told() -> CureLog:
    log = CureLog()
    first, child = process("5-1", None), process("6-1", "5-1")
    log.take(first, {"dephase": {**DEPHASE, "delays": 1}})
    log.take(child, {"dephase": {**DEPHASE, "delays": 2, "delay_ns": 8, "main_ns": 8}})
    log.take(first, {"dephase": DEPHASE})  # figures are sums so far: the later ones count
    log.take(first, {"visits": [[4, 100, 150, 7]]})
    return log


def test_delays_add_up_and_visits_get_names_and_the_clock_of_the_run() -> None:
    log = told()
    repeat = {"visit_ns": 50, "rounds": 10, "seen": [[4, 40]], "skipped": [["f", "why"]], "is_cut": False}

    log.take(process("5-1", None), {"repeat": repeat})

    assert log.cures() == EXPECTED


def test_a_phase_that_never_told_its_end_was_cut_off() -> None:
    cures = told().cures()

    assert cures is not None
    assert cures.repeats is not None
    assert cures.repeats.is_cut
    assert cures.repeats.visits == (Visit(0, 1_100, 1_150, 7),)


def test_nothing_told_is_none() -> None:
    assert CureLog().cures() is None


def test_facts_come_back_as_they_were_and_damaged_ones_are_refused() -> None:
    text = json.dumps(cures_json(EXPECTED))

    assert cures_of(json.loads(text)) == EXPECTED
    with pytest.raises(CaptureError):
        cures_of({"repeats": {"visit_ns": 1, "things": [], "visits": [[3, 0, 1, 1]]}})
