"""Inference as if it were training: gradients recorded for nobody, layers in training mode."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

MODEL = """
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        parts = [part for _ in range(6) for part in (nn.Linear(64, 64), nn.Dropout(0.3), nn.ReLU())]
        self.layers = nn.Sequential(*parts)
    def forward(self, x):
        return self.layers(x)
net = Net()
x = torch.randn(256, 64)
"""
WITH_GRADIENTS = """
net.eval()
with energyprof.stage("serve"):
    for _ in range(300):
        net(x)
"""
WITHOUT = WITH_GRADIENTS.replace("net.eval()", "net.eval()\ntorch.set_grad_enabled(False)")
TRAINING = """
with energyprof.stage("serve"):
    for _ in range(60):
        net(x).sum().backward()
        with torch.no_grad():  # by hand: the first optimizer of a process imports for two seconds
            for weight in net.parameters():
                weight -= 0.1 * weight.grad
"""
FROZEN = WITH_GRADIENTS.replace("net.eval()", "net.eval().requires_grad_(False)")
BOTH_IN_TURNS = """
for _ in range(20):
    {faulty_mode}
    with energyprof.stage("faulty"), torch.set_grad_enabled({faulty_records}):
        for _ in range(20):
            net(x)
    net.eval()
    with energyprof.stage("mended"), torch.no_grad():
        for _ in range(20):
            net(x)
"""
"""Two ways in turns in one process: what else goes on in the machine slows down both."""
IN_TRAINING_MODE = WITHOUT.replace("net.eval()", "net.train()")


def test_gradients_nobody_asks_for_are_found_and_their_saving_comes_true(
    profiled: Any, profiled_once: Any, found: Any, saved_in_turns: Any
) -> None:
    faulty = profiled(MODEL + WITH_GRADIENTS, torch=True)
    mended = profiled_once(MODEL + WITHOUT)

    (finding,) = found(faulty, "gradients_in_inference")
    assert finding["offenders"] == ["serve/Net"]
    assert "300 calls of Net" in finding["evidence"]
    (net,) = [row for row in faulty["stages"] if row["stage"] == "serve/Net"]
    assert finding["now_j"] == pytest.approx(net["total_sum"]["energy_j"])
    least_j, most_j = finding["saving_j"]
    assert 0 < least_j < most_j < finding["now_j"]
    in_turns = BOTH_IN_TURNS.format(faulty_mode="net.eval()", faulty_records=True)
    saved = saved_in_turns(profiled(MODEL + in_turns, torch=True))
    margin = 0.2
    assert least_j / finding["now_j"] - margin < saved < most_j / finding["now_j"] + margin
    assert found(mended, "gradients_in_inference") == []


@pytest.mark.parametrize("program", [TRAINING, FROZEN], ids=["training", "frozen weights"])
def test_gradients_that_are_used_or_not_recorded_are_no_fault(profiled: Any, found: Any, program: str) -> None:
    report = profiled(MODEL + program, torch=True)

    assert found(report, "gradients_in_inference") == []
    assert found(report, "train_mode_in_inference") == []


def test_training_mode_without_training_is_found_and_its_saving_comes_true(
    profiled: Any, profiled_once: Any, found: Any, saved_in_turns: Any
) -> None:
    faulty = profiled(MODEL + IN_TRAINING_MODE, torch=True)
    mended = profiled_once(MODEL + WITHOUT)

    (finding,) = found(faulty, "train_mode_in_inference")
    assert finding["offenders"] == ["serve/Net"]
    assert "(Dropout)" in finding["evidence"]
    least_j, most_j = finding["saving_j"]
    in_turns = BOTH_IN_TURNS.format(faulty_mode="net.train()", faulty_records=False)
    saved = saved_in_turns(profiled(MODEL + in_turns, torch=True))
    margin = 0.2
    assert 0 < least_j < most_j
    assert least_j / finding["now_j"] - margin < saved < most_j / finding["now_j"] + margin
    assert found(mended, "train_mode_in_inference") == []
