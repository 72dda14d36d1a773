"""The backward pass is recorded module by module, nested as the forward was, and never out of balance."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from energyprof_plugins.instruments.torch_backward import MARKS_TOGETHER, TorchBackward
from energyprof_plugins.instruments.torch_modules import TorchModules

X = torch.ones(2, 4)


def at_work(events: Any, what: str) -> type[torch.autograd.Function]:
    """Return a function whose backward leaves a word, so that it shows in which stage its work fell."""

    class Work(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            events.note(what)
            return gradient * 1

    return Work


class Worker(nn.Module):
    """A leaf whose backward leaves a word."""

    def __init__(self, events: Any, what: str) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.work = at_work(events, what)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.work.apply(x * self.scale)


class Residual(nn.Module):
    def __init__(self, events: Any) -> None:
        super().__init__()
        self.first = Worker(events, "first")
        self.second = Worker(events, "second")
        self.between = at_work(events, "between")
        self.after = at_work(events, "after")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after.apply(x + self.second(self.between.apply(self.first(x))))


def test_each_modules_work_falls_into_its_backward_and_functions_into_that_of_their_module(events: Any) -> None:
    net = nn.Sequential(Residual(events), nn.ReLU(inplace=True), Worker(events, "head"))
    loss = at_work(events, "loss").apply(net(X).sum())
    events.told()

    loss.backward()

    assert events.backward() == [
        *("+backward", "(loss)", "+Sequential", "+Sequential.2", "(head)", "-Sequential.2"),
        *("+Sequential.1", "-Sequential.1", "+Sequential.0", "(after)"),
        *("+Sequential.0.second", "(second)", "-Sequential.0.second", "(between)"),
        *("+Sequential.0.first", "(first)", "-Sequential.0.first", "-Sequential.0", "-Sequential", "-backward"),
    ]


def test_a_layers_backward_tells_what_it_is_and_how_large(events: Any) -> None:
    nn.Sequential(nn.Linear(4, 3))(X).sum().backward()

    assert events.facts["~Sequential.0"] == {
        "module_class": "Linear",
        "parameters": 15,
    }
    assert "~backward" not in events.facts


def test_a_module_used_twice_goes_backward_twice(events: Any) -> None:
    shared = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    nn.Sequential(shared, shared)(X).sum().backward()

    words = events.backward()

    once = [
        "+Sequential.0",
        "+Sequential.0.1",
        "-Sequential.0.1",
        "+Sequential.0.0",
        "-Sequential.0.0",
        "-Sequential.0",
    ]
    assert words == ["+backward", "+Sequential", *once, *once, "-Sequential", "-backward"]


@dataclasses.dataclass
class Answer:
    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...]


SHAPES = {
    "tuple": lambda y: (y, y.detach()),
    "dict": lambda y: {"logits": y, "mask": None},
    "ordered dict": lambda y: OrderedDict(logits=y),
    "dataclass": lambda y: Answer(y, ()),
    "nested": lambda y: ([{"logits": (y,)}],),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_of_every_shape_are_found(events: Any, shape: str) -> None:
    class Shaped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Linear(4, 4)
            self.kept: list[torch.Tensor] = []

        def forward(self, *, x: torch.Tensor) -> object:
            y = self.part(x).tanh()
            self.kept.append(y)
            return SHAPES[shape](y)

    net = Shaped()
    net(x=X)
    net.kept[0].sum().backward()

    assert events.backward() == [
        *("+backward", "+Shaped", "+Shaped.part", "-Shaped.part", "-Shaped", "-backward"),
    ]


def test_what_needs_no_gradient_has_no_backward(events: Any) -> None:
    frozen, head = nn.Linear(4, 4).requires_grad_(False), nn.Linear(4, 4)
    nn.Sequential(frozen, nn.Identity(), head)(X).sum().backward()

    assert events.backward() == [
        *("+backward", "+Sequential", "+Sequential.2", "-Sequential.2", "-Sequential", "-backward"),
    ]


@pytest.mark.parametrize("start", ["tensor", "function", "grad", "batched"])
def test_every_way_to_start_autograd_is_recorded(events: Any, start: str) -> None:
    net = nn.Linear(4, 1)
    out = net(X)
    ways = {
        "tensor": lambda: out.sum().backward(),
        "function": lambda: torch.autograd.backward([out], [torch.ones(2, 1)]),
        "grad": lambda: torch.autograd.grad(out.sum(), list(net.parameters())),
        "batched": lambda: torch.autograd.grad(out, net.weight, torch.ones(3, 2, 1), is_grads_batched=True),
    }

    ways[start]()

    assert events.backward() == ["+backward", "+Linear", "-Linear", "-backward"]


def test_a_graph_that_is_kept_is_recorded_again(events: Any) -> None:
    loss = nn.Linear(4, 1)(X).sum()

    loss.backward(retain_graph=True)
    loss.backward()

    assert events.backward() == ["+backward", "+Linear", "-Linear", "-backward"] * 2


def test_gradients_of_gradients_are_recorded(events: Any) -> None:
    x = X.clone().requires_grad_()
    (first,) = torch.autograd.grad(nn.Sequential(nn.Linear(4, 1), nn.Tanh())(x).sum(), x, create_graph=True)
    events.told()

    first.square().sum().backward()

    words = events.backward()
    assert words[0] == "+backward"
    assert words.count("+Sequential.1") == 1


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_recompute_is_a_forward_inside_the_backward(events: Any, reentrant: bool) -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return checkpoint(self.block, x, use_reentrant=reentrant)

    net = Checkpointed()
    loss = net(X.clone().requires_grad_()).sum()
    events.told()

    loss.backward()

    words = events.told()
    assert [word for word in words if "~backward" in word] == ["+~backward", "-~backward"]
    assert words.count("+Checkpointed.block") == 1
    for part in ("block.0", "block.1", "block.2"):
        assert words.count(f"+~Checkpointed.{part}") == 1
    assert words.count("+~Checkpointed") == 1
    assert words.index("+~Checkpointed") < words.index("+Checkpointed.block")


def test_an_exception_in_backward_closes_everything_and_shows_no_frame_of_ours(events: Any) -> None:
    class Breaking(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("broken")

    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    loss = net(Breaking.apply(X.clone().requires_grad_())).sum()
    events.told()

    with pytest.raises(RuntimeError, match="broken") as error:
        loss.backward()

    assert events.told()[-1] == "-~backward"
    assert not [entry for entry in error.traceback if "energyprof_plugins" in str(entry.path)]


def test_a_backward_within_a_forward_stays_within(events: Any) -> None:
    class Stepping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Linear(4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            loss = self.part(x).sum()
            loss.backward()
            return loss.detach()

    Stepping()(X)

    assert events.told() == [
        *("+Stepping", "+Stepping.part", "-Stepping.part", "+~backward", "+~Stepping", "+~Stepping.part"),
        *("-~Stepping.part", "-~Stepping", "-~backward", "-Stepping"),
    ]


def test_threads_go_backward_on_their_own(events: Any) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    told: list[list[str]] = []

    def work() -> None:
        for _ in range(10):
            net(X).sum().backward()
        told.append(events.backward())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    once = ["+Sequential.1", "-Sequential.1", "+Sequential.0", "-Sequential.0"]
    assert told == [["+backward", "+Sequential", *once, "-Sequential", "-backward"] * 10] * 4


def test_forwards_of_several_threads_go_backward_together(events: Any) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    outputs: list[torch.Tensor] = []
    threads = [threading.Thread(target=lambda: outputs.append(net(X))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    torch.stack(outputs).sum().backward()

    assert events.backward().count("+Sequential.0") == 3


def test_a_device_thread_of_autograds_has_a_backward_of_its_own(events: Any) -> None:
    class Elsewhere(torch.autograd.Function):
        """Has its node's marks met in another thread, as autograd does with those of a device."""

        marks: Any = None
        ident = 0

        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            def run() -> None:
                Elsewhere.ident = threading.get_ident()
                for mark in Elsewhere.marks.values():
                    mark(gradient)

            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
            return gradient

    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    seen: list[Any] = []
    original = TorchBackward._reached

    class Watched(TorchBackward):
        def _reached(self, marks: Any, place: int, gradient: object) -> None:
            node = torch._C._current_autograd_node()

            def later(gradient: object) -> None:
                self._node_reached = lambda: node
                original(self, marks, place, gradient)

            seen.append(later)

    backward = Watched(events, lambda code: events.stage_code(events.stages[code][0], kind="backward"))
    backward.install()
    here = backward.mine.here
    out = net(X)
    backward.leave(here, (None, events.stage_code("Sequential", kind="module"), 0), out, backward.made())
    out.sum().backward(retain_graph=True)
    Elsewhere.marks = dict(enumerate(seen))
    events.told()

    Elsewhere.apply(X.clone().requires_grad_()).sum().backward()

    backward.remove()
    assert events.told(Elsewhere.ident) == ["+~backward", "+~Sequential", "-~Sequential", "-~backward"]


