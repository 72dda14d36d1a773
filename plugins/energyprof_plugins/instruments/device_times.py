"""Device time to host time: a line through the latest anchors, instants known by both clocks.

An anchor is an event where nothing else waits, between two looks at the host's clock. The device's clock drifts by some
10 ppm, and CUDA gives elapsed time as 32-bit milliseconds (cuda-runtime-api, cudaEventElapsedTime: resolution 0.5 us;
a float's 24 bits reach that up to 8 s): so anchors are taken every few seconds, and events measured from the last one.
"""

from __future__ import annotations

from math import sqrt
from time import perf_counter_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof_plugins.instruments.device_clock import DeviceClock

FIRST_PERIOD_NS, PERIOD_NS = 200_000_000, 2_000_000_000
"""Anchors come soon after each other at first, while the drift is unknown."""
KEPT_ANCHORS = 16
LOOKS = 200
"""At an anchor's event, some 1 us each; then it is given up until the next time."""
TRIES = 3
"""Anchors taken at a time; the one with the narrowest bracket counts, for a preempted thread looks late."""
DRIFT_SD = 1e-4
"""What is believed of the drift before it is seen: quartz is good to 100 ppm."""
RESOLUTION_NS = 500.0


class HostTimes:
    """The host's time of events of one device."""

    def __init__(self, clock: DeviceClock, device: int, now_ns: Callable[[], int] = perf_counter_ns) -> None:
        self._clock = clock
        self._device = device
        self._now_ns = now_ns
        self._last: Any = None
        self._last_device_ns = 0.0
        self._anchors: list[tuple[float, float, float]] = []
        """Device time since the first anchor, host time less that, half the width of the bracket."""
        self._begun_ns = self._due_ns = 0
        self._origin_ns = 0
        self._line = (0.0, 0.0, 0.0, 0.0, 0.0)
        """Centre in device time, host less device time there, drift, and the deviations of these two."""

    def refresh(self) -> bool:
        """Take an anchor if it is time to; return whether there is any."""
        now_ns = self._now_ns()
        if now_ns >= self._due_ns:
            self._take()
            if self._anchors:
                self._begun_ns = self._begun_ns or now_ns
                self._due_ns = now_ns + min(PERIOD_NS, max(FIRST_PERIOD_NS, (now_ns - self._begun_ns) // 2))
        return bool(self._anchors)

    def host_ns(self, event: Any) -> int:
        """Return the host's time of a dated event; there is an anchor."""
        centre, offset, drift, _, _ = self._line
        device_ns = self._last_device_ns + self._clock.elapsed_ns(self._last, event)
        return self._origin_ns + round(device_ns + offset + drift * (device_ns - centre))

    def sd_ns(self, event: Any) -> float:
        """Return the standard deviation of `host_ns` of this event."""
        centre, _, _, offset_sd, drift_sd = self._line
        device_ns = self._last_device_ns + self._clock.elapsed_ns(self._last, event)
        return sqrt(offset_sd**2 + (drift_sd * (device_ns - centre)) ** 2)

    def _take(self) -> None:
        best: tuple[int, int, Any] | None = None
        for _ in range(TRIES):
            before_ns = self._now_ns()
            event = self._clock.mark_idle(self._device)
            if not any(self._clock.is_done(event) for _ in range(LOOKS)):
                self._clock.release(event)
                break
            after_ns = self._now_ns()
            if best is None or after_ns - before_ns < best[1] - best[0]:
                if best is not None:
                    self._clock.release(best[2])
                best = before_ns, after_ns, event
            else:
                self._clock.release(event)
        if best is not None:
            self._add(*best)

    def _add(self, before_ns: int, after_ns: int, event: Any) -> None:
        if self._last is None:
            self._origin_ns = before_ns
        else:
            self._last_device_ns += self._clock.elapsed_ns(self._last, event)
            self._clock.release(self._last)
        self._last = event
        host_ns = (before_ns + after_ns) / 2 - self._origin_ns
        half_ns = max(RESOLUTION_NS, (after_ns - before_ns) / 2)
        self._anchors.append((self._last_device_ns, host_ns - self._last_device_ns, half_ns))
        del self._anchors[:-KEPT_ANCHORS]
        self._fit()

    def _fit(self) -> None:
        """Draw the line, weighted by the brackets, its slope shrunk towards no drift."""
        weights = [half_ns**-2 for _, _, half_ns in self._anchors]
        total = sum(weights)
        centre = sum(w * device_ns for w, (device_ns, _, _) in zip(weights, self._anchors, strict=True)) / total
        offset = sum(w * offset_ns for w, (_, offset_ns, _) in zip(weights, self._anchors, strict=True)) / total
        spread, product = DRIFT_SD**-2, 0.0
        for w, (device_ns, offset_ns, _) in zip(weights, self._anchors, strict=True):
            spread += w * (device_ns - centre) ** 2
            product += w * (device_ns - centre) * (offset_ns - offset)
        self._line = (centre, offset, product / spread, total**-0.5, spread**-0.5)
