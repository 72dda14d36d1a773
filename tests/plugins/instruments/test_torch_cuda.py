"""What marks CUDA streams: it never starts CUDA, costs nothing where there is none, and keeps off captured graphs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
import torch

from energyprof.record.recorder import Recorder
from energyprof.record.sink import Sink
from energyprof.sink_doors import DeviceSink
from energyprof_plugins.instruments.torch_cuda import TorchCuda
from energyprof_plugins.instruments.torch_cuda_clock import CaptureGate, CudaClock


class Refusing:
    """A DeviceSink that must not be asked for anything."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} was asked for")

    def on_boundary(self, *_: object) -> object:
        raise AssertionError("boundaries are asked for")

    device_lane = on_flush = warn = on_boundary


def test_the_recorder_takes_what_devices_did(tmp_path) -> None:
    assert isinstance(Sink(Recorder(str(tmp_path))), DeviceSink)


def test_nothing_is_installed_where_no_driver_is() -> None:
    instrument = TorchCuda(device_files=("/nonexistent/nvidiactl",))
    before = dict(vars(instrument))

    instrument.install(Refusing())  # raises if it listens

    assert vars(instrument) == before


def test_neither_the_instrument_nor_its_clock_starts_cuda() -> None:
    clock = CudaClock()

    clock.watch_captures()
    clock.synchronize()
    clock.unwatch_captures()

    assert not clock.is_there()
    assert not torch.cuda.is_initialized()


def test_the_instrument_imports_no_torch_by_itself() -> None:
    code = "import sys, energyprof_plugins.instruments.torch_cuda; print(sorted({'torch', 'typing'} & {*sys.modules}))"

    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, env=_paths())

    assert (done.stdout, done.stderr) == ("[]\n", "")


def _paths() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class Graph:
    """As torch.cuda.CUDAGraph: only the two methods that count."""

    def capture_begin(self, pool: object = None) -> str:
        """Begin."""
        if pool == "none left":
            raise RuntimeError(pool)
        return "begun"

    def capture_end(self) -> str:
        return "ended"


def test_captured_graphs_are_counted_and_the_class_is_put_back() -> None:
    gate, before = CaptureGate(), dict(vars(Graph))
    gate.install(Graph)

    first, second = Graph(), Graph()
    assert first.capture_begin() == "begun"
    second.capture_begin()
    assert first.capture_end() == "ended"
    assert gate.are_any
    second.capture_end()
    assert not gate.are_any
    with pytest.raises(RuntimeError, match="none left"):
        first.capture_begin(pool="none left")
    assert not gate.are_any

    gate.remove()
    assert dict(vars(Graph)) == before


def test_no_event_is_asked_for_while_a_graph_is_captured() -> None:
    clock = CudaClock()
    clock.captures.install(Graph)

    class Event:
        def query(self) -> bool:
            raise AssertionError("asked")

    try:
        graph = Graph()
        graph.capture_begin()
        assert not clock.is_done(Event())
        assert clock.here() is None
        graph.capture_end()
    finally:
        clock.captures.remove()


def test_a_capture_waits_for_the_query_that_is_under_way() -> None:
    gate = CaptureGate()
    gate.install(Graph)
    try:
        begun = threading.Event()
        with gate.lock:
            thread = threading.Thread(target=lambda: (Graph().capture_begin(), begun.set()))
            thread.start()
            assert not begun.wait(0.05)
        assert begun.wait(30)
        thread.join()
    finally:
        gate.remove()
