"""Validations that forget `model.eval()`, in programs without stages; and what only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

NET = """
from torch import nn
def net():
    return nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 64))
x = torch.randn(512, 64)
def step(model, loss):
    loss.backward()
    with torch.no_grad():  # by hand: the first optimizer of a process imports for two seconds
        for weight in model.parameters():
            if weight.grad is not None:
                weight -= 0.001 * weight.grad
                weight.grad = None
"""
FORGETS = """
model, checked = net(), 0.0
for _ in range(4):
    for part in x.split(64):
        step(model, model(part).square().mean())
    with torch.no_grad():
        for part in x.split(32):
            checked += float(model(part).mean())
"""
DOES_NOT = FORGETS.replace("    with torch", "    model.eval()\n    with torch").replace(
    "for _ in range(4):", "for _ in range(4):\n    model.train()"
)
"""Some calls of the training are without gradients for a good reason, in training mode."""
OTHERS = """
from torch.optim.swa_utils import update_bn
generator, judge, teacher, averaged, sampler, cached = net(), net(), net(), net(), net(), net()
for _ in range(4):
    for part in x.split(64):
        with torch.no_grad():
            made = generator(part)
            views = [teacher(part), teacher(-part)]
        step(judge, judge(made).mean() + (judge(part) - sum(views)).square().mean())
        step(generator, judge(generator(part)).mean())
    update_bn(x.split(64), averaged)
    with torch.no_grad():
        for part in x.split(64):
            judge(part)
    with torch.no_grad():
        spread = torch.stack([sampler(x) for _ in range(5)]).std(0)
"""
CACHED = """
cached = net()
for _ in range(8):
    with torch.no_grad():
        parts = [cached(part) for part in x.split(64)]
    for part in x.split(64):
        step(cached, cached(part).square().mean())
"""
"""Results of all parts come first, without gradients, then each part again with them."""


def test_a_validation_in_training_mode_is_found_without_any_stage(profiled: Any, found: Any) -> None:
    (finding,) = found(profiled(NET + FORGETS, torch=True), "train_mode_in_inference")

    assert finding["offenders"] == ["evaluation/Sequential"]
    assert "BatchNorm1d, Dropout" in finding["evidence"]


@pytest.mark.parametrize("program", [DOES_NOT, OTHERS, CACHED], ids=["eval mode", "parts of steps", "cached passes"])
def test_calls_that_are_no_validation_or_have_its_mode_are_not(profiled: Any, found: Any, program: str) -> None:
    assert found(profiled(NET + program, torch=True), "train_mode_in_inference") == []
