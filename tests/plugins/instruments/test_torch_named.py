"""A model that the program has named: its name and depth hold wherever it is called, and nothing of it is touched."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from energyprof.interfaces import NamingInstrument, RepeatSource
from energyprof.model.events import WORK
from energyprof_plugins.instruments.torch_modules import TorchModules
from energyprof_plugins.instruments.torch_tree import tree

X = torch.ones(2, 4)


class Sink:
    """A SpanSink that keeps everything in this test."""

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self.facts: dict[str, dict[str, str | int]] = {}
        self.events: dict[int, list[int]] = {}

    @property
    def ext(self) -> Callable[[tuple[int, int]], None]:
        mine = self.events.setdefault(threading.get_ident(), [])
        return lambda event: mine.append(event[0])

    def extend(self) -> Callable[[tuple[int, int]], None]:
        return self.ext

    def local(self) -> object:
        return self

    def on_fork(self, call: Callable[[], None]) -> None:
        pass

    def tell(self, code: int, facts: dict[str, str | int]) -> None:
        self.facts.setdefault(self.names[code], {}).update(facts)

    def stage_code(self, name: str, **_more: object) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def told(self) -> list[str]:
        """Return this thread's events since the last call, an end as the name with a minus."""
        codes = self.events.pop(threading.get_ident(), [])
        return [("" if code > 0 else "-") + self.names[abs(code)] for code in codes if code < WORK]

    def called(self) -> list[str]:
        """Return whose calls began in this thread since the last call."""
        return [word for word in self.told() if not word.startswith("-")]


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def instrument(sink: Sink) -> Iterator[TorchModules]:
    instrument = TorchModules()
    instrument.install(sink)
    yield instrument
    instrument.remove()


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


BLOCKS = [f"bert.blocks.{number}{part}" for number in "01" for part in ("", ".inner", ".inner.0", ".inner.1")]
ALL = ["bert", *BLOCKS, "bert.head"]


def test_the_instrument_for_torch_can_name() -> None:
    assert isinstance(TorchModules(), NamingInstrument)
    assert TorchModules().name_root(Net(), "bert", None) == "bert"
    TorchModules().unname_root(Net())


def test_a_named_model_has_its_name_from_the_next_call_until_it_is_taken_back(
    sink: Sink, instrument: TorchModules
) -> None:
    net = Net()
    net(X)
    before = sink.called()

    name = instrument.name_root(net, "bert", None)
    net(X)
    named = sink.called()
    instrument.unname_root(net)
    instrument.unname_root(net)
    net(X)

    assert name == "bert"
    assert named == ALL
    assert sink.called() == before == [word.replace("bert", "Net") for word in ALL]


@pytest.mark.parametrize(
    ("depth", "recorded"),
    [
        (0, ["bert"]),
        (1, ["bert", "bert.blocks.0", "bert.blocks.1", "bert.head"]),
        (2, [name for name in ALL if not name.endswith((".inner.0", ".inner.1"))]),
        (9, ALL),
    ],
)
def test_modules_deeper_than_asked_for_are_not_recorded(
    sink: Sink, instrument: TorchModules, depth: int, recorded: list[str]
) -> None:
    net = Net()
    expected = net(X)
    sink.told()
    instrument.name_root(net, "bert", depth)

    results = [net(X) for _ in range(2)]

    assert sink.called() == recorded * 2
    assert all(torch.equal(result, expected) for result in results)


def test_what_is_folded_counts_to_the_module_above_it(sink: Sink, instrument: TorchModules) -> None:
    net = Net()
    instrument.name_root(net, "bert", 1)

    net(X)

    assert {name: facts["parameters"] for name, facts in sink.facts.items()} == {
        "bert": 0,
        "bert.blocks.0": 4 * 4 + 4,
        "bert.blocks.1": 4 * 4 + 4,
        "bert.head": 4 * 2 + 2,
    }


