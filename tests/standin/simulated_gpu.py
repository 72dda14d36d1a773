"""A GPU that is not there: streams that run kernels one after the other, later than they are launched, by a clock of
its own that is off and drifts. Importing this is what `import torch` is to the real one; `launch` returns at once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns, sleep
from typing import Any

from energyprof_plugins.instruments.device_clock import EventPool, Place

LATENCY_NS = 8_000
"""From a launch to the start on an idle device."""


@dataclass(slots=True)
class Event:
    """Dated by the device; the true time is what tests compare with."""

    true_ns: int = 0
    device_ns: float = 0.0
    is_in_use: bool = False


class SimulatedGpu:
    """The device, and its clock as an instrument sees it (a `DeviceClock`)."""

    def __init__(
        self,
        now_ns: Callable[[], int] = perf_counter_ns,
        device_ns: Callable[[int], float] = lambda true_ns: (true_ns - 5e9) * (1 + 3e-5),
    ) -> None:
        """`device_ns` is what the device's clock shows at a true time."""
        self._now_ns = now_ns
        self._device_ns = device_ns
        self._free_ns: dict[Place, int] = {}
        self.place = Place(0, 0)
        self.pool = EventPool(Event, kept=64)
        self.is_used = True
        self.is_capturing = False
        self.is_busy_everywhere = False
        """Even what nothing waits for is not dated soon."""
        self.synchronized = 0

    # --- the program's side ----------------------------------------------------------------------------------------

    def launch(self, duration_ns: int) -> tuple[int, int]:
        """Queue a kernel in the current stream; return when it will really begin and end."""
        start_ns = self._next_ns(self.place)
        self._free_ns[self.place] = start_ns + duration_ns
        return start_ns, start_ns + duration_ns

    @contextmanager
    def stream(self, number: int, device: int = 0) -> Any:
        """Have work go to another stream for a while."""
        before, self.place = self.place, Place(device, number)
        try:
            yield
        finally:
            self.place = before

    def wait(self) -> None:
        """Wait for all streams, as a program that needs its results does."""
        while any(free_ns > self._now_ns() for free_ns in self._free_ns.values()):
            sleep(0.001)

    def _next_ns(self, place: Place) -> int:
        return max(self._now_ns() + LATENCY_NS, self._free_ns.get(place, 0))

    # --- DeviceClock -----------------------------------------------------------------------------------------------

    def is_there(self) -> bool:
        return self.is_used

    def here(self) -> Place | None:
        return None if self.is_capturing else self.place

    def mark(self, place: Place) -> Event:
        return self._dated(self._next_ns(place))

    def mark_idle(self, device: int) -> Event:
        del device
        return self._dated(self._now_ns() + (10**10 if self.is_busy_everywhere else LATENCY_NS))

    def is_done(self, event: Event) -> bool:
        assert event.is_in_use
        return self._now_ns() >= event.true_ns

    def elapsed_ns(self, first: Event, second: Event) -> float:
        assert first.is_in_use
        assert second.is_in_use
        # As CUDA gives it: milliseconds in 32 bits.
        (elapsed_ms,) = struct.unpack("f", struct.pack("f", (second.device_ns - first.device_ns) / 1e6))
        return float(elapsed_ms) * 1e6

    def release(self, event: Event) -> None:
        assert event.is_in_use
        event.is_in_use = False
        self.pool.give(event)

    def synchronize(self) -> None:
        self.synchronized += 1
        self.wait()

    def _dated(self, true_ns: int) -> Event:
        event: Event = self.pool.take()
        assert not event.is_in_use
        event.true_ns, event.device_ns, event.is_in_use = true_ns, self._device_ns(true_ns), True
        return event


GPU = SimulatedGpu()
launch, stream, wait = GPU.launch, GPU.stream, GPU.wait
