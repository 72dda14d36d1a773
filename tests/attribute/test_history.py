"""Power and open stages in buckets: peaks stay, sums close, and what is not known is not zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from energyprof.attribute.history import power_history
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId, StageId
from energyprof.model.power import Readings, ThreadCpu
from energyprof.model.span import LaneRuns, Lanes, Spans, Stage
from energyprof.model.trace import Flows, RecorderFacts, RunFacts, Trace
from energyprof.model.view import Grouping

START_NS = 7_000_000_000
MS = 1_000_000
CPU = Domain(DomainId("cpu:0:package"), "rapl", "sensor", "energy", 1e-6, "cpu", period_ns=MS)


def readings(t_ms: list[float], joules: list[float], status: list[int] | None = None) -> Readings:
    t_ns = START_NS + np.array([round(t * MS) for t in t_ms], np.int64)
    raw = np.array([round(j * 1e6) for j in joules], np.int64)
    return Readings(t_ns, t_ns, raw, np.array(status or [0] * len(raw), np.uint8))


def trace_of(seen: Readings | None, spans: list[tuple[int, int, int, int]] = [], **stages: int | None) -> Trace:  # noqa: B006
    """`spans`: (stage, lane, start ms, end ms) of a run of 100 ms; `stages`: name -> parent."""
    ordered = sorted(spans, key=lambda span: (span[1], span[2], -span[3]))
    stage, lane, start, end = (np.array(column, np.int64) for column in zip(*ordered, strict=True)) if ordered else (
        [np.zeros(0, np.int64)] * 4
    )  # fmt: skip
    lanes = int(lane.max(initial=0)) + 1
    index = np.zeros(lanes, np.int32)
    none = np.zeros(0, np.int64)
    return Trace(
        run=RunFacts(("job.py",), 0, START_NS, START_NS + 100 * MS, 0),
        recorder=RecorderFacts(),
        domains=(CPU,),
        readings={} if seen is None else {CPU.id: seen},
        stages=tuple(Stage(StageId(name), name, (name,), parent) for name, parent in stages.items()),
        lanes=Lanes(index, index, np.arange(lanes), index.astype(np.uint8), index - 1, index - 1, index - 1),
        spans=Spans(
            stage.astype(np.int32), lane.astype(np.int32), START_NS + start * MS, START_NS + end * MS,
            np.full(len(stage), -1, np.int32), np.zeros(len(stage), np.bool_),
        ),
        lane_runs=LaneRuns(none.astype(np.int32), none, none),
        cpu=ThreadCpu(none.astype(np.int32), none.astype(np.int32), none, none),
        flows=Flows.none(),
    )  # fmt: skip


def test_a_peak_between_two_updates_stays_in_its_bucket_and_the_energy_closes() -> None:
    t_ms = [float(t) for t in range(101)]
    power_w = np.where(np.arange(100) == 42, 90.0, 10.0)
    joules = np.append(0.0, np.cumsum(power_w * 1e-3))

    history = power_history(trace_of(readings(t_ms, joules.tolist())), buckets=10)

    (found,) = history.domains
    assert found.high_w[4] == pytest.approx(90.0, rel=1e-6)
    assert found.low_w[4] == pytest.approx(10.0, rel=1e-6)
    assert found.mean_w[4] == pytest.approx(18.0, rel=1e-6)
    spent_j = float((found.mean_w * found.covered_share).sum()) * history.bucket_ns * 1e-9
    assert spent_j == pytest.approx(joules[-1], rel=1e-6)
    assert found.window_ns == pytest.approx(MS)


def test_what_no_reading_covers_is_unknown_and_not_zero() -> None:
    t_ms = [float(t) for t in range(51)]

    (found,) = power_history(trace_of(readings(t_ms, [t * 0.01 for t in t_ms])), buckets=10).domains

    assert found.covered_share.tolist() == pytest.approx([1.0] * 5 + [0.0] * 5)


def test_a_domain_without_any_energy_is_left_out() -> None:
    assert power_history(trace_of(None), buckets=10).domains == ()
    assert power_history(trace_of(readings([1.0], [0.5])), buckets=10).domains == ()


def test_a_stage_open_on_two_lanes_at_once_fills_a_bucket_once() -> None:
    spans = [(0, 0, 0, 15), (0, 1, 5, 25), (1, 0, 90, 95)]

    history = power_history(trace_of(None, spans, load=None, train=None), buckets=10)

    shares: dict[Any, list[float]] = {band.stage: band.open_share.tolist() for band in history.bands}
    assert shares["load"] == pytest.approx([1.0, 1.0, 0.5] + [0.0] * 7)
    assert shares["train"] == pytest.approx([0.0] * 9 + [0.5])


def test_of_a_single_outermost_stage_what_is_in_it_has_bands_and_of_many_the_longest() -> None:
    one = power_history(trace_of(None, [(0, 0, 0, 99), (1, 0, 1, 50)], program=None, load=0), buckets=4)
    assert [band.stage for band in one.bands] == ["program", "load"]

    spans = [(n, 0, 10 * n, 10 * n + 1 + n) for n in range(5)]
    many = power_history(trace_of(None, spans, a=None, b=None, c=None, d=None, e=None), buckets=4, bands=2)
    assert [band.stage for band in many.bands] == ["d", "e"]
    assert many.bands_left_out == 3


def test_stages_that_a_view_takes_for_one_have_one_band() -> None:
    spans = [(0, 0, 0, 10), (1, 0, 20, 30), (2, 1, 25, 40), (3, 0, 60, 70)]
    trace = trace_of(None, spans, **{"trial 0": None, "trial 1": None, "trial 2": None, "load": None})
    together = (replace(trace.stages[0], id=StageId("trials")), trace.stages[3])
    every = np.ones(4, np.bool_)
    view = Grouping(together, np.array([0, 3], np.int32), np.array([0, 0, 0, 1], np.int32), every, every)

    bands = {band.stage: band.open_share.tolist() for band in power_history(trace, buckets=10, grouping=view).bands}

    assert bands == {
        "trials": pytest.approx([1.0, 0.0, 1.0, 1.0] + [0.0] * 6),
        "load": pytest.approx([0.0] * 6 + [1.0] + [0.0] * 3),
    }
