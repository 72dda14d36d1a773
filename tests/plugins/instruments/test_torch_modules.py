"""torch modules become stages by themselves, and the program's results stay bit-identical."""

from __future__ import annotations

import copy
import gc
import io
import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from energyprof.model.events import WORK
from energyprof_plugins.instruments.torch_modules import VAIN_SEARCHES, TorchModules


class Sink:
    """A SpanSink that keeps everything in this test."""

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self.rows: dict[str, dict[str, object]] = {}
        self.events: dict[int, list[int]] = {}
        self.renew: list[Callable[[], None]] = []
        self.facts: dict[str, dict[str, str | int]] = {}

    @property
    def ext(self) -> Callable[[tuple[int, int]], None]:
        mine = self.events.setdefault(threading.get_ident(), [])
        return lambda event: mine.append(event[0])

    def extend(self) -> Callable[[tuple[int, int]], None]:
        return self.ext

    def local(self) -> object:
        return self

    def on_fork(self, call: Callable[[], None]) -> None:
        self.renew.append(call)

    def tell(self, code: int, facts: dict[str, str | int]) -> None:
        self.facts.setdefault(self.names[code], {}).update(facts)

    def stage_code(self, name: str, **more: object) -> int:
        if name not in self.names:
            self.names.append(name)
            self.rows[name] = more
        return self.names.index(name)

    def told(self) -> list[str]:
        """Return this thread's events since the last call."""
        codes = self.events.pop(threading.get_ident(), [])
        return [("+" if code > 0 else "-") + self.names[abs(code)] for code in codes if code < WORK]


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    instrument = TorchModules()
    instrument.install(sink)
    yield sink
    instrument.remove()


class Net(nn.Module):
    def __init__(self, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder = encoder or nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x))


X = torch.ones(1, 4)
FORWARD = ["+Net", "+Net.encoder", "+Net.encoder.0", "-Net.encoder.0", "+Net.encoder.1", "-Net.encoder.1"]
FORWARD += ["-Net.encoder", "+Net.head", "-Net.head", "-Net"]


def renamed(words: list[str], name: str) -> list[str]:
    return [word.replace("Net", name, 1) for word in words]


def test_modules_are_named_by_their_place_below_the_root(sink: Sink) -> None:
    net = Net()

    net(X)
    net(X)

    assert sink.told() == FORWARD * 2
    assert sink.rows["Net"] == {
        "kind": "module",
        "module": True,
        "file": __file__,
        "line": Net.forward.__code__.co_firstlineno,
    }


def test_a_second_living_root_is_numbered_and_a_dead_ones_name_is_used_again(sink: Sink) -> None:
    first, second = Net(), Net()
    first(X)
    second(X)
    told = sink.told()
    del second
    gc.collect()
    third, fourth = Net(), copy.deepcopy(first)

    third(X)
    fourth(X)

    assert told == FORWARD + renamed(FORWARD, "Net#2")
    assert sink.told() == renamed(FORWARD, "Net#2") + renamed(FORWARD, "Net#3")


def test_a_part_called_first_is_renamed_when_its_root_is_seen(sink: Sink) -> None:
    net = Net()

    net.encoder(X)
    net(X)
    net.encoder[0](X)

    alone = ["+Sequential", "+Sequential.0", "-Sequential.0", "+Sequential.1", "-Sequential.1", "-Sequential"]
    assert sink.told() == [*alone, *FORWARD, "+Net.encoder.0", "-Net.encoder.0"]
    other = nn.Sequential(nn.Linear(4, 4))
    other(X)
    assert sink.told() == ["+Sequential", "+Sequential.0", "-Sequential.0", "-Sequential"]


def test_a_module_added_later_belongs_to_its_root(sink: Sink) -> None:
    net = Net()
    net(X)
    sink.told()

    net.encoder.append(nn.Tanh())
    net(X)

    assert "+Net.encoder.2" in sink.told()


def test_shared_modules_keep_their_first_name(sink: Sink) -> None:
    shared = nn.Sequential(nn.Linear(4, 4))
    twice = nn.Sequential(shared, shared)
    twice(X)
    words = ["+Sequential.0", "+Sequential.0.0", "-Sequential.0.0", "-Sequential.0"]
    assert sink.told() == ["+Sequential", *words, *words, "-Sequential"]

    net = Net(shared)
    net(X)

    assert sink.told() == ["+Net", *words, "+Net.head", "-Net.head", "-Net"]


def test_modules_made_at_every_step_are_not_looked_for_for_ever(sink: Sink) -> None:
    net = Net()
    net(X)
    sink.told()

    for _ in range(VAIN_SEARCHES + 5):
        nn.MSELoss()(X, X)

    assert sink.told() == ["+MSELoss", "-MSELoss"] * (VAIN_SEARCHES + 5)