def test_an_exception_in_a_folded_module_ends_the_spans_above_and_shows_no_frame_of_ours(
    sink: Sink, instrument: TorchModules
) -> None:
    net = Net()
    instrument.name_root(net, "bert", 1)

    with pytest.raises(RuntimeError, match="mat1 and mat2") as error:
        net(torch.ones(1, 7))

    assert sink.told() == ["bert", "bert.blocks.0", "-bert.blocks.0", "-bert"]
    assert not [entry for entry in error.traceback if entry.path.name == "torch_modules.py"]


def test_a_part_added_later_has_its_name_and_depth(sink: Sink, instrument: TorchModules) -> None:
    net = Net()
    instrument.name_root(net, "bert", 1)
    net(X)
    sink.told()

    net.blocks.append(Block())
    net(X)

    assert sink.called() == ["bert", "bert.blocks.0", "bert.blocks.1", "bert.blocks.2", "bert.head"]


def test_a_name_that_another_model_has_is_numbered_and_one_given_back_is_free(
    sink: Sink, instrument: TorchModules
) -> None:
    first, second, third = Net(), Net(), Net()

    names = [instrument.name_root(first, "bert", None), instrument.name_root(second, "bert", 0)]
    instrument.unname_root(first)
    names.append(instrument.name_root(third, "bert", 0))
    for net in (first, second, third):
        net(X)

    assert names == ["bert", "bert#2", "bert"]
    assert sink.called() == [*(word.replace("bert", "Net") for word in ALL), "bert#2", "bert"]


def test_what_is_folded_is_never_called_again_by_itself() -> None:
    kept: list[RepeatSource] = []

    class RepeatingSink(Sink):
        def repeats(self, source: RepeatSource) -> bool:
            kept.append(source)
            return True

    sink, instrument, net = RepeatingSink(), TorchModules(), Net()
    instrument.install(sink)
    instrument.name_root(net, "bert", 1)
    net(X)
    (source,) = kept

    repeatable, skipped = source.begin()

    source.end()
    instrument.remove()
    assert [one.name for one in repeatable] == ["bert.blocks.0", "bert.blocks.1", "bert.head"]
    assert dict(skipped) == {}


def test_taking_a_name_back_leaves_one_that_goes_on_after_a_dot(sink: Sink, instrument: TorchModules) -> None:
    first, second = Net(), Net()
    instrument.name_root(first, "bert", 0)
    instrument.name_root(second, "bert.2", 0)
    second(X)

    instrument.unname_root(first)
    second(X)

    assert sink.called() == ["bert.2", "bert.2"]


def test_without_a_name_it_is_that_of_the_class(instrument: TorchModules) -> None:
    compiled = torch.compile(Block(), backend="eager")

    assert instrument.name_root(Net(), "", None) == "Net"
    assert instrument.name_root(compiled, "", None) == "Block"


def test_inside_a_larger_model_it_keeps_its_name(sink: Sink, instrument: TorchModules) -> None:
    net = Net()
    around = nn.Sequential(net, nn.ReLU())
    around(X)
    sink.told()
    instrument.name_root(net, "bert", 0)

    around(X)
    named = sink.called()
    instrument.unname_root(net)
    around(X)

    assert named == ["Sequential", "bert", "Sequential.1"]
    assert sink.called() == ["Sequential", *(word.replace("bert", "Sequential.0") for word in ALL), "Sequential.1"]


def replica_of(module: nn.Module) -> nn.Module:
    """Copy a module as `torch.nn.parallel.replicate` does, which itself needs two GPUs."""
    replica = module._replicate_for_data_parallel()
    replica._former_parameters = {}
    for name, child in module._modules.items():
        setattr(replica, name, replica_of(child))
    for name, parameter in module._parameters.items():
        setattr(replica, name, parameter.detach().clone())
        replica._former_parameters[name] = getattr(replica, name)
    return replica


