"""What the rules for devices say of an H200, by facts that one told: its idle power, its use, its model's precision.

Read of an H200 in November 2026 (`energyprof run` of BERT and of a ResNet): 82 and 91 W idle, 700 W at most, compute
capability 9.0, used by its driver's account for 2 to 10 % of each second while small layers were launched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from energyprof.interfaces import FinishedRun
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.report import Report
from energyprof.model.span import LANE_KINDS, Spans
from energyprof_plugins.findings.waiting_for_launches import WaitingForLaunches
from energyprof_plugins.findings.waiting_for_loader import WaitingForLoader
from energyprof_plugins.findings.wide_products import WideProducts

H200 = Domain(DomainId("gpu:0"), "nvml NVIDIA H200", "sensor", "energy", 1e-3, "device", period_ns=100_000_000)
IDLE_W = 82.2
LAUNCHING_W = 130.0
FACTS = {"device": "cuda", "matmul_runs_in": "float32", "compute_capability": "9.0"}
LAYERS, LAYER_NS = 20, 60_000
"""A call of a model of 20 layers, each of which Python and the driver take 60 us to launch."""
HOST, STREAM = 0, 1


@pytest.fixture
def serving(sample: Any) -> Any:
    """Return what makes the run of 4 s in a stage `serve` that calls a model, its kernels so long."""

    def make(kernel_ns: int, busiest: float | None = 0.1) -> FinishedRun:
        calls = round(4e9 / (LAYERS * LAYER_NS))
        layers = tuple(
            sample.Part(f"Net.{number}", (LAUNCHING_W * 4 / LAYERS,), kind="module", calls=calls)
            for number in range(LAYERS)
        )
        net = sample.Part("Net", (0.0,), layers, kind="module", calls=calls)
        report = sample.make_report([sample.Part("serve", (0.0,), (net,))], (H200,), wall_s=8.0)
        use = {} if busiest is None else {"utilization_ratio": dict.fromkeys(("first", "min", "mean", "max"), busiest)}
        report = replace(
            report,
            domains=tuple(replace(row, baseline_w=IDLE_W, facts=use) for row in report.domains),
            stages=tuple(replace(row, facts=FACTS if row.name == "Net" else row.facts) for row in report.stages),
        )
        return FinishedRun(report, lambda: _trace(report, calls, kernel_ns))

    return make


def _trace(report: Report, calls: int, kernel_ns: int) -> Any:
    """Return the host's spans, and the device's: dated at once where it had nothing to do, else once that is done."""
    stage, start, end = [0], [0], [calls * LAYERS * LAYER_NS]
    for call in range(calls):
        begun_ns = call * LAYERS * LAYER_NS
        stage += [1, *range(2, 2 + LAYERS)]
        start += [begun_ns, *(begun_ns + at * LAYER_NS for at in range(LAYERS))]
        end += [begun_ns + LAYERS * LAYER_NS, *(begun_ns + (at + 1) * LAYER_NS for at in range(LAYERS))]
    behind = max(kernel_ns - LAYER_NS, 0) / LAYER_NS  # how much later it is done, by each ns of launching
    lag = np.array([start, end]) * behind + 8_000
    dated = (np.array([start, end]) + lag).astype(np.int64)
    return _recorded(report, [(HOST, stage, start, end), (STREAM, stage, *dated)])


def _recorded(report: Report, lanes: Sequence[tuple[int, Any, Any, Any]]) -> Any:
    """Return as much of a trace as the rules ask for: spans of a thread and of a stream, (lane, stage, start, end)."""
    lane = np.concatenate([np.full(len(stage), number) for number, stage, _, _ in lanes]).astype(np.int32)
    stage, start, end = (np.concatenate([np.asarray(one[at]) for one in lanes]) for at in (1, 2, 3))
    place = {row.stage: index for index, row in enumerate(report.stages)}
    parents = [None if row.parent is None else place[row.parent] for row in report.stages]
    return SimpleNamespace(
        counted=None,
        domains=(H200,),
        stages=[
            SimpleNamespace(id=row.stage, name=row.name, kind=row.kind, parent=parent)
            for row, parent in zip(report.stages, parents, strict=True)
        ],
        lanes=SimpleNamespace(
            pid=np.array([7, 7]),
            tid=np.array([7, 0]),
            kind=np.array([LANE_KINDS.index("thread"), LANE_KINDS.index("device")]),
        ),
        spans=Spans(
            stage.astype(np.int32), lane, start.astype(np.int64), end.astype(np.int64),
            np.full(len(lane), -1, np.int32), np.zeros(len(lane), np.bool_),
        ),
    )  # fmt: skip


def test_small_launches_save_at_least_what_it_idles_by_its_drivers_highest_figure(serving: Any) -> None:
    (finding,) = WaitingForLaunches().find(serving(kernel_ns=5_000))

    assert finding.offenders == ("serve",)
    assert finding.now_j == pytest.approx(LAUNCHING_W * 4)
    assert "its driver never saw it work more than 10 % of the time" in finding.evidence
    least_j, most_j = finding.saving_j
    assert least_j == pytest.approx(IDLE_W * 4 * 0.9, rel=0.01)
    assert most_j == pytest.approx(LAUNCHING_W * 4, rel=0.01)


def test_small_launches_may_save_nothing_where_the_driver_tells_no_use(serving: Any) -> None:
    (finding,) = WaitingForLaunches().find(serving(kernel_ns=5_000, busiest=None))

    assert finding.saving_j == (0.0, pytest.approx(LAUNCHING_W * 4, rel=0.01))


def test_kernels_that_take_longer_than_their_launches_are_no_fault(serving: Any) -> None:
    assert list(WaitingForLaunches().find(serving(kernel_ns=70_000))) == []


def test_float32_of_a_model_too_short_to_tell_apart_is_hinted_at_by_its_time(sample: Any) -> None:
    def found(wall_s: float) -> list[Any]:
        layer = sample.Part("Net.0", (5.0,), kind="module", calls=60, refused=True)
        report = sample.make_report(
            [sample.Part("Net", (1.0,), (layer,), kind="module", calls=60, refused=True)], (H200,)
        )
        facts = {"Net": FACTS, "Net.0": {"module_class": "Linear"}}
        rows = [
            replace(
                row,
                facts=facts[row.stage],
                wall_s=wall_s,
                total_sum=replace(row.total_sum, energy_j=None, share=None),
                self_sum=replace(row.self_sum, energy_j=None, share=None),
            )
            for row in report.stages
        ]
        run = replace(report.run, wall_s=12.2)
        report = replace(report, stages=tuple(rows), run=run)
        return list(WideProducts().find(FinishedRun(report, lambda: _recorded(report, [(HOST, [0], [0], [1])]))))

    (finding,) = found(wall_s=0.86)
    assert finding.is_hint
    assert finding.now_j is None
    assert finding.evidence.endswith("its device (compute capability 9.0) has units for TF32 and bfloat16")
    assert found(wall_s=0.2) == []


@pytest.mark.parametrize(
    ("idle_part", "is_fault"), [(1.0, True), (0.0, False)], ids=["a device that waits, too", "a device still at work"]
)
def test_waiting_for_the_loader_counts_where_the_device_has_nothing_left_to_do(
    sample: Any, idle_part: float, is_fault: bool
) -> None:
    parts = [sample.Part("loader", (400.0,), kind="loader", calls=1), sample.Part("Net", (300.0,), kind="module")]
    report = sample.make_report(parts, (H200,), wall_s=10.0)
    report = replace(
        report,
        domains=tuple(replace(row, baseline_w=IDLE_W) for row in report.domains),
        stages=tuple(replace(row, self_wall_s=6.0 if row.name == "loader" else 3.0) for row in report.stages),
    )
    second = 1_000_000_000
    host = (HOST, [0, 1], [0, 6 * second], [6 * second, 9 * second])
    done_ns = round(6 * second * (1 - idle_part))  # when it had done what was launched before
    stream = (STREAM, [0, 1], [done_ns, 6 * second], [6 * second, 9 * second])

    found = list(WaitingForLoader().find(FinishedRun(report, lambda: _recorded(report, [host, stream]))))

    assert [one.saving_j for one in found] == ([(0.0, pytest.approx(IDLE_W * 4.0))] if is_fault else [])
