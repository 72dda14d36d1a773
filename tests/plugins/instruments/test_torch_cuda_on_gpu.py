"""The checks of torch's CUDA events that need a real GPU; they run by themselves where there is one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import torch

from energyprof.model.events import RESUME
from energyprof_plugins.instruments.device_marks import DeviceMarks
from energyprof_plugins.instruments.device_times import HostTimes
from energyprof_plugins.instruments.torch_cuda_clock import CudaClock

pytestmark = [
    pytest.mark.hardware,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CYCLES = 200_000_000
"""About 0.1 s of a kernel that only counts."""
MATMUL, HOST = 1, 2


class Sink:
    def __init__(self) -> None:
        self.lanes: dict[str, list[tuple[int, int]]] = {}
        self.warnings: list[str] = []

    def on_boundary(self, *_: object) -> Callable[[], None]:
        return lambda: None

    def device_lane(self, device: int, base: int, name: str) -> Callable[[tuple[int, int]], None]:
        del device, base
        return self.lanes.setdefault(name, []).append

    def on_flush(self, call: object) -> None:
        pass

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture
def clock() -> Iterator[CudaClock]:
    torch.cuda.init()
    torch.cuda.synchronize()
    clock = CudaClock()
    clock.watch_captures()
    yield clock
    clock.unwatch_captures()
    torch.cuda.synchronize()


def test_host_times_of_events_are_true_to_50_us(clock: CudaClock) -> None:
    times = HostTimes(clock, torch.cuda.current_device())
    for _ in range(20):
        time.sleep(0.1)
        assert times.refresh()
        before_ns = time.perf_counter_ns()
        place = clock.here()
        assert place is not None
        event = clock.mark(place)
        torch.cuda.synchronize()
        after_ns = time.perf_counter_ns()

        assert before_ns - 50_000 < times.host_ns(event) < after_ns + 50_000
        clock.release(event)


def test_a_kernel_is_billed_to_its_stage_and_a_flush_does_not_wait(clock: CudaClock) -> None:
    sink = Sink()
    marks = DeviceMarks(sink, clock, "cuda")
    marks.start()
    marks.boundary(1, (MATMUL,), time.perf_counter_ns())
    torch.cuda._sleep(CYCLES)
    marks.boundary(1, (), time.perf_counter_ns())
    launched_ns = time.perf_counter_ns()
    marks.boundary(1, (HOST,), launched_ns)
    marks.boundary(1, (), time.perf_counter_ns())

    marks.resolve()
    flushed_ns = time.perf_counter_ns()
    torch.cuda.synchronize()
    done_ns = time.perf_counter_ns()
    marks.stop()

    assert flushed_ns - launched_ns < (done_ns - launched_ns) / 2
    (events,) = sink.lanes.values()
    assert [code for code, _ in events] == [RESUME + MATMUL, -MATMUL, RESUME + HOST, -HOST]
    assert events[1][1] > launched_ns
    assert abs(events[1][1] - done_ns) < 5_000_000
    assert sink.warnings == []


def test_streams_have_lanes_of_their_own(clock: CudaClock) -> None:
    sink = Sink()
    marks = DeviceMarks(sink, clock, "cuda")
    marks.start()
    for _ in range(2):
        with torch.cuda.stream(torch.cuda.Stream()):
            marks.boundary(1, (MATMUL,), time.perf_counter_ns())
            torch.cuda._sleep(CYCLES)
            marks.boundary(1, (), time.perf_counter_ns())
    torch.cuda.synchronize()
    marks.stop()

    first, second = sink.lanes.values()
    assert second[0][1] < first[1][1]  # they overlap


def test_a_graph_is_captured_as_ever_while_events_wait(clock: CudaClock) -> None:
    sink = Sink()
    marks = DeviceMarks(sink, clock, "cuda")
    marks.start()
    x = torch.ones(8, device="cuda")
    marks.boundary(1, (MATMUL,), time.perf_counter_ns())
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        marks.boundary(1, (MATMUL, HOST), time.perf_counter_ns())
        marks.resolve()
        y = x * 2
        marks.boundary(1, (MATMUL,), time.perf_counter_ns())
    graph.replay()
    marks.boundary(1, (), time.perf_counter_ns())
    torch.cuda.synchronize()
    marks.stop()

    assert y.tolist() == [2.0] * 8
    (events,) = sink.lanes.values()
    assert [code for code, _ in events] == [RESUME + MATMUL, -MATMUL]
