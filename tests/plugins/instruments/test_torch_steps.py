"""Steps that are passed over: the model alone is recorded, results stay the same, and threads do not mix."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from energyprof_plugins.instruments.torch_modules import TorchModules

REASON = "layers are recorded in some calls only, to stay within 3 %"
NONE, ALL = 0.0, 1.1
X = torch.ones(2, 4)


class Sampled:
    """Wraps the sink of these tests by one that governs."""

    def __init__(self, events: Any) -> None:
        self.events = events
        self.source: Any = None
        self.forked: list[Callable[[], None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.events, name)

    def governs(self, source: Any) -> None:
        self.source = source

    def on_fork(self, call: Callable[[], None]) -> None:
        self.forked.append(call)

    def added_ns(self, _recorded: Callable[[], object], _bare: Callable[[], object]) -> float:
        return 1000.0

    def record(self, part: float) -> None:
        self.source.sample_steps(part, REASON)

    def begun(self, thread: int | None = None) -> list[str]:
        """Return what has begun in a thread since the last call; everything that began has ended."""
        return [word[1:] for word in self.events.told(thread) if word.startswith("+")]


@pytest.fixture
def sampled(sink: Any) -> Iterator[Sampled]:
    sampled = Sampled(sink)
    instrument = TorchModules()
    instrument.install(sampled)
    yield sampled
    instrument.remove()


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Dropout()), nn.Linear(4, 1))


LAYERS = ["Sequential", "Sequential.0", "Sequential.0.0", "Sequential.0.1", "Sequential.1"]
BACKWARD = ["~backward", "~Sequential", "~Sequential.1", "~Sequential.0", "~Sequential.0.1", "~Sequential.0.0"]
PASSED_OVER = ["Sequential", "<layers not recorded>"]


def test_a_step_passed_over_records_the_model_and_one_stage_for_all_its_layers(sampled: Sampled, net: Any) -> None:
    net(X)
    sampled.record(NONE)
    sampled.begun()

    net(X).sum().backward()

    assert sampled.begun() == [*PASSED_OVER, "~backward", "~Sequential", "~<layers not recorded>"]
    for sign in ("", "~"):
        assert sampled.events.facts[f"{sign}<layers not recorded>"] == {"passed_over": REASON}


@pytest.mark.parametrize("is_trained", [True, False])
def test_a_step_that_is_drawn_is_recorded_whole(sampled: Sampled, net: Any, is_trained: bool) -> None:
    net(X)
    sampled.record(ALL)
    sampled.begun()

    with torch.set_grad_enabled(is_trained):
        out = net(X)
    if is_trained:
        out.sum().backward()

    assert sampled.begun() == [*LAYERS, *(BACKWARD if is_trained else [])]


def test_steps_are_drawn_by_a_generator_of_our_own(sampled: Sampled, net: Any) -> None:
    net(X)
    sampled.record(0.25)
    sampled.begun()
    random.seed(1)
    state = random.getstate()

    with torch.no_grad():
        for _ in range(400):
            net(X)

    begun = sampled.begun()
    assert begun.count("Sequential") == 400
    assert begun.count("<layers not recorded>") + begun.count("Sequential.1") == 400
    assert 60 < begun.count("Sequential.1") < 140
    assert random.getstate() == state


@pytest.mark.parametrize("part", [NONE, 0.5, ALL])
def test_outputs_gradients_and_random_numbers_stay_the_same(sink: Any, net: Any, part: float) -> None:
    def steps() -> list[torch.Tensor]:
        torch.manual_seed(3)
        found = []
        for _ in range(6):
            net.zero_grad()
            out = net(torch.randn(3, 4))
            out.square().sum().backward()
            found += [out.detach(), *(one.grad.clone() for one in net.parameters())]
        return [*found, torch.rand(2)]

    bare = steps()
    sampled, instrument = Sampled(sink), TorchModules()
    instrument.install(sampled)
    sampled.record(part)
    seen = steps()
    instrument.remove()

    assert all(torch.equal(one, other) for one, other in zip(bare, seen, strict=True))


def test_a_step_that_fails_ends_and_the_next_one_is_drawn_anew(sampled: Sampled, net: Any) -> None:
    net(X)
    sampled.record(NONE)
    net(X)
    sampled.begun()

    with pytest.raises(RuntimeError, match="shapes"):
        net(torch.ones(2, 3))
    sampled.record(ALL)
    with torch.no_grad():
        net(X)

    assert sampled.begun() == [*PASSED_OVER, *LAYERS]


def test_a_call_that_goes_on_when_sampling_begins_is_recorded_to_its_end(sampled: Sampled) -> None:
    class Beginning(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sampled.record(NONE)
            return x

    net = nn.Sequential(Beginning(), nn.Sequential(nn.Tanh()), nn.Tanh())

    net(X)
    net(X)

    first = ["Sequential", "Sequential.0", "Sequential.1", "Sequential.1.0", "Sequential.2"]
    assert sampled.begun() == [*first, *PASSED_OVER]


def test_threads_have_steps_of_their_own(sampled: Sampled) -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Waiting(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            inside.set()
            assert go_on.wait(30)
            return x

    held, free = nn.Sequential(Waiting()), nn.Sequential(nn.Sequential(nn.Tanh()), nn.Tanh())
    sampled.record(NONE)
    thread = threading.Thread(target=held, args=(X,))
    thread.start()
    assert inside.wait(30)
    sampled.record(ALL)

    free(X)
    go_on.set()
    thread.join()

    assert len(sampled.begun()) == 4
    assert sampled.begun(thread.ident) == ["Sequential", "<layers not recorded>"]


def test_a_layer_called_again_by_a_checkpoint_is_a_step_of_its_own(sampled: Sampled) -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.Linear(4, 4), nn.Tanh())

        def forward(self, x: torch.Tensor) -> Any:
            return checkpoint(self.block, x, use_reentrant=False)

    net = Checkpointed()
    net(X)
    sampled.record(NONE)
    sampled.begun()

    net(X).sum().backward()

    assert sampled.begun()[-2:] == ["Checkpointed.block", "<layers not recorded>"]


def test_a_forked_child_knows_only_the_thread_that_it_has(sampled: Sampled, net: Any) -> None:
    sampled.record(NONE)
    thread = threading.Thread(target=net, args=(X,))
    thread.start()
    thread.join()
    net(X)
    at = sampled.source._steps.at
    at[-2] = 0  # the thread of a number that the child may give to another

    for call in sampled.forked:
        call()

    assert set(at) == {-1, threading.get_ident()}


def test_nothing_is_passed_over_once_removed(sink: Any, net: Any) -> None:
    sampled, instrument = Sampled(sink), TorchModules()
    instrument.install(sampled)
    sampled.record(NONE)
    instrument.remove()
    again = TorchModules()
    again.install(sink)

    net(X)
    again.remove()

    assert [word for word in sink.told() if word.startswith("+")] == [f"+{name}" for name in LAYERS]
