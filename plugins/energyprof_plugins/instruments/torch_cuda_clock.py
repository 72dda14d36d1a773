"""CUDA events of torch as a device's clock: the only code that needs a real GPU.

While a graph is captured nothing is marked and no event is asked for: in the global mode of capture a query in any
thread would make the program's capture fail (cuda-runtime-api, cudaStreamBeginCapture and
cudaThreadExchangeStreamCaptureMode).

Each boundary of a stage asks for the stream, and torch's public way to it, which makes a `Stream` object each time,
costs 6.8 us; what that asks costs 0.24 us (torch 2.11, H200). So torch's own inner calls are made where it has them.
"""

from __future__ import annotations

from _thread import allocate_lock

import torch

from energyprof_plugins.instruments.device_clock import EventPool, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class CudaClock:
    """Timing events in torch's streams; a `DeviceClock`."""

    def __init__(self) -> None:
        self._pools: dict[int, EventPool] = {}
        """By device: an event belongs to the one it was first recorded on."""
        self._device_of: dict[int, int] = {}
        self._streams: dict[Place, Any] = {}
        self._idle: dict[int, Any] = {}
        self._known: dict[tuple[int, int, int], Place] = {}
        """Place by what torch's inner call says of a stream."""
        inner: Any = torch._C  # what it has differs between builds
        self._device: Callable[[], int] = getattr(inner, "_cuda_getDevice", torch.cuda.current_device)
        self._stream: Callable[[int], tuple[int, int, int]] = getattr(inner, "_cuda_getCurrentStream", _public_stream)
        self._is_capturing: Callable[[], bool] = torch.cuda.is_current_stream_capturing
        self._record: Callable[[Any, Any], object] = getattr(
            getattr(inner, "_CudaEventBase", None), "record", torch.cuda.Event.record
        )
        self.captures = CaptureGate()

    def is_there(self) -> bool:
        """Return whether the program has started CUDA, and not in a parent before a fork."""
        return bool(torch.cuda.is_initialized())

    def here(self) -> Place | None:
        """Return the current device and stream of this thread."""
        if self.captures.are_any or self._is_capturing():
            return None
        found = self._stream(self._device())
        return self._known.get(found) or self._learn(found)

    def mark(self, place: Place) -> Any:
        """Record an event in the stream."""
        event = self._take(place.device)
        self._record(event, self._streams[place])
        return event

    def mark_idle(self, device: int) -> Any:
        """Record an event in a stream of our own: of high priority, for the program hardly uses those."""
        stream = self._idle.get(device)
        if stream is None:
            # Streams of torch do not wait for the default one (cudaStreamNonBlocking).
            stream = self._idle[device] = torch.cuda.Stream(device, priority=-1)
        event = self._take(device)
        event.record(stream)
        return event

    def is_done(self, event: Any) -> bool:
        """Ask the event, unless a graph is being captured."""
        with self.captures.lock:
            return not self.captures.are_any and bool(event.query())

    def elapsed_ns(self, first: Any, second: Any) -> float:
        """Return the time between, which CUDA gives in milliseconds."""
        return float(first.elapsed_time(second)) * 1e6

    def release(self, event: Any) -> None:
        """Put the event back into the pool of its device."""
        pool = self._pools.get(self._device_of.get(id(event), -1))
        if pool is not None and not pool.give(event):
            self._device_of.pop(id(event), None)

    def synchronize(self) -> None:
        """Wait for the current device, unless a graph is being captured."""
        if self.is_there() and not self.captures.are_any and not torch.cuda.is_current_stream_capturing():
            torch.cuda.synchronize()

    def watch_captures(self) -> None:
        """Have `captures` know of those that begin from now on."""
        self.captures.install(torch.cuda.CUDAGraph)

    def unwatch_captures(self) -> None:
        """Put torch's own methods back."""
        self.captures.remove()

    def _learn(self, found: tuple[int, int, int]) -> Place:
        stream = torch.cuda.current_stream()
        place = Place(found[1], found[0])
        self._streams.setdefault(place, stream)
        self._known[found] = place
        return place

    def _take(self, device: int) -> Any:
        pool = self._pools.get(device)
        if pool is None:
            pool = self._pools.setdefault(device, EventPool(lambda: torch.cuda.Event(enable_timing=True)))
        event = pool.take()
        self._device_of[id(event)] = device
        return event


def _public_stream(_device: int) -> tuple[int, int, int]:
    stream = torch.cuda.current_stream()
    return stream.stream_id, stream.device_index, stream.device_type


class CaptureGate:
    """Counts the graphs being captured, by the methods that begin and end one; `lock` keeps them off a query."""

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self._count = 0
        self._originals: dict[str, Any] = {}
        self._patched: Any = None

    @property
    def are_any(self) -> bool:
        """Whether one is being captured."""
        return self._count > 0

    def install(self, graph_class: Any) -> None:
        """Wrap `capture_begin` and `capture_end` of the class."""
        self._patched = graph_class
        self._originals = {name: vars(graph_class)[name] for name in ("capture_begin", "capture_end")}
        graph_class.capture_begin = self._around(self._originals["capture_begin"], 1)
        graph_class.capture_end = self._around(self._originals["capture_end"], -1)

    def remove(self) -> None:
        """Put the methods back."""
        for name, original in self._originals.items():
            setattr(self._patched, name, original)
        self._originals = {}

    def _around(self, original: Callable[..., Any], step: int) -> Callable[..., Any]:
        from functools import wraps

        @wraps(original)
        def method(graph: Any, *args: Any, **kwargs: Any) -> Any:
            if step > 0:
                self._add(1)
            try:
                return original(graph, *args, **kwargs)
            except BaseException:
                if step > 0:
                    self._add(-1)
                raise
            finally:
                if step < 0:
                    self._add(-1)

        return method

    def _add(self, step: int) -> None:
        with self.lock:
            self._count = max(0, self._count + step)
