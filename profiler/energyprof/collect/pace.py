"""How often to poll: as often as the sensor has news, as rarely as the CPU time allowed demands."""

from __future__ import annotations

SLOWEST_NS = 1_000_000_000
"""No sensor is polled more rarely for its period's sake: the live line moves and a dying sensor is noticed."""
POLLS_PER_PERIOD = 10
"""Enough to place a sensor's update within a twentieth of its period; more adds cost, not knowledge."""
WEIGHT = 0.25
"""How far the mean cost moves towards each new figure."""
OUTLIER = 4
"""A figure counts as this many times the mean cost at most."""
BURST_NS = 8_000_000
LARGEST_DEBT_NS = 16_000_000
"""More is forgiven, or one enormous poll would end the polling for minutes."""


def interval_ns(period_ns: int | None, max_hz: float) -> int:
    """Return how often to poll a sensor that updates every `period_ns` (None: unknown, poll at `max_hz`)."""
    fastest_ns = round(1e9 / max_hz)
    if period_ns is None:
        return fastest_ns
    return max(fastest_ns, min(period_ns // POLLS_PER_PERIOD, SLOWEST_NS))


class Pace:
    """Stretch the interval between polls so that their CPU time stays within `share` of one core.

    The polls stay evenly spaced: the mean cost is followed slowly, and one poll that cost very much (a page fault, a
    neighbour's burst) counts as four times the usual at most. Where polls cost more than they should all the same, the
    CPU time overspent is a debt: beyond `BURST_NS` there is a pause until it is paid, of a few seconds at most.
    """

    def __init__(self, interval_ns: int, share: float, start_ns: int = 0) -> None:
        if interval_ns <= 0:
            raise ValueError(f"interval must be positive, got {interval_ns} ns")
        self.interval_ns = interval_ns
        self._least_ns = interval_ns
        self._share = share
        self._cost_ns = interval_ns * share
        self._debt_ns = 0.0
        self._paid_ns = start_ns
        self._free_ns = start_ns
        """When the debt is paid."""

    def account(self, polls: int, cost_ns: int, now_ns: int) -> None:
        """Take the CPU time that the last `polls` polls, up to now, cost together."""
        mean_ns = min(cost_ns / polls, OUTLIER * self._cost_ns)
        self._cost_ns += WEIGHT * (mean_ns - self._cost_ns)
        # Cost below what is affordable buys nothing, and must not make the next usual poll look like an outlier.
        self._cost_ns = max(self._cost_ns, self._least_ns * self._share)
        self.interval_ns = round(self._cost_ns / self._share)
        debt_ns = self._debt_ns + cost_ns - self._share * (now_ns - self._paid_ns)
        self._debt_ns = min(max(0.0, debt_ns), LARGEST_DEBT_NS)
        self._paid_ns = now_ns
        self._free_ns = now_ns + round(max(0.0, self._debt_ns - BURST_NS) / self._share)

    def next_due_ns(self, due_ns: int, now_ns: int) -> int:
        """Return the slot after `due_ns`; the slots a late poll slept through are left out, never made up for."""
        slots_lost = max(0, (max(now_ns, self._free_ns) - due_ns) // self.interval_ns)
        return due_ns + (slots_lost + 1) * self.interval_ns
