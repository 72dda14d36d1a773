"""How a sensor answers a load of known course: its lag and its averaging window, by profile likelihood.

An update at instant u shows P0 + D * g(u) + drift, where g is the load's level as the sensor sees it: its mean over
[u - lag - window, u - lag] (a boxcar), or followed with a time constant (a first-order low-pass, as on Kepler). A
counter shows, between two updates, the mean over exactly that time, lag earlier: only its lag is unknown. For each lag
and window the rest is linear and drops out; with Gaussian noise the deviance is n log(RSS / least RSS), and what lies
within 3.84 of the least (95 %, one parameter; Wilks 1938) is the interval. The grid is refined around its best point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.power import Readings
from energyprof.model.span import Floats
from energyprof.probe.habits import update_grid
from energyprof.probe.load_course import Course

LONGEST_LAG_NS = 400e6
WINDOWS_NS = (1e6, 3e9)
DEVIANCE = 3.84
LEAST_EXPLAINED = 0.5
"""Part of the variance that the load must explain: else the sensor does not follow it, or others draw more."""
FEWEST_UPDATES = 30
_MOST_ROWS = 4000
_FRESH = 0.7
"""Where so many of the reads bring another value, each is an update of its own."""
_COUNTED_NS = 20e6
"""Time over which a faster counter's updates are taken together."""
_Seen: TypeAlias = "Callable[[float, float], Floats]"


@dataclass(frozen=True, slots=True)
class Response:
    """What the load has shown; times in nanoseconds, ranges are 95 % intervals."""

    kind: Literal["boxcar", "exponential", "counter"]
    lag_ns: float
    lag_range_ns: tuple[float, float]
    window_ns: float | None
    """Averaging window; of an exponential twice its time constant, the boxcar with the same delay. None: a counter."""
    window_range_ns: tuple[float, float] | None
    swing_w: float
    """Power that the load added."""
    explained: float
    """Part of the readings' variance that the fit explains, 0..1."""


def fit_response(domain: Domain, readings: Readings, course: Course, origin_ns: int) -> Response | None:
    """Return how the domain answered; None: too few updates, or it does not follow the load.

    `course` is told in ns since `origin_ns`.
    """
    instant, power, blur_ns = _updates(domain, readings, origin_ns)
    if len(instant) < FEWEST_UPDATES:
        return None
    if domain.quantity == "energy":
        start, end, power = instant[:-1], instant[1:], power[1:]

        def between(lag_ns: float, _window_ns: float) -> Floats:
            return (course.until(end - lag_ns) - course.until(start - lag_ns)) / (end - start)

        return _response("counter", _Search(end, power, between, windows_ns=(1.0, 1.0)).run(), blur_ns)

    def boxcar(lag_ns: float, window_ns: float) -> Floats:
        until = instant - lag_ns
        return (course.until(until) - course.until(until - window_ns)) / window_ns

    def exponential(lag_ns: float, window_ns: float) -> Floats:
        return course.decayed(instant - lag_ns, window_ns / 2)

    flat = _Search(instant, power, boxcar).run()
    curved = _Search(instant, power, exponential).run()
    kind: Literal["boxcar", "exponential"] = "boxcar" if flat.rss <= curved.rss else "exponential"
    return _response(kind, flat if kind == "boxcar" else curved, blur_ns)


def _response(kind: Literal["boxcar", "exponential", "counter"], found: _Found, blur_ns: float) -> Response | None:
    """Return it with intervals widened by `blur_ns`, by which the instants of the updates may all be off together."""
    if found.explained < LEAST_EXPLAINED or found.swing_w <= 0:
        return None
    is_counter = kind == "counter"
    return Response(
        kind=kind,
        lag_ns=found.lag_ns,
        lag_range_ns=_widened(found.lag_range_ns, blur_ns),
        window_ns=None if is_counter else found.window_ns,
        window_range_ns=None if is_counter else _widened(found.window_range_ns, blur_ns),
        swing_w=found.swing_w,
        explained=found.explained,
    )


def _widened(bounds_ns: tuple[float, float], by_ns: float) -> tuple[float, float]:
    return max(0.0, bounds_ns[0] - by_ns), bounds_ns[1] + by_ns


