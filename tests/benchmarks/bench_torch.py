"""What recording every layer costs: networks with and without the instrument, and with what people use instead.

CPU time of the whole process, the recorder's own thread included, bare against recorded in turns: the median of the
ratios of neighbours. A bound holds where the lower 95 % limit of that median (of order statistics, one-sided) is not
above it, which is also the figure that stands beside it. Run it with `make bench-torch`.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from statistics import median
from time import process_time_ns
from typing import Any

import torch
from pyinstrument import Profiler
from torch import nn

from energyprof.record.recorder import Recorder
from energyprof.record.sink import Sink
from energyprof_plugins.instruments.torch_modules import TorchModules

PAIRS = 60
PEER_PAIRS = 30
BLOCK_NS = 25_000_000
"""CPU time of one side of a pair, about."""
UNBOUNDED = math.inf

Row = tuple[str, float, str, float]
Way = Callable[[], AbstractContextManager[object]]


def rows() -> list[Row]:
    """Return (what, figure, unit, upper bound) of everything measured here."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)  # it calls no layers
    tiny, wide = _encoder(64, 128), _encoder(256, 1024)
    small, large, image = torch.randn(1, 8, 64), torch.randn(1, 32, 256), torch.randn(1, 3, 32, 32)
    forward = {
        "tiny encoder, 109 modules": (_without_gradients(tiny, small), 1.06),
        "encoder d=256": (_without_gradients(wide, large), 1.02),
        "small CNN": (_without_gradients(_convolutions(), image), 1.05),
    }
    both = _forward_backward(tiny, small)
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, _recording(folder) as on:
        for what, (run, bound) in forward.items():
            found += _compared(what, run, on, bound)
        found += _compared("tiny encoder, forward + backward", both, on, 1.07)
        found.append(_per_call(on))
        for peer, way in PEERS.items():
            found += _compared(f"tiny encoder, {peer}", forward["tiny encoder, 109 modules"][0], way, UNBOUNDED)
            found += _compared(f"forward + backward, {peer}", both, way, UNBOUNDED)
    return found


def _encoder(width: int, inner: int) -> nn.Module:
    layer = nn.TransformerEncoderLayer(width, 4, inner, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 12, enable_nested_tensor=False).eval()


def _convolutions() -> nn.Module:
    parts: list[nn.Module] = []
    for before, after in ((3, 16), (16, 16), (16, 32), (32, 32), (32, 32)):
        parts += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts).eval()


def _without_gradients(net: nn.Module, given: torch.Tensor) -> Callable[[], object]:
    def run() -> None:
        with torch.no_grad():
            net(given)

    return run


def _forward_backward(net: nn.Module, given: torch.Tensor) -> Callable[[], object]:
    def run() -> None:
        net(given).square().mean().backward()

    return run


@contextmanager
def _recording(folder: str) -> Any:
    """Give the way to record: what is patched is put in place and taken out again, and learnt only once."""
    os.makedirs(os.path.join(folder, "spool"))
    recorder = Recorder(folder)
    recorder.start()
    owners = (nn.Module, torch.autograd, torch.autograd.graph)
    before = [dict(vars(owner)) for owner in owners]
    instrument = TorchModules()
    instrument.install(Sink(recorder))
    swaps = [
        (owner, name, old[name], value)
        for owner, old in zip(owners, before, strict=True)
        for name, value in list(vars(owner).items())
        if name in old and old[name] is not value
    ]

    @contextmanager
    def on() -> Any:
        for owner, name, _, ours in swaps:
            setattr(owner, name, ours)
        try:
            yield
        finally:
            for owner, name, theirs, _ in swaps:
                setattr(owner, name, theirs)

    try:
        with on():
            pass
        yield on
    finally:
        instrument.remove()
        recorder.close()


def _compared(what: str, run: Callable[[], object], way: Way, bound: float) -> list[Row]:
    run()
    with way():
        run()
    repeats = max(1, round(BLOCK_NS / max(1, min(_took_ns(run, 1, nullcontext) for _ in range(5)))))
    ratios: list[float] = []
    for at in range(PAIRS if bound < UNBOUNDED else PEER_PAIRS):
        ways = (nullcontext, way) if at % 2 else (way, nullcontext)
        took = {one: _took_ns(run, repeats, one) for one in ways}
        ratios.append(took[way] / took[nullcontext])
    ratios.sort()
    rank = max(0, math.floor((len(ratios) - 1.645 * math.sqrt(len(ratios))) / 2))
    named = f"{what}: median {median(ratios):.3f}"
    return [(named, ratios[rank] if bound < UNBOUNDED else median(ratios), "x", bound)]


def _took_ns(run: Callable[[], object], repeats: int, way: Way) -> int:
    with way():
        begun_ns = process_time_ns()
        for _ in range(repeats):
            run()
        return process_time_ns() - begun_ns


def _per_call(on: Way) -> Row:
    layers, given = nn.Sequential(*(nn.Identity() for _ in range(500))), torch.zeros(1)

    def calls() -> None:
        with torch.no_grad():
            layers(given)

    took: dict[Way, list[int]] = {nullcontext: [], on: []}
    for _ in range(200):
        for way in (nullcontext, on):
            took[way].append(_took_ns(calls, 1, way))
    return ("one module call, added", (min(took[on]) - min(took[nullcontext])) / 500, "ns", 1_000.0)


@contextmanager
def _hooks_by_hand() -> Any:
    """Be what a page of documentation suggests: two hooks for all modules, and a clock."""
    from time import perf_counter_ns

    from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

    times: list[tuple[object, int]] = []
    with ExitStack() as stack:
        for handle in (
            register_module_forward_pre_hook(lambda module, _given: times.append((module, perf_counter_ns()))),
            register_module_forward_hook(lambda module, _given, _out: times.append((module, perf_counter_ns()))),
        ):
            stack.callback(handle.remove)
        yield


@contextmanager
def _torch_profiler() -> Any:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], with_stack=True):
        yield


@contextmanager
def _pyinstrument() -> Any:
    profiler = Profiler(interval=0.001)
    profiler.start()
    try:
        yield
    finally:
        profiler.stop()


PEERS: dict[str, Way] = {
    "forward hooks by hand": _hooks_by_hand,
    "torch.profiler with_stack": _torch_profiler,
    "pyinstrument 1 ms": _pyinstrument,
}


def main() -> int:
    """Print the table; return 1 if a bound is missed."""
    missed = 0
    for what, figure, unit, bound in rows():
        missed += figure > bound
        limit = "" if bound == UNBOUNDED else f"<= {bound:g}{'' if figure <= bound else '  MISSED'}"
        print(f"{what:75} {figure:10.3f} {unit:3} {limit}")
    return 1 if missed else 0


if __name__ == "__main__":
    os.environ.pop("ENERGYPROF_RUN_DIR", None)
    sys.exit(main())
