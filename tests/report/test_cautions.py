"""Warnings: said where there is cause, once, in one line with a remedy; silent otherwise."""

from dataclasses import replace

import numpy as np
import pytest

from energyprof.model.attribution import Attribution, DomainAttribution, EnergyColumns, LedgerLine, StageTimes
from energyprof.model.domain import Domain
from energyprof.model.span import Stage
from energyprof.model.trace import Flows, RecorderFacts, RunFacts
from energyprof.report.cautions import cautions

SENSOR = Domain("cpu:0:package", "rapl package-0", "sensor", "energy", 1e-6, "cpu")
MODEL = Domain("cpu", "load_model (EPYC)", "model", "energy", 1e-6, "cpu")
REPLAYED = Domain("cpu", "replay power.csv", "sensor", "power", 1e-3, "cpu")
RUN = RunFacts(("python", "a.py"), 0, 0, 1_000, 0)
QUIET = RecorderFacts(polls=1000, late_polls=10)


def found(domain, *, unattributed_j=2.0, failures=0, baseline_w=10.0, covered_ns=1_000):
    none = EnergyColumns(*(np.zeros(0) for _ in range(6)), (), np.zeros(0))
    ledger = LedgerLine(domain.id, 100.0, 98.0, 0.0, 0.0, 0.0, unattributed_j) if covered_ns else None
    return DomainAttribution(
        domain.id, none, none, (), ledger, baseline_w, None, 1, 500, failures, 0, 1_000, covered_ns
    )  # fmt: skip


def said(domain=SENSOR, recorder=QUIET, stages=(), recorded=(), warnings=(), **facts):
    times = StageTimes(*(np.zeros(0, np.int64) for _ in range(5)))
    attribution = Attribution(1, (found(domain, **facts),), times, Flows.none(), Flows.none(), warnings)
    return cautions(RUN, recorder, (domain,), stages, attribution, recorded)


def test_a_measured_run_without_trouble_is_silent():
    assert said() == ()


@pytest.mark.parametrize(
    ("cause", "fact"),
    [
        ({"domain": MODEL}, "no power sensor was read"),
        ({"domain": REPLAYED}, "replayed from a file"),
        ({"unattributed_j": 2.1}, "2.1 % of its energy could not be attributed"),
        ({"unattributed_j": -30.0}, "-30.0 % of its energy"),
        ({"failures": 3}, "3 of 500 reads failed and are gaps"),
        ({"covered_ns": 800}, "its readings cover 8e-07 of 1e-06 s"),
        ({"covered_ns": 0}, "no reading covers any of the run, so its energy is not known and in no figure"),
        ({"covered_ns": 0, "failures": 500}, "all of its reads failed, so its energy is not known"),
        ({"baseline_w": None}, "the idle power is unknown"),
        ({"recorder": replace(QUIET, dropped=7), "stages": (Stage("a", "a", ("a",), None),)}, "7 events were lost"),
        ({"recorder": replace(QUIET, late_polls=11)}, "11 of 1000 polls"),
        ({"recorder": replace(QUIET, recorder_s=2e-7, spans=9)}, "recording took 20 % of the run for 9 spans"),
        ({"stages": (Stage("<other>", "<other>", ("<other>",), None),)}, "more stage names than are kept apart"),
        ({"recorded": ("the disk\nwas full; free some",)}, "the disk was full; free some"),
        ({"warnings": ("too few windows; run longer",)}, "too few windows; run longer"),
    ],
)
def test_a_cause_is_one_line_with_fact_and_remedy(cause, fact):
    (line,) = said(**cause)

    assert fact in line
    assert ";" in line or ":" in line
    assert "\n" not in line


def test_a_few_polls_or_a_cheap_recorder_are_not_worth_a_word():
    assert said(recorder=RecorderFacts(polls=99, late_polls=50)) == ()
    assert said(recorder=replace(QUIET, recorder_s=1e-7)) == ()


def test_lost_stages_are_said_with_their_cause():
    lost = replace(QUIET, dropped=4, lost_because="File too large")

    assert said(recorder=lost)[1].startswith("all stages were lost (File too large), so the energy stands outside")


def test_the_same_warning_is_said_once():
    assert said(recorded=("full; free some", "full; free some"), warnings=("full;  free some",)) == ("full; free some",)


def test_failures_whose_cause_was_recorded_are_not_said_again():
    cause = "cpu:0:package: 3 of 500 reads failed (NO_PERMISSION); they are gaps, not zeros"

    assert said(failures=3, recorded=(cause,)) == (cause,)


def test_a_model_knows_what_it_has_missed():
    assert said(domain=MODEL, covered_ns=800) == said(domain=MODEL)


def test_a_modelled_domain_knows_its_baseline_by_definition():
    assert len(said(domain=MODEL, baseline_w=None)) == 1


def test_what_two_sensors_have_in_common_is_one_line():
    domains = tuple(replace(SENSOR, id=f"gpu:{number}") for number in (9, 10))
    times = StageTimes(*(np.zeros(0, np.int64) for _ in range(5)))
    parts = tuple(found(domain, failures=3 + at) for at, domain in enumerate(domains))

    (line,) = cautions(RUN, QUIET, domains, (), Attribution(1, parts, times, Flows.none(), Flows.none(), ()), ())

    assert line.startswith("gpu:9, gpu:10: 3 to 4 of 500 reads failed and are gaps")


@pytest.mark.parametrize(
    ("measured_j", "warned"), [(0.2, "less than such a device draws when idle"), (2e5, "more than any"), (200.0, "")]
)
def test_imported_power_in_the_wrong_unit_is_warned_about(measured_j, warned):
    gpu = Domain("gpu:0", "import power.csv", "sensor", "power", 1e-3, "device")
    part = replace(found(gpu), covered_ns=1_000_000_000, ledger=LedgerLine("gpu:0", measured_j, measured_j, 0, 0, 0, 0))
    times = StageTimes(*(np.zeros(0, np.int64) for _ in range(5)))
    attribution = Attribution(1, (part,), times, Flows.none(), Flows.none(), ())

    lines = cautions(replace(RUN, versions={"imported": "spans"}), QUIET, (gpu,), (), attribution, ())
    recorded = cautions(RUN, QUIET, (gpu,), (), attribution, ())

    assert any(warned in line and "check the unit" in line for line in lines) == bool(warned)
    assert not any("check the unit" in line for line in recorded)