@pytest.mark.parametrize("is_called_itself", [True, False])
def test_replicas_in_threads_are_the_model(sink: Sink, instrument: TorchModules, is_called_itself: bool) -> None:
    net = Net()
    instrument.name_root(net, "bert", 1)
    if is_called_itself:
        net(X)
    told: list[list[str]] = []

    def work() -> None:
        replica_of(net)(X)
        told.append(sink.called())

    for _ in range(3):
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert told == [["bert", "bert.blocks.0", "bert.blocks.1", "bert.head"]] * 6
    assert sink.facts["bert.blocks.0"]["parameters"] == 4 * 4 + 4


def test_compiled_models_are_one_node_with_the_name(sink: Sink, instrument: TorchModules) -> None:
    net, other = Net(), Net()
    expected, compiled = net(X), torch.compile(net, backend="eager", fullgraph=True)
    compiled(X)
    sink.told()

    instrument.name_root(net, "bert", None)
    result = compiled(X)
    compiled_other = torch.compile(other, backend="eager", fullgraph=True)
    instrument.name_root(compiled_other, "gpt", 1)
    compiled_other(X)
    named = sink.called()
    instrument.unname_root(net)
    compiled(X)
    torch._dynamo.reset()

    assert torch.equal(result, expected)
    assert named == ["bert", "gpt"]
    assert sink.called() == ["Net"]


def test_copies_pickles_and_state_know_nothing_of_it(sink: Sink, instrument: TorchModules) -> None:
    net = Net()
    before, state = sorted(vars(net)), list(net.state_dict())
    instrument.name_root(net, "bert", 1)
    net(X)
    sink.told()

    saved = io.BytesIO()
    torch.save(net, saved)
    saved.seek(0)
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), torch.load(saved, weights_only=False)]

    for twin in copies:
        assert sorted(vars(twin)) == before
        assert list(twin.state_dict()) == state
        twin(X)
        assert sink.called()[0].startswith("Net")
    assert sorted(vars(net)) == before


def test_a_named_model_is_not_kept_alive(sink: Sink, instrument: TorchModules) -> None:
    net = Net()
    instrument.name_root(net, "bert", 1)
    net(X)

    del net
    gc.collect()

    assert instrument.name_root(Net(), "bert", None) == "bert"


def test_naming_while_other_threads_call_leaves_every_span_whole(sink: Sink, instrument: TorchModules) -> None:
    net = Net()
    told: list[list[str]] = []
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            net(X)
        told.append(sink.told())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for depth in [0, 1, 2, None] * 25:
        instrument.name_root(net, "bert", depth)
        net(X)
        instrument.unname_root(net)
    is_over.set()
    for thread in threads:
        thread.join()

    for words in told:
        open_now: list[str] = []
        for word in words:
            if word.startswith("-"):
                assert open_now.pop() == word[1:]
            else:
                open_now.append(word)
        assert open_now == []


def test_depth_counts_the_modules_that_can_be_called() -> None:
    net = Net()
    net.table = nn.ModuleDict({"deep": nn.ModuleList([nn.ReLU()])})

    depths = {path: depth for path, _, depth in tree(net)}

    assert [depths[path] for path in ("", "blocks", "blocks.0", "blocks.0.inner", "blocks.0.inner.1")] == [
        0,
        1,
        1,
        2,
        3,
    ]
    assert depths["table.deep.0"] == 1


def test_operations_of_layers_below_the_depth_count_to_the_layer_that_they_are_folded_into(
    sink: Sink, instrument: TorchModules
) -> None:
    whole, folded = Net(), Net()
    instrument.name_root(whole, "whole", None)
    instrument.name_root(folded, "folded", 1)

    for _ in range(2):
        whole(X)
        folded(X)

    known = sink.facts
    assert known["whole.blocks.0.inner.0"]["flops_of_first_call"] == 2 * 2 * 4 * 4
    assert "flops_of_first_call" not in known["whole.blocks.0"]
    assert known["folded.blocks.0"]["flops_of_first_call"] == 2 * 2 * 4 * 4
    assert known["folded.blocks.1"]["flops_of_first_call"] == 2 * 2 * 4 * 4
    assert known["folded.head"]["flops_of_first_call"] == known["whole.head"]["flops_of_first_call"]
    assert known["folded.blocks.0"]["parameters"] == 4 * 4 + 4