def _updates(domain: Domain, readings: Readings, origin_ns: int) -> tuple[Floats, Floats, float]:
    """Return the instants of updates since `origin_ns`, the watts each shows, and by how much the instants may be off.

    A counter shows the mean power since the update before.
    """
    good = np.flatnonzero(readings.status == ReadStatus.OK)
    before, after, raw = readings.t_before_ns[good], readings.t_after_ns[good], readings.raw[good]
    if len(good) < 2:
        return np.zeros(0), np.zeros(0), 0.0
    grid, _ = update_grid(before, after, raw)
    first = float(before[0] - origin_ns)
    middle = ((before - before[0]) + (after - before[0])) / 2
    if grid is not None and grid.period_ns > 1.5 * float(np.median(np.diff(middle))):
        slot = np.rint((grid.last_slot(middle) - grid.offset_ns) / grid.period_ns)
        # The last poll in a slot: one right at its edge may still have seen the value before.
        kept = np.flatnonzero(np.append(np.diff(slot) > 0, True))
        instant, blur_ns = grid.offset_ns + slot[kept] * grid.period_ns, grid.error_ns
    else:
        changed = 1 + np.flatnonzero(np.diff(raw) != 0)
        is_held = len(changed) < _FRESH * (len(raw) - 1)
        if domain.quantity == "power" and is_held:
            # What is read between two updates is the older one: by its polls a sensor would average a period more.
            kept, middle = changed, np.append(0.0, ((before[:-1] - before[0]) + (after[1:] - before[0])) / 2)
        else:
            kept = np.append(0, changed) if domain.quantity == "energy" else np.arange(len(raw))
        kept = kept[:: max(1, len(kept) // _MOST_ROWS)]
        instant, blur_ns = middle[kept], float(np.median(np.diff(middle)))
    if domain.quantity == "energy":  # what quanta add to single updates telescopes away over several
        stride = max(1, round(_COUNTED_NS / max(float(np.median(np.diff(instant))), 1.0))) if len(instant) > 1 else 1
        kept, instant = kept[::stride], instant[::stride]
    value = raw[kept].astype(np.float64)
    if domain.quantity == "power":
        return instant + first, value * domain.scale, blur_ns
    step = np.diff(raw[kept])
    step = np.where((step < 0) & (domain.wrap is not None), step + (domain.wrap or 0), step)
    power = np.append(0.0, step * domain.scale / np.maximum(np.diff(instant), 1.0) * 1e9)
    return instant + first, power, blur_ns


@dataclass(frozen=True, slots=True)
class _Found:
    lag_ns: float
    lag_range_ns: tuple[float, float]
    window_ns: float
    window_range_ns: tuple[float, float]
    swing_w: float
    explained: float
    rss: float


class _Search:
    """Look for the lag and window that leave the least unexplained."""

    def __init__(
        self, t_ns: Floats, power_w: Floats, seen: _Seen, windows_ns: tuple[float, float] = WINDOWS_NS
    ) -> None:
        time = (t_ns - t_ns.mean()) / max(float(np.ptp(t_ns)), 1.0)
        self._basis, _ = np.linalg.qr(np.column_stack((np.ones(len(time)), time)))
        self._power = self._beside(power_w)
        self._total = float(self._power @ self._power)
        # Never take the noise to be less than a thousandth of the swing: models of sensors are not better than that.
        self._floor = len(t_ns) * (1e-3 * float(np.ptp(power_w))) ** 2
        self._seen = seen
        self._windows_ns = windows_ns
        self._tried: list[tuple[float, float, float, float]] = []
        """(RSS, lag, window, swing)."""

    def run(self) -> _Found:
        shortest, longest = self._windows_ns
        lags = np.arange(0.0, LONGEST_LAG_NS + 1, 5e6)
        windows = np.geomspace(shortest, longest, 28) if longest > shortest else np.array([shortest])
        self._try(lags, windows)
        lag_step, ratio = 5e6, float(windows[1] / windows[0]) if len(windows) > 1 else 1.0
        for _ in range(6):
            _, lag, window, _ = min(self._tried)
            # Along the ridge of equal delay, where a longer window is made up for by a shorter lag, as well.
            near = np.geomspace(window / ratio, window * ratio, 9) if ratio > 1.0 else np.array([window])
            near = np.clip(near, shortest, longest)
            self._try(lag + np.linspace(-1, 1, 9) * lag_step, near)
            for other in near:
                self._try(lag + (window - other) / 2 + np.linspace(-1, 1, 5) * lag_step / 2, np.array([other]))
            lag_step, ratio = lag_step / 3, 1 + (ratio - 1) / 2.5
        rss, lag, window, swing = min(self._tried)
        limit = rss * float(np.exp(DEVIANCE / len(self._power)))
        likely = np.array([tried[1:3] for tried in self._tried if tried[0] <= limit])
        (low_lag, low_window), (high_lag, high_window) = likely.min(axis=0).tolist(), likely.max(axis=0).tolist()
        unexplained = (rss - self._floor) / self._total if self._total > 0 else 1.0
        return _Found(lag, (low_lag, high_lag), window, (low_window, high_window), swing, 1 - unexplained, rss)

    def _try(self, lags: Floats, windows: Floats) -> None:
        for window in windows.tolist():
            for lag in lags[(lags >= 0) & (lags <= LONGEST_LAG_NS)].tolist():
                seen = self._beside(self._seen(lag, window))
                weight = float(seen @ seen)
                swing = float(seen @ self._power) / weight if weight > 0 else 0.0
                rss = max(self._total - max(swing, 0.0) ** 2 * weight, 0.0) + self._floor
                self._tried.append((rss, lag, window, swing))

    def _beside(self, column: Floats) -> Floats:
        """Return the column without its mean and linear drift."""
        beside: Floats = column - self._basis @ (self._basis.T @ column)
        return beside
