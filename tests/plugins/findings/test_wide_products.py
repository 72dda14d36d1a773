"""A model left in float64, beside the same in float32 and one that runs in less by autocast."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energyprof.interfaces import FinishedRun
from energyprof_plugins.findings.wide_products import WideProducts

IN_TURNS = """
from torch import nn
def net(width):
    return nn.Sequential(*[part for _ in range(4) for part in (nn.Linear(width, width), nn.ReLU())]).eval()
wide, narrow, autocast = net(512).double(), net(512), net(64)
x, small = torch.randn(256, 512), torch.randn(16, 64)
double = x.double()
torch.set_grad_enabled(False)
for _ in range(15):
    with energyprof.stage("faulty"):
        for _ in range(4):
            wide(double)
    with energyprof.stage("mended"):
        for _ in range(4):
            narrow(x)
    with energyprof.stage("less"), torch.autocast("cpu", torch.bfloat16):
        for _ in range(4):
            autocast(small)
"""


@pytest.mark.slow
def test_a_model_left_in_float64_is_found_and_its_saving_comes_true(
    profiled: Any, found: Any, saved_in_turns: Any
) -> None:
    report = profiled(IN_TURNS, torch=True)

    findings = found(report, "wide_products")
    (finding,) = [one for one in findings if one["fault"] == "matrix products run in float64"]
    assert finding["offenders"] == ["faulty/Sequential"]
    least_j, most_j = finding["saving_j"]
    margin = 0.1
    assert 0 < least_j < most_j < finding["now_j"]
    assert least_j / finding["now_j"] - margin < saved_in_turns(report) < most_j / finding["now_j"] + margin
    narrow = next(row for row in report["stages"] if row["parent"] == "mended")
    others = [] if "bfloat16_unit" not in narrow["facts"] else [[narrow["stage"]]]  # of float32, where there is a unit
    assert [one["offenders"] for one in findings if one is not finding] == others


@pytest.fixture
def in_float64(sample: Any) -> Any:
    """Return what finds wide products in a run whose model is float64, by its device and the calls of its layer."""

    def find(device: str, calls: int = 100) -> list[Any]:
        layer = sample.Part("Net.0", (80.0,), kind="module", calls=calls)
        report = sample.make_report([sample.Part("Net", (20.0,), (layer,), kind="module", calls=calls)])
        facts = {"matmul_runs_in": "float64", "device": device}
        rows = tuple(replace(row, self_wall_s=5.0, facts=facts if row.name == "Net" else {}) for row in report.stages)
        return list(WideProducts().find(FinishedRun(replace(report, stages=rows))))

    return find


def test_long_calls_save_half_by_what_power_may_differ(in_float64: Any) -> None:
    (finding,) = in_float64("cpu")

    assert finding.now_j == pytest.approx(100.0)
    assert finding.saving_j == (pytest.approx(35.0), pytest.approx(65.0))


def test_calls_that_are_mostly_their_own_cost_may_save_nothing(in_float64: Any) -> None:
    (finding,) = in_float64("cpu", calls=1_000_000)

    assert finding.saving_j == (0.0, pytest.approx(65.0))


def test_of_a_gpu_it_is_a_hint_and_of_what_nobody_knows_nothing(in_float64: Any) -> None:
    (finding,) = in_float64("cuda")

    assert finding.is_hint
    assert in_float64("meta") == []
