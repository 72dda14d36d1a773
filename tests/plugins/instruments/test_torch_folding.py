"""Folding modules of torch: they are not recorded any more, nor is their backward, and nothing else changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from energyprof_plugins.instruments.torch_folding import ENOUGH_CALLS
from energyprof_plugins.instruments.torch_modules import TorchModules

REASON = "folded into its parent: too short to record within 3 %"


class Governed:
    """Wraps the sink of these tests by one that governs: costs are what the test says."""

    def __init__(self, events: Any) -> None:
        self.events = events
        self.source: Any = None
        self.measured: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.events, name)

    def governs(self, source: Any) -> None:
        self.source = source

    def added_ns(self, recorded: Callable[[], object], bare: Callable[[], object]) -> float:
        """Call both, so that they are known to work, and be 3000, 2000, 1000 ns in turn."""
        recorded()
        bare()
        self.measured.append(3000.0 - 1000.0 * len(self.measured))
        return self.measured[-1]


@pytest.fixture
def governed(sink: Any) -> Iterator[Governed]:
    governed = Governed(sink)
    instrument = TorchModules()
    instrument.install(governed)
    yield governed
    instrument.remove()


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True)), nn.Linear(4, 2))


def step(net: nn.Module) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Go forward and backward; return gradients and what the next random number is."""
    torch.manual_seed(1)
    net.zero_grad()
    net(torch.randn(5, 3)).square().sum().backward()
    return [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None], torch.rand(1)


def code_of(governed: Governed, name: str, kind: str = "module") -> int:
    return int(governed.events.stages.index((name, kind)))


def test_a_folded_module_is_recorded_no_longer_and_the_report_knows_why(governed: Governed, net: nn.Module) -> None:
    before = step(net)
    governed.events.told()

    governed.source.fold([code_of(governed, "Sequential.0.1")], REASON)
    after = step(net)

    words = governed.events.told()
    assert [word for word in words if word.startswith("+")] == [
        "+Sequential",
        "+Sequential.0",
        "+Sequential.0.0",
        "+Sequential.1",
        "+~backward",
        "+~Sequential",
        "+~Sequential.1",
        "+~Sequential.0",
        "+~Sequential.0.0",
    ]
    assert governed.events.facts["Sequential.0.1"]["folded"] == REASON
    assert governed.events.facts["~Sequential.0.1"]["folded"] == REASON
    assert "folded" not in governed.events.facts["Sequential.0"]
    assert all(torch.equal(one, other) for one, other in zip(before[0], after[0], strict=True))
    assert torch.equal(before[1], after[1])


def test_a_module_folded_with_its_parts_leaves_its_time_to_what_calls_it(governed: Governed, net: nn.Module) -> None:
    step(net)
    governed.events.told()

    governed.source.fold([code_of(governed, name) for name in ("Sequential.0", "Sequential.0.0", "Sequential.0.1")], "")
    step(net)

    begun = [word for word in governed.events.told() if word.startswith("+")]
    assert begun == ["+Sequential", "+Sequential.1", "+~backward", "+~Sequential", "+~Sequential.1"]


def test_a_copy_by_the_same_name_is_folded_as_well(governed: Governed, net: nn.Module) -> None:
    net(torch.zeros(1, 3))
    governed.source.fold([code_of(governed, "Sequential.1")], REASON)
    another = copy.deepcopy(net)
    del net[1]
    net.append(another[1])
    governed.events.told()

    net(torch.zeros(1, 3))

    assert "+Sequential.1" not in governed.events.told()


def test_what_a_call_costs_is_measured_with_and_without_gradients(governed: Governed, net: nn.Module) -> None:
    net.eval()
    with torch.no_grad():
        net(torch.zeros(1, 3))
    code = code_of(governed, "Sequential.1")
    assert len(set(governed.measured)) == 2
    plain_ns = governed.source.cost_ns(code)

    step(net)

    backward = code_of(governed, "Sequential.1", "backward")
    assert plain_ns < governed.source.cost_ns(code)
    assert len(set(governed.measured)) == 3
    assert governed.source.cost_ns(backward) == governed.measured[2] / 2  # of two marks
    assert governed.source.cost_ns(code_of(governed, "backward", "backward")) == 0
    assert governed.source.layer_of(backward) == code


def test_calls_cost_marks_as_far_as_autograd_records_them(governed: Governed, net: nn.Module) -> None:
    linear = "Sequential.1"
    plain_ns, marked_ns = 2000.0, 3000.0

    def cost_after(calls: Callable[[], object]) -> float:
        for _ in range(ENOUGH_CALLS):
            calls()
        return float(governed.source.cost_ns(code_of(governed, linear)))

    def infer() -> None:
        with torch.no_grad():
            net(torch.zeros(1, 3))

    def both() -> None:
        step(net)
        infer()

    assert cost_after(lambda: step(net)) == marked_ns
    assert cost_after(infer) == plain_ns
    assert cost_after(both) == (plain_ns + marked_ns) / 2
    net.requires_grad_(False)
    assert cost_after(lambda: net(torch.zeros(1, 3))) == plain_ns  # gradients are on, and there is nothing to record


def test_a_model_that_is_called_on_its_own_is_no_layer_to_fold(governed: Governed, net: nn.Module) -> None:
    step(net)

    assert governed.source.layer_of(code_of(governed, "Sequential")) == 0
    assert governed.source.layer_of(code_of(governed, "Sequential", "backward")) == 0
    assert governed.source.layer_of(code_of(governed, "Sequential.0")) > 0


def test_alike_layers_of_alike_blocks_are_kin(governed: Governed) -> None:
    blocks = nn.ModuleList(nn.Sequential(nn.Linear(2, 2), nn.Sigmoid()) for _ in range(3))
    net = nn.Sequential(*blocks)

    net(torch.zeros(1, 2))

    kins = {governed.source.kin_of(code_of(governed, f"Sequential.{block}.0")) for block in range(3)}
    assert len(kins) == 1
    assert governed.source.kin_of(code_of(governed, "Sequential.0")) not in kins


def test_marks_are_measured_after_a_pass_that_nobody_watches_and_leave_no_trace(
    governed: Governed, net: nn.Module
) -> None:
    with torch.autograd.profiler.profile():
        step(net)
    assert len(governed.measured) == 2

    before = governed.events.told()
    state = torch.get_rng_state()
    net(torch.zeros(1, 3)).sum().backward()
    measured = list(governed.measured)
    net(torch.zeros(1, 3)).sum().backward()

    assert len(measured) == 3
    assert governed.measured == measured
    assert torch.equal(torch.get_rng_state(), state)
    assert governed.events.told() == before * 2