def test_an_exception_in_forward_ends_every_span_and_shows_no_frame_of_ours(sink: Sink) -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2") as error:
        Net()(torch.ones(1, 7))

    assert sink.told() == [*FORWARD[:4], "-Net.encoder", "-Net"]
    assert not [entry for entry in error.traceback if entry.path.name == "torch_modules.py"]


def test_threads_share_names_and_keep_their_own_spans(sink: Sink) -> None:
    net = Net()
    told: list[list[str]] = []

    def work() -> None:
        for _ in range(20):
            net(X)
        told.append(sink.told())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told == [FORWARD * 20] * 4


def training_run() -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.BatchNorm1d(16), nn.Linear(16, 4))
    output = net(torch.randn(32, 8))
    output.square().mean().backward()
    return output.detach(), [parameter.grad for parameter in net.parameters()], torch.randn(4)


def test_outputs_gradients_and_random_numbers_are_bit_identical() -> None:
    bare = training_run()
    instrument = TorchModules()
    instrument.install(Sink())

    recorded = training_run()

    instrument.remove()
    assert torch.equal(bare[0], recorded[0])
    assert all(torch.equal(left, right) for left, right in zip(bare[1], recorded[1], strict=True))
    assert torch.equal(bare[2], recorded[2])


def test_modules_carry_no_trace_of_it(sink: Sink) -> None:
    net = Net()
    before = sorted(vars(net))
    net(X)

    saved = io.BytesIO()
    torch.save(net.state_dict(), saved)

    assert sorted(vars(net)) == before
    assert sorted(vars(copy.deepcopy(net))) == before
    assert sorted(net.state_dict()) == ["encoder.0.bias", "encoder.0.weight", "head.bias", "head.weight"]


def test_modules_are_not_kept_alive(sink: Sink) -> None:
    import weakref

    net = Net()
    net(X)
    reference = weakref.ref(net)

    del net
    gc.collect()

    assert reference() is None


def test_the_encoders_fast_path_and_foreign_hooks_stay(sink: Sink) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    seen = []

    with torch.no_grad():
        encoder(torch.zeros(1, 3, 8))
    fast = sink.told()
    handle = encoder.register_forward_hook(lambda *_: seen.append("hook"))
    with torch.no_grad():
        encoder(torch.zeros(1, 3, 8))
    handle.remove()

    assert not [word for word in fast if "self_attn" in word]
    assert seen == ["hook"]


def test_compiled_modules_run_and_are_named_like_the_model(sink: Sink) -> None:
    net = Net()
    expected = net(X)
    sink.told()

    compiled = torch.compile(net, backend="eager", fullgraph=True)

    assert torch.equal(compiled(X), expected)
    assert sink.told() == ["+Net", "-Net"]
    net.compile(backend="eager", fullgraph=True)
    assert torch.equal(net(X), expected)
    torch._dynamo.reset()


def test_remove_restores_torch_and_silences_what_was_kept() -> None:
    original = nn.Module.__call__
    sink, instrument = Sink(), TorchModules()
    instrument.install(sink)
    kept = nn.Module.__call__

    instrument.remove()
    instrument.remove()
    result = kept(nn.ReLU(), X)

    assert nn.Module.__call__ is original
    assert torch.equal(result, X)
    assert sink.told() == []


def test_a_real_program_records_its_layers(recording: object) -> None:
    program = recording.run(  # type: ignore[attr-defined]  # the fixture's file belongs to no package
        "import torch\nfrom torch import nn\nfrom energyprof import stage\n"
        "net = nn.Sequential(nn.Linear(4, 4), nn.ReLU())\n"
        "with stage('infer'):\n    net(torch.ones(1, 4))\n",
        flags=["-W", "error"],
        instruments=[
            ("torch_modules", "torch", "energyprof_plugins.instruments.torch_modules:TorchModules", ""),
        ],
    )

    assert (program.returncode, program.stderr, program.log) == (0, "", "")
    assert program.spool.told() == [
        *("+infer", "+Sequential", "1 samples", "+Sequential.0", "-Sequential.0", "+Sequential.1", "-Sequential.1"),
        *("gives", "records gradients", "1 samples", "-Sequential", "-infer"),
    ]
    assert program.spool.named("Sequential.0")["module"] is True


def test_what_a_module_is_and_its_first_call_are_told_once(sink: Sink) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    net(torch.zeros(7, 2))
    net(torch.zeros(9, 2))

    assert sink.facts["Sequential.0"] == {
        "module_class": "Linear",
        "parameters": 9,
        "flops_of_first_call": 7 * 2 * 2 * 3,
    }
