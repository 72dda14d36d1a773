"""Stages on a device's lanes, by marks in its streams: a simulated GPU runs kernels later than they are launched."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from simulated_gpu import Event as SimulatedEvent
from simulated_gpu import SimulatedGpu

from energyprof.model.events import RESUME
from energyprof_plugins.instruments.device_clock import EventPool, Place
from energyprof_plugins.instruments.device_marks import DeviceMarks

MS = 1_000_000
FAULT_NS = 20_000
"""Twice what an idle device's latency leaves unknown."""
LIMIT = 1_000
LOAD, TRAIN, NET, LAYER = 1, 2, 3, 4
Event = tuple[int, int]


class Clock:
    def __init__(self) -> None:
        self.t_ns = 1_000 * MS

    def __call__(self) -> int:
        self.t_ns += 1_000
        return self.t_ns

    def pause(self, duration_s: float) -> None:
        self.t_ns += round(duration_s * 1e9)


class Sink:
    """A DeviceSink that keeps the lanes."""

    def __init__(self) -> None:
        self.lanes: dict[tuple[str, int], list[Event]] = {}
        self.warnings: list[str] = []
        self.is_heard = False

    def on_boundary(self, call: object, is_wanted: object, before_end: object = None) -> Callable[[], None]:
        del call, is_wanted, before_end
        self.is_heard = True
        return lambda: setattr(self, "is_heard", False)

    def device_lane(self, device: int, base: int, name: str) -> Callable[[Event], None]:
        del device
        return self.lanes.setdefault((name, base), []).append

    def on_flush(self, call: object) -> None:
        pass

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class Bench:
    """A program on a simulated GPU."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.gpu = SimulatedGpu(self.clock, lambda true_ns: true_ns * (1 + 2e-5) + 9e9)
        self.sink = Sink()
        self.marks = DeviceMarks(self.sink, self.gpu, "gpu", limit=LIMIT, now_ns=self.clock, pause=self.clock.pause)
        self.marks.start()
        self._path: tuple[int, ...] = ()
        self.base = 70

    def begin(self, code: int) -> None:
        self._path = (*self._path, code)
        self.marks.boundary(self.base, self._path, self.clock())

    def end(self) -> None:
        self._path = self._path[:-1]
        self.marks.boundary(self.base, self._path, self.clock())

    def later(self, duration_ns: int) -> None:
        """Let time pass, the flusher looking every 0.1 s."""
        while duration_ns > 0:
            self.clock.t_ns += min(duration_ns, 100 * MS)
            duration_ns -= 100 * MS
            self.marks.resolve()

    def spans(self, stream: int = 0, base: int = 70) -> list[tuple[int, int, int]]:
        """Return (code, start, end) of the spans on a stream's lane, as they ended."""
        stack, found = [], []
        for code, t_ns in self.sink.lanes.get((f"gpu:0 stream {stream}", base), []):
            if code > 0:
                assert code > RESUME
                stack.append((code - RESUME, t_ns))
            else:
                begun, start_ns = stack.pop()
                assert begun == -code
                found.append((begun, start_ns, t_ns))
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


def near(*times_ns: int) -> object:
    return pytest.approx(times_ns, abs=FAULT_NS)


def test_kernels_that_run_past_the_end_of_their_stage_are_billed_to_it(bench: Bench) -> None:
    bench.begin(LOAD)
    first = bench.gpu.launch(300 * MS)
    bench.end()
    bench.begin(TRAIN)
    second = bench.gpu.launch(50 * MS)
    bench.end()
    ended_ns = bench.clock.t_ns

    bench.later(600 * MS)

    assert ended_ns < first[0] + 1 * MS  # on the host both stages were over before the first kernel was
    (load, *load_ns), (train, *train_ns) = bench.spans()
    assert (load, train) == (LOAD, TRAIN)
    assert tuple(load_ns) == near(*first)
    assert tuple(train_ns) == near(*second)


def test_stages_nest_on_the_device_as_they_did_on_the_host(bench: Bench) -> None:
    bench.begin(TRAIN)
    bench.begin(NET)
    bench.begin(LAYER)
    first = bench.gpu.launch(40 * MS)
    bench.end()
    bench.begin(LAYER)
    second = bench.gpu.launch(60 * MS)
    bench.end()
    bench.end()
    third = bench.gpu.launch(30 * MS)
    bench.end()

    bench.later(300 * MS)

    assert [code for code, _, _ in bench.spans()] == [LAYER, LAYER, NET, TRAIN]
    assert [end for _, _, end in bench.spans()] == near(first[1], second[1], second[1], third[1])


def test_streams_overlap_each_on_a_lane_of_its_own(bench: Bench) -> None:
    bench.begin(TRAIN)
    bench.begin(LAYER)
    on_first = bench.gpu.launch(200 * MS)
    bench.end()
    with bench.gpu.stream(7):
        bench.begin(NET)
        on_second = bench.gpu.launch(150 * MS)
        bench.end()
    bench.end()

    bench.later(500 * MS)

    layer = next(span for span in bench.spans(0) if span[0] == LAYER)
    net = next(span for span in bench.spans(7) if span[0] == NET)
    assert layer[1:] == near(*on_first)
    assert net[1:] == near(*on_second)
    assert net[1] < layer[2]
    # The stage around both is on both, on each as long as work for it was there.
    assert bench.spans(0)[-1][2:] == near(on_first[1])
    assert [code for code, _, _ in bench.spans(0)] == [LAYER, TRAIN]
    assert [code for code, _, _ in bench.spans(7)] == [NET, TRAIN]