def test_where_autograd_does_not_say_where_it_is_the_same_is_recorded(events: Any) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    others = type(events)()

    older = TorchBackward(others, lambda code: others.stage_code(others.stages[code][0], kind="backward"))
    older._node_reached = None
    older.install()
    here = older.mine.here
    x = X
    for at, layer in enumerate(net):
        call = (None, others.stage_code(f"Sequential.{at}", kind="module"), 0)
        older.arrive(here, None, (x,), {}, older.made())
        x = nn.Module.__call__(layer, x)
        older.leave(here, call, x, older.made())
    x.sum().backward()
    older.remove()

    layers = [f"{sign}Sequential.{at}" for at in (2, 1, 0) for sign in "+-"]
    assert others.backward() == ["+backward", *layers, "-backward"]


def test_more_nodes_than_share_a_hook_are_each_known(events: Any) -> None:
    net = nn.Sequential(*(nn.Linear(4, 4) for _ in range(2 * MARKS_TOGETHER)))

    net(X).sum().backward()

    names = [word[1:] for word in events.backward() if word.startswith("+Sequential.")]
    assert names == [f"Sequential.{at}" for at in reversed(range(2 * MARKS_TOGETHER))]


def test_marks_left_on_a_graph_do_nothing_once_removed(events: Any) -> None:
    others, instrument = type(events)(), TorchModules()
    instrument.install(others)
    loss = nn.Linear(4, 1)(X).sum()
    instrument.remove()
    others.told()

    loss.backward()

    assert others.told() == []


def test_programs_hooks_on_tensors_and_nodes_stay_theirs(events: Any) -> None:
    seen: list[str] = []
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    out = net(X)
    out.register_hook(lambda gradient: seen.append("tensor") or gradient * 2)
    out.grad_fn.register_prehook(lambda gradients: seen.append("node"))
    net[0].register_full_backward_hook(lambda *_: seen.append("module"))
    assert out._backward_hooks is not None
    assert net(X)._backward_hooks is None

    out.sum().backward()

    assert seen == ["tensor", "node"]
