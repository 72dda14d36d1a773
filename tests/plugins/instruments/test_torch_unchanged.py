"""What a program computes, and what it can see of itself, is the same to the last bit while it is recorded."""

from __future__ import annotations

import copy
import io
import pickle
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

from energyprof_plugins.instruments.torch_loader import TorchLoader
from energyprof_plugins.instruments.torch_modules import TorchModules
from energyprof_plugins.instruments.torch_optimizer import TorchOptimizer

X = torch.ones(2, 4)


@contextmanager
def recorded(events: Any) -> Iterator[Any]:
    instruments = [TorchModules(), TorchOptimizer(), TorchLoader()]
    for instrument in instruments:
        instrument.install(events)
    try:
        yield events
    finally:
        for instrument in reversed(instruments):
            instrument.remove()


class Block(nn.Module):
    """A residual block whose activations work in place, and whose input is changed in place by its caller."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


def convolutions() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), Block(8), Block(8), nn.Flatten(), nn.LazyLinear(3))
    x = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        copy.deepcopy(net).eval()
        net(x)
    return net, (x,)


def encoder(training: bool) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.1)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).train(training), (torch.randn(2, 5, 16),)


def recurrent() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    return nn.LSTM(8, 8, 2, dropout=0.5), (torch.randn(5, 2, 8),)


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.block = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return checkpoint(self.block, x, use_reentrant=self.reentrant)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor, depth: int = 2) -> torch.Tensor:
        return self.layer(x) if not depth else self(self.layer(x).tanh(), depth - 1)


CASES: dict[str, Callable[[], tuple[nn.Module, tuple[torch.Tensor, ...]]]] = {
    "convolutions with in-place activations": convolutions,
    "encoder in training": lambda: encoder(True),
    "encoder in eval mode": lambda: encoder(False),
    "recurrent, tuple output": recurrent,
    "checkpointed, reentrant": lambda: (Checkpointed(True), (torch.randn(4, 8, requires_grad=True),)),
    "checkpointed": lambda: (Checkpointed(False), (torch.randn(4, 8, requires_grad=True),)),
    "shared and re-entrant": lambda: (Shared(), (torch.randn(4, 8),)),
}


def trained(make: Callable[[], tuple[nn.Module, tuple[torch.Tensor, ...]]], autocast: bool) -> list[torch.Tensor]:
    """Return outputs, gradients, weights after two steps, and the next random numbers."""
    torch.manual_seed(7)
    net, inputs = make()
    optimizer = torch.optim.AdamW(net.parameters())
    found = []
    for _ in range(2):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            result = net(*inputs)
        output = result[0] if isinstance(result, tuple) else result
        output.float().square().mean().backward()
        optimizer.step()
        found += [output.detach().clone(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)]
    return [*found, *(p.detach() for p in net.parameters()), torch.randn(3)]


RUNS = [(case, autocast) for case in CASES for autocast in (False, True)]
RUNS.remove(("recurrent, tuple output", True))  # torch has no LSTM of bfloat16 on every processor


@pytest.mark.parametrize(("case", "autocast"), RUNS)
def test_outputs_gradients_weights_and_random_numbers(sink: Any, case: str, autocast: bool) -> None:
    bare = trained(CASES[case], autocast)

    with recorded(sink):
        seen = trained(CASES[case], autocast)

    assert any("~" in word for word in sink.told())
    assert len(bare) == len(seen)
    assert all(torch.equal(one, other) for one, other in zip(bare, seen, strict=True))


def operators(run: Callable[[], object]) -> list[str]:
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run()
    return [event.name for event in profiler.events() if event.name.startswith("aten::")]


@pytest.mark.parametrize("case", ["encoder in eval mode", "encoder in training"])
def test_the_same_operators_are_chosen(sink: Any, case: str) -> None:
    torch.manual_seed(1)
    net, inputs = CASES[case]()

    def run() -> None:
        with torch.set_grad_enabled(net.training):
            output = net(*inputs)
        if net.training:
            output.sum().backward()

    run()
    bare = operators(run)
    with recorded(sink):
        run()
        seen = operators(run)

    assert seen == bare
    assert ("aten::_transformer_encoder_layer_fwd" in seen) is not net.training


class Failing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        warnings.warn("told by a layer", stacklevel=3)
        return nn.functional.relu(x) @ x.missing


def failure() -> tuple[str, list[str], int]:
    """Return the traceback of a failing layer, where its warning points to and how deep the stack was."""
    depths: list[int] = []

    class Deep(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            depths.append(len(traceback.extract_stack(sys._getframe())))
            return x

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            nn.Sequential(nn.Linear(4, 4), Deep(), nn.Sequential(Failing()))(X)
        except AttributeError:
            return traceback.format_exc(), [f"{one.filename}:{one.lineno}" for one in caught], depths[0]
    raise AssertionError("it did not fail")


def test_tracebacks_warnings_and_the_depth_of_the_stack(sink: Any) -> None:
    bare = failure()

    with recorded(sink):
        seen = failure()

    assert seen == bare
    sink.told()  # every span was ended


def test_a_call_that_somebody_else_has_replaced_is_recorded_all_the_same(sink: Any) -> None:
    original, seen = nn.Module.__call__, []

    def replaced(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        seen.append(type(self).__name__)
        return original(self, *args, **kwargs)

    nn.Module.__call__ = replaced
    try:
        with recorded(sink):
            nn.ReLU()(X)
            with pytest.raises(TypeError) as error:
                nn.ReLU()()
    finally:
        nn.Module.__call__ = original

    assert sink.told() == ["+ReLU", "-ReLU"] * 2
    assert seen == ["ReLU", "ReLU"]
    assert not [entry for entry in error.traceback if "energyprof_plugins" in str(entry.path)]


def test_modes_and_subclasses_of_the_program_see_no_question_of_ours(sink: Any) -> None:
    class Watching(torch.overrides.TorchFunctionMode):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.seen.append(getattr(func, "__name__", str(func)))
            return func(*args, **(kwargs or {}))

    class Subclass(torch.Tensor):
        seen: list[str] = []  # noqa: RUF012 - of the class, on purpose

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            cls.seen.append(getattr(func, "__name__", str(func)))
            return super().__torch_function__(func, types, args, kwargs)

    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))

    def run() -> list[str]:
        Subclass.seen.clear()
        with Watching() as watching:
            net(X).sum().backward()
        net(X.as_subclass(Subclass)).sum().backward()
        return [*watching.seen, "|", *Subclass.seen]

    bare = run()
    with recorded(sink):
        seen = run()

    assert seen == bare
    assert "+~Sequential.0" in sink.told()


def test_hooks_of_others_run_as_ever(sink: Any) -> None:
    def run() -> list[str]:
        seen: list[str] = []
        net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
        net[0].register_forward_pre_hook(lambda *_: seen.append("before"))
        net[0].register_forward_hook(lambda *_: seen.append("after"), always_call=True)
        net[1].register_full_backward_hook(lambda *_: seen.append("backward"))
        handle = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(type(module).__name__))
        net(X.clone().requires_grad_()).sum().backward()
        handle.remove()
        return seen

    bare = run()
    with recorded(sink):
        assert run() == bare


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, of `jvp`
def test_functional_transforms(sink: Any) -> None:
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
    weights = dict(net.named_parameters())
    xs = torch.randn(5, 4)

    def loss(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(net, weights, (x,)).square().sum()

    def run() -> list[torch.Tensor]:
        each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, xs)
        value, pushed = torch.func.jvp(lambda x: loss(weights, x), (xs,), (torch.ones_like(xs),))
        jacobian = torch.func.jacrev(lambda x: torch.func.functional_call(net, weights, (x,)))(xs[0])
        return [*each.values(), value, pushed, jacobian]

    bare = run()
    with recorded(sink):
        seen = run()

    assert all(torch.equal(one, other) for one, other in zip(bare, seen, strict=True))
    assert "+Sequential.0" in sink.told()


def test_copies_pickles_and_saved_states_know_nothing_of_it(sink: Any) -> None:
    torch.manual_seed(3)
    net, optimizer = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True)), None

    with recorded(sink):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        out = net(X)
        out.sum().backward()
        optimizer.step()
        for pickled in (pickle.dumps(net), pickle.dumps(optimizer), pickle.dumps(net.state_dict())):
            assert b"energyprof" not in pickled
        twin, saved = copy.deepcopy(net), io.BytesIO()
        torch.save(net, saved)
        assert sorted(vars(twin)) == sorted(vars(net))
        assert out._backward_hooks is None
    again = torch.load(io.BytesIO(saved.getvalue()), weights_only=False)

    assert b"energyprof" not in saved.getvalue()
    assert torch.equal(twin(X), net(X))
    assert torch.equal(again(X), net(X))


def test_a_loader_gives_the_same_batches(sink: Any) -> None:
    def batches() -> list[torch.Tensor]:
        torch.manual_seed(5)
        loader = DataLoader(TensorDataset(torch.arange(6)), batch_size=2, shuffle=True)
        return [batch for _ in range(2) for (batch,) in loader]

    bare = batches()
    with recorded(sink):
        seen = batches()

    assert all(torch.equal(one, other) for one, other in zip(bare, seen, strict=True))


def test_everything_is_as_before_once_removed(sink: Any) -> None:
    def state() -> list[object]:
        from torch.utils.data.dataloader import _BaseDataLoaderIter

        owners = [nn.Module, torch.autograd, torch.autograd.graph, torch.optim.Optimizer, torch.optim.SGD]
        owners += [DataLoader, _BaseDataLoaderIter, torch]
        return [vars(owner).copy() for owner in owners]

    torch.optim.SGD([nn.Parameter(X)], lr=0.1)  # torch itself wraps `step` now
    before = state()
    with recorded(sink):
        torch.optim.SGD([nn.Parameter(X)], lr=0.1).step()
        assert state() != before

    assert state() == before
