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
TRAINED_AND = """
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(5):
    with energyprof.stage("train"):
        for _ in range(2):
            net(x).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
"""
FORGOTTEN = """
    with energyprof.stage("validate"):
        for _ in range(20):
            net(x)
"""
"""Neither `eval()` nor `no_grad()`: the commonest way to have the fault."""
TRAINED_AND_VALIDATED_IN_TURNS = """
optimizer = torch.optim.SGD(net.parameters(), lr=0.001)
for _ in range(10):
    for _ in range(5):
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()
    for _ in range(20):
        net(x)
    net.eval()
    with torch.no_grad():
        for _ in range(20):
            net(x)
    net.train()
"""
"""A validation that forgets both modes and one that has them, in turns between the steps of one loop."""
WITH_BOTH = """
    net.eval()
    with energyprof.stage("validate"), torch.no_grad():
        for _ in range(20):
            net(x)
    net.train()
"""
LEGITIMATE = """
teacher = Net().requires_grad_(False)
generator, judge = Net(), Net()
def step(loss):
    loss.backward()
for _ in range(5):
    with energyprof.stage("student"):
        wanted = teacher(x)
        with torch.no_grad():
            known = generator(x)
        step((net(x) - wanted).sum())
    with energyprof.stage("judge"):
        step(judge(generator(x).detach()).sum())
    with energyprof.stage("rollout"):
        answers = [net(x) for _ in range(3)]
    with energyprof.stage("learn"):
        step(torch.stack(answers).sum())
"""
"""A teacher that is in training mode itself, a generator while its judge learns, rollouts that are learnt from later.
"""
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


def test_validation_that_forgets_both_modes_is_found_beside_training(profiled: Any, found: Any) -> None:
    faulty = profiled(MODEL + TRAINED_AND + FORGOTTEN, torch=True)
    mended = profiled(MODEL + TRAINED_AND + WITH_BOTH, torch=True)

    for rule in ("gradients_in_inference", "train_mode_in_inference"):
        (finding,) = found(faulty, rule)
        assert finding["offenders"] == ["validate/Net"]
        assert "no backward pass came to any of these" in finding["evidence"]
        assert found(mended, rule) == []
    validation = next(row for row in faulty["stages"] if row["stage"] == "validate/Net")
    assert found(faulty, "gradients_in_inference")[0]["now_j"] == pytest.approx(validation["total_sum"]["energy_j"])


def test_validation_without_a_stage_is_found_between_steps_and_what_its_modes_save_comes_true(
    profiled: Any, found: Any
) -> None:
    report = profiled(MODEL + TRAINED_AND_VALIDATED_IN_TURNS, "--max-overhead", "off", torch=True)

    (modes,), (gradients,) = (found(report, f"{what}_in_inference") for what in ("train_mode", "gradients"))
    rows = {row["stage"]: row for row in report["stages"]}
    part = rows["Net"]["facts"]["unlearnt_ns"] / 1e9 / rows["Net"]["wall_s"]
    assert "200 of 250 calls of Net, in 10 rows between the steps of its training, " in modes["evidence"]
    assert modes["offenders"] == gradients["offenders"] == ["Net"]
    assert modes["now_j"] == pytest.approx(gradients["now_j"])
    assert gradients["now_j"] == pytest.approx(part * rows["Net"]["total_sum"]["energy_j"])
    assert report["steps"]["samples"] == 50 * 256
    mended_s = rows["evaluation/Net"]["wall_s"]
    saved = 1 - mended_s / (part * rows["Net"]["wall_s"])
    least_j = max(modes["saving_j"][0], gradients["saving_j"][0])
    margin = 0.2
    most_j = modes["saving_j"][1] + gradients["saving_j"][1]
    assert least_j / modes["now_j"] - margin < saved < most_j / modes["now_j"] + margin


def test_calls_that_serve_training_are_no_inference(profiled: Any, found: Any) -> None:
    report = profiled(MODEL + LEGITIMATE, torch=True)

    assert found(report, "gradients_in_inference") == []
    assert found(report, "train_mode_in_inference") == []


def test_gradients_are_told_of_the_stage_that_has_them(profiled: Any, found: Any) -> None:
    both = BOTH_IN_TURNS.format(faulty_mode="net.eval()", faulty_records=True)

    (finding,) = found(profiled(MODEL + both, torch=True), "gradients_in_inference")

    assert finding["offenders"] == ["faulty/Net"]


def test_training_mode_without_training_is_found_and_its_saving_comes_true(
    profiled: Any, profiled_once: Any, found: Any, saved_in_turns: Any
) -> None:
    faulty = profiled(MODEL + IN_TRAINING_MODE, "--max-overhead", "off", torch=True)
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
