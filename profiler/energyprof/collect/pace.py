"""How often to poll: as often as the sensor has news, as rarely as the CPU time allowed demands."""

from __future__ import annotations

SLOWEST_NS = 1_000_000_000
"""No sensor is polled more rarely for its period's sake: the live line moves and a dying sensor is noticed."""
POLLS_PER_PERIOD = 10
"""Enough to place a sensor's update within a twentieth of its period; more adds cost, not knowledge."""


def interval_ns(period_ns: int | None, max_hz: float) -> int:
    """Return how often to poll a sensor that updates every `period_ns` (None: unknown, poll at `max_hz`)."""
    fastest_ns = round(1e9 / max_hz)
    if period_ns is None:
        return fastest_ns
    return max(fastest_ns, min(period_ns // POLLS_PER_PERIOD, SLOWEST_NS))


class Pace:
    """Stretch the interval between polls so that their CPU time stays within `share` of one core.

    The polls stay evenly spaced: the mean cost is followed slowly (a quarter at a time), never poll by poll.
    """

    def __init__(self, interval_ns: int, share: float) -> None:
        if interval_ns <= 0:
            raise ValueError(f"interval must be positive, got {interval_ns} ns")
        self.interval_ns = interval_ns
        self._least_ns = interval_ns
        self._share = share
        self._cost_ns: float | None = None

    def account(self, polls: int, cost_ns: int) -> None:
        """Take the CPU time that the last `polls` polls cost together."""
        mean_ns = cost_ns / polls
        self._cost_ns = mean_ns if self._cost_ns is None else 0.75 * self._cost_ns + 0.25 * mean_ns
        self.interval_ns = max(self._least_ns, round(self._cost_ns / self._share))

    def next_due_ns(self, due_ns: int, now_ns: int) -> int:
        """Return the slot after `due_ns`; the slots a late poll slept through are left out, never made up for."""
        slots_lost = max(0, (now_ns - due_ns) // self.interval_ns)
        return due_ns + (slots_lost + 1) * self.interval_ns
