"""Calls of models between training steps that nothing goes backward to, as real loops of torch make them."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pytest

from energyprof.collect.convert_backward import BackwardCalls
from energyprof.collect.convert_spans import Handled
from energyprof.model.events import CALL
from energyprof_plugins.instruments.torch_loader import TorchLoader
from energyprof_plugins.instruments.torch_modules import TorchModules

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


class Order:
    """A SpanSink that keeps the calls of models with the stage open at each, in the order in which they come."""

    def __init__(self) -> None:
        self.names = [""]
        self.rows: list[tuple[int, int, int]] = []
        self.open: dict[int, list[int]] = {}

    @property
    def ext(self):
        thread = threading.get_ident()
        open_ = self.open.setdefault(thread, [])

        def take(event):
            code = event[0]
            if code >= CALL:
                self.rows.append((list(self.open).index(thread), open_[-1] if open_ else -1, code))
            elif 0 < code < len(self.names):
                open_.append(code)
            elif code < 0:
                open_.pop()

        return take

    def local(self):
        return self

    def on_fork(self, _call):
        """Nobody forks here."""

    def tell(self, code, facts):
        """Nobody asks."""

    def stage_code(self, name, kind="stage", **_more):
        if (name, kind) not in self.names:
            self.names.append((name, kind))
        return self.names.index((name, kind))

    def told(self, model="Net"):
        """Return what the converter counts for a model where the program calls it."""
        lane, stage, code = np.array(self.rows, np.int64).reshape(-1, 3).T
        calls, found = BackwardCalls(), Counter()
        handled = Handled(lane, stage, code, 0 * code)
        for (_, at), unit, count in (*calls.take("1", handled, int), *calls.settle()):
            if self.names[at] == (model, "module"):
                found[unit] += count
        return found


@pytest.fixture
def order():
    sink = Order()
    instruments = [TorchModules(), TorchLoader()]
    for instrument in instruments:
        instrument.install(sink)
    yield sink
    for instrument in instruments:
        instrument.remove()


class Net(nn.Sequential):
    def __init__(self, out=4):
        super().__init__(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, out))


class Judge(Net):
    pass


X = torch.ones(24, 4)


def loader(count, batch):
    return torch.utils.data.DataLoader(X[:count], batch)


def train(net, batches):
    for x in batches:
        net(x).sum().backward()


@pytest.mark.parametrize("batches", [lambda: loader(24, 4), lambda: X.split(4)], ids=["loader", "slices"])
def test_validation_that_forgets_both_modes_is_found_without_stages(order, batches):
    net, held_out = Net(), loader(10, 4)

    for _ in range(2):
        train(net, batches())
        for x in held_out:
            net(x)

    found = order.told()
    assert (found["gradient_calls"], found["backward_calls"], found["unlearnt_calls"]) == (18, 12, 6)
    assert (found["unlearnt_rows"], found["trained_samples"]) == (2, 48)


def test_validation_that_takes_no_gradients_is_not(order):
    net = Net()

    for _ in range(2):
        train(net, loader(24, 4))
        with torch.no_grad():
            for x in loader(10, 4):
                net(x)

    assert order.told()["unlearnt_calls"] == 0
    assert order.told()["trained_samples"] == 48


def accumulation(net):
    for _ in range(3):
        sum(net(x).sum() for x in X.split(4)).backward()


def adversaries(net):
    judge = Judge()
    for x in loader(24, 4):
        judge(net(x).detach()).sum().backward()
        judge(net(x)).sum().backward()


def wasserstein(net):
    judge = Judge()
    for at, x in enumerate(loader(24, 2)):
        fake = net(x)
        mixed = judge(fake.detach().requires_grad_())
        (slope,) = torch.autograd.grad(mixed.sum(), judge[0].weight, create_graph=True)
        (judge(x).sum() + slope.sum()).backward()
        if at % 5 == 4:
            judge(net(x)).sum().backward()


def siamese(net):
    for x in loader(24, 4):
        (net(x) - net(x + 1)).pow(2).sum().backward()


def one_side_held_fast(net):
    for x in loader(24, 4):
        (net(x) - net(x + 1).detach()).pow(2).sum().backward()


def guessed_labels(net):
    for known, unknown in zip(loader(24, 4), loader(20, 4), strict=False):
        labels = net(unknown).argmax(1)
        (functional.cross_entropy(net(unknown + 1), labels) + net(known).sum()).backward()


def teacher(net):
    student = Judge()
    for x in loader(24, 4):
        (student(x) - net(x).detach()).pow(2).sum().backward()


def frozen_backbone(net):
    net.requires_grad_(False)
    head = nn.Linear(4, 2)
    for x in loader(24, 4):
        head(net(x)).sum().backward()


def head_without_module(net):
    weight = torch.ones(4, requires_grad=True)
    for x in loader(24, 4):
        (net(x).detach() @ weight).sum().backward()


def checkpoints(reentrant):
    def train_with(net):
        for x in loader(24, 4):
            out = torch.utils.checkpoint.checkpoint(net, x.requires_grad_(), use_reentrant=reentrant)
            out.sum().backward()

    return train_with


def exceptions(net):
    for at, x in enumerate(loader(24, 2)):
        try:
            out = net(x)
            if at % 4 == 2:
                raise FloatingPointError
            out.sum().backward()
        except FloatingPointError:
            continue


def failing_model(net):
    failing = net[3].register_forward_hook(lambda _module, _given, out: out / (len(out) - 4))
    for x in (*loader(24, 3), X[:4]):
        net(x).sum().backward()
    failing.remove()


def warming_up(net):
    for _ in range(5):
        net(X)
    train(net, loader(24, 4))
    net(X)


def rollouts_learnt_from_later(net):
    for _ in range(3):
        torch.stack([net(x) for x in loader(24, 4)]).sum().backward()


FAULTLESS = [
    accumulation,
    adversaries,
    wasserstein,
    siamese,
    one_side_held_fast,
    guessed_labels,
    teacher,
    frozen_backbone,
    head_without_module,
    checkpoints(True),
    checkpoints(False),
    exceptions,
    failing_model,
    warming_up,
    rollouts_learnt_from_later,
]


@pytest.mark.parametrize("program", FAULTLESS, ids=lambda program: program.__qualname__)
def test_calls_that_serve_training_are_not_found(order, program):
    program(Net())

    assert order.rows
    assert [name for name, _ in map(tuple, order.names[1:]) if order.told(name)["unlearnt_calls"]] == []


def test_a_model_trained_by_steps_of_its_parts_has_the_samples_that_were_gone_back_for(order):
    net = Net()

    train(net, loader(24, 4))
    net(X)

    assert order.told()["trained_samples"] == 24
