"""Layers are called again only where that is safe, and leave no trace in the model or in the random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from energyprof_plugins.instruments import torch_repeat
from energyprof_plugins.instruments.torch_modules import TorchModules


class Sink:
    """A SpanSink that may be asked to repeat; only names matter."""

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self.source: Any = None
        self.ext: Callable[[tuple[int, int]], None] = lambda _event: None

    def local(self) -> object:
        return self

    def on_fork(self, call: Callable[[], None]) -> None:
        pass

    def stage_code(self, name: str, **_more: object) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def tell(self, *_told: object, **_more: object) -> None:
        pass

    def repeats(self, source: Any) -> bool:
        self.source = source
        return True


class Repeated:
    """What came of repeating: names that were, and reasons of those that were not."""

    def __init__(self, sink: Sink) -> None:
        things, skipped = sink.source.begin()
        self.things = {thing.name: thing for thing in things}
        self.reasons = {**skipped}
        for thing in things:
            reason = thing.why_not()
            if reason:
                self.reasons[thing.name] = reason
            else:
                thing.call(3)
        sink.source.end()

    def fine(self) -> set[str]:
        return {*self.things} - {*self.reasons}


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    instrument = TorchModules()
    instrument.install(sink)  # type: ignore[arg-type]  # as much of a sink as is needed
    yield sink
    instrument.remove()


def of(*modules: nn.Module) -> nn.Module:
    return nn.Sequential(*modules)


X = torch.ones(4, 8)


def test_innermost_modules_are_repeated_and_the_model_stays_as_it_is(sink: Sink) -> None:
    model = of(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(inplace=True), nn.Linear(8, 2))
    for _ in range(3):
        model(X.clone())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()

    repeated = Repeated(sink)

    assert repeated.fine() == {f"Sequential.{at}" for at in range(5)}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_results_are_the_same_whether_calls_are_kept_or_not() -> None:
    model = of(nn.Linear(8, 8), nn.Dropout(0.5), nn.LSTM(8, 8))
    torch.manual_seed(1)
    bare = [model(X)[0] for _ in range(4)]
    instrument = TorchModules()
    instrument.install(Sink())  # type: ignore[arg-type]  # as much of a sink as is needed

    torch.manual_seed(1)
    kept = [model(X)[0] for _ in range(4)]
    instrument.remove()

    assert all(torch.equal(one, other) for one, other in zip(kept, bare, strict=True))


def test_modes_of_the_call_come_back(sink: Sink) -> None:
    seen: list[tuple[bool, bool, bool]] = []

    class Modes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((self.training, torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")))
            return x

    module = Modes().eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        module(X)
    module.train()

    Repeated(sink)

    assert set(seen) == {(False, False, True)}
    assert len(seen) == 5
    assert module.training


def test_a_fused_encoder_is_repeated_whole_and_attention_too(sink: Sink) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, batch_first=True).eval()
    attention = nn.MultiheadAttention(8, 2)
    with torch.no_grad():
        layer(torch.ones(2, 3, 8))
        attention(X, X, X)

    assert Repeated(sink).fine() == {"TransformerEncoderLayer", "MultiheadAttention"}


def test_layers_called_in_inference_mode_are_repeated(sink: Sink) -> None:
    model = of(nn.Linear(8, 8), nn.ReLU(inplace=True))
    with torch.inference_mode():
        model(torch.randn(4, 8))
        Adding()(torch.ones(2, 8))

    repeated = Repeated(sink)

    assert repeated.fine() == {"Sequential.0", "Sequential.1"}
    assert repeated.reasons == {"Adding": "changes its inputs in place, each time again"}


class Counter(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count = 1
        return x


class History(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(self.seen))
        return x


class Printing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return shown(x)


def shown(x: torch.Tensor) -> torch.Tensor:
    print(x.shape)
    return x


class Adding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.add_(1)


class Growing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            self.weight.mul_(2)
        return x


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = [1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left.pop()
        return x


class Choosing(nn.Module):
    def forward(self, x: torch.Tensor, _how: object) -> torch.Tensor:
        return x


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Counter(), "its forward assigns the attribute count"),
        (History(), "it keeps a state: its attribute seen changes with each call"),
        (Printing(), "its forward calls print"),
        (Adding(), "changes its inputs in place, each time again"),
        (Growing(), "it changes its weights when called"),
        (Failing(), "raised IndexError when called again: pop from empty list"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_is_not_safe_is_skipped_with_the_reason(
    sink: Sink, module: nn.Module, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module(X.clone())
    capsys.readouterr()

    repeated = Repeated(sink)

    assert repeated.reasons == {type(module).__name__: reason}
    assert capsys.readouterr().out == ""


def test_hooks_and_inputs_that_are_no_tensors_are_skipped(sink: Sink) -> None:
    hooked = nn.Linear(8, 8)
    hooked.register_forward_hook(lambda *_: None)
    hooked(X)
    Choosing()(X, object())

    assert Repeated(sink).reasons == {
        "Linear": "it has hooks, which may have effects",
        "Choosing": "called with a object, which is no tensor",
    }


def test_copies_take_bounded_memory(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_repeat, "KEPT_BYTES", 4 * 8 * 4)
    model = of(nn.Linear(8, 8), nn.Identity())

    model(X)

    assert Repeated(sink).reasons == {"Sequential.1": "its inputs take 0 MiB, and there is no room left for copies"}


def test_a_kept_call_outlives_its_model_and_is_a_recent_one(sink: Sink) -> None:
    def main() -> None:
        module = nn.Linear(8, 8)
        for rows in range(1, 10):
            module(torch.ones(rows, 8))

    main()
    things, _ = sink.source.begin()

    assert [thing.inputs.args[0].shape for thing in things] == [(8, 8)]


def test_nothing_is_copied_while_operations_are_watched(sink: Sink) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False):
        nn.Linear(8, 8)(X)

    assert sink.source.begin() == ([], {})


def test_a_call_that_raises_shows_no_frame_of_ours(sink: Sink) -> None:
    try:
        nn.Linear(3, 3)(X)
    except RuntimeError as error:
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame.f_code.co_filename)
            trace = trace.tb_next

    assert not [name for name in frames if "energyprof_plugins" in name]