def test_threads_that_share_a_stream_take_turns(bench: Bench) -> None:
    bench.begin(LOAD)
    first = bench.gpu.launch(100 * MS)
    bench.marks.boundary(71, (TRAIN,), bench.clock())
    second = bench.gpu.launch(100 * MS)
    bench.marks.boundary(71, (), bench.clock())
    bench.end()

    bench.later(400 * MS)

    assert [code for code, _, _ in bench.spans(base=71)] == [TRAIN]
    assert bench.spans(base=71)[0][1:] == near(*second)
    assert bench.spans(base=70)[0][1:] == near(*first)


def test_a_flush_waits_for_nothing(bench: Bench) -> None:
    bench.begin(LOAD)
    bench.gpu.launch(3_600_000 * MS)
    bench.end()
    bench.begin(TRAIN)

    before_ns = bench.clock.t_ns
    for _ in range(10):
        bench.marks.resolve()

    assert bench.clock.t_ns - before_ns < 10 * MS
    assert bench.gpu.synchronized == 0
    assert [code for events in bench.sink.lanes.values() for code, _ in events] == [RESUME + LOAD]


def test_events_are_used_again_and_the_pool_stays_small(bench: Bench) -> None:
    for _ in range(2_000):
        bench.begin(TRAIN)
        bench.gpu.launch(1 * MS)
        bench.end()
        bench.later(5 * MS)

    assert len(bench.spans()) == pytest.approx(2_000, abs=2)
    assert bench.gpu.pool.made < 20


def test_marks_that_wait_are_bounded_and_what_is_not_marked_is_said(bench: Bench) -> None:
    bench.gpu.launch(100_000 * MS)
    for _ in range(LIMIT // 2 + 100):
        bench.begin(TRAIN)
        bench.end()

    bench.marks.resolve()
    bench.later(100_100 * MS)
    bench.begin(LOAD)
    kernel = bench.gpu.launch(10 * MS)
    bench.end()
    bench.later(100 * MS)
    bench.marks.stop()

    assert bench.gpu.pool.made <= LIMIT + 10
    assert bench.spans()[-1][0] == LOAD
    assert bench.spans()[-1][1:] == near(*kernel)
    assert bench.sink.warnings[0].startswith("gpu never dated 100 of the boundaries")


def test_the_end_of_the_program_waits_half_a_second_at_most(bench: Bench) -> None:
    bench.begin(LOAD)
    bench.gpu.launch(100 * MS)
    bench.end()
    bench.begin(TRAIN)
    bench.gpu.launch(3_600_000 * MS)
    bench.end()
    before_ns = bench.clock.t_ns

    bench.marks.stop()

    assert 500 * MS <= bench.clock.t_ns - before_ns < 600 * MS
    assert [code for code, _, _ in bench.spans()] == [LOAD]
    assert bench.sink.warnings[0].startswith("gpu never dated 1 of the boundaries")
    assert not bench.sink.is_heard


def test_nothing_is_marked_while_a_graph_is_captured(bench: Bench) -> None:
    bench.begin(TRAIN)
    bench.gpu.is_capturing = True
    bench.begin(NET)
    bench.end()
    bench.gpu.is_capturing = False
    kernel = bench.gpu.launch(10 * MS)
    bench.end()

    bench.later(100 * MS)

    assert [code for code, _, _ in bench.spans()] == [TRAIN]
    assert bench.spans()[0][2:] == near(kernel[1])


def test_a_device_the_program_does_not_use_is_not_touched(bench: Bench) -> None:
    bench.gpu.is_used = False

    bench.begin(TRAIN)
    bench.end()
    bench.later(300 * MS)

    assert bench.gpu.pool.made == 0
    assert bench.sink.lanes == {}


def test_a_forked_child_leaves_the_device_alone(bench: Bench) -> None:
    bench.begin(TRAIN)

    bench.marks.forget()
    bench.later(300 * MS)

    assert bench.sink.lanes == {}
    assert bench.gpu.place == Place(0, 0)


def test_a_forked_child_destroys_no_event_of_its_parent() -> None:
    destroyed: list[Event] = []

    class Destructible(SimulatedEvent):
        def __del__(self) -> None:
            destroyed.append((self.true_ns, 0))

    bench = Bench()
    bench.gpu.pool = EventPool(Destructible, kept=64)
    for _ in range(3):
        bench.begin(TRAIN)
        bench.gpu.launch(1 * MS)
        bench.end()
        bench.later(300 * MS)
    bench.begin(LOAD)  # one event waits to be dated, one is the anchor, others are in the pool

    bench.marks.forget()
    del bench
    gc.collect()

    assert destroyed == []


def test_the_device_is_asked_for_few_of_many_marks(bench: Bench) -> None:
    asked: list[object] = []
    is_done = bench.gpu.is_done
    bench.gpu.is_done = lambda event: bool(asked.append(event)) or is_done(event)  # type: ignore[method-assign]
    bench.later(1 * MS)
    for _ in range(150):
        bench.begin(TRAIN)
        bench.gpu.launch(1 * MS)
        bench.end()
    bench.clock.t_ns += 100 * MS  # two thirds of it are left

    bench.marks.resolve()

    assert 90 < len(bench.spans()) < 110
    assert len(asked) < 60  # the anchors among them; one by one it would be more than 200
