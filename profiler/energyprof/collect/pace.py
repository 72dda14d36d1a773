"""How often to poll: as often as the sensor has news, as rarely as the CPU time allowed demands.

Polls that keep step with the sensor would look at the same phase of its period for ever, and never learn when in
between it updates. So a period is divided by a number as far from any fraction as can be: each poll looks at another
phase, and after n polls an update is placed within about period / n, however few polls there are per period.
"""

from __future__ import annotations

from collections.abc import Sequence

from energyprof.model.domain import Domain

SLOWEST_NS = 1_000_000_000
"""No sensor is polled more rarely for its period's or its cost's sake: a dying sensor is noticed."""
STEPS = (0.276_393, 0.381_966, 0.618_034)
"""Parts of the period from poll to poll: 1/(2+g), 1/(1+g) and 1/g, g being the golden ratio; 3.6, 2.6, 1.6 polls."""
WEIGHT = 0.25
"""How far the mean cost moves towards each new figure."""
OUTLIER = 4
"""A figure counts as this many times the mean cost at most."""
BURST_NS = 8_000_000
LARGEST_DEBT_NS = 16_000_000
"""More is forgiven, or one enormous poll would end the polling for minutes."""
DUTY = 0.1
"""Part of the time that a device may spend answering: a driver's call can hold locks that the program waits for."""


def interval_ns(period_ns: int | None, max_hz: float) -> int:
    """Return how often to poll a sensor that updates every `period_ns` (None: unknown, poll at `max_hz`)."""
    fastest_ns = round(1e9 / max_hz)
    if period_ns is None:
        return fastest_ns
    useful_ns = [min(round(step * period_ns), SLOWEST_NS) for step in STEPS]
    return next((step_ns for step_ns in useful_ns if step_ns >= fastest_ns), fastest_ns)


def fetch_interval_ns(keeps_ns: int) -> int:
    """Return how often to fetch readings from a device that keeps them for `keeps_ns`: twice in that."""
    return max(1, min(keeps_ns // 2, SLOWEST_NS))


def wrap_limit_ns(domain: Domain) -> int | None:
    """Return the longest time between two polls in which the counter wraps at most half; None: it cannot be told."""
    if domain.wrap is None or domain.max_power_w is None or domain.quantity != "energy":
        return None
    return max(1, round(domain.wrap * domain.scale / (2 * domain.max_power_w) * 1e9))


def fair_shares(needs: Sequence[float], total: float) -> list[float]:
    """Return each one's part of `total`: what it needs where an equal part would be more, the rest equally."""
    shares = [0.0] * len(needs)
    left = total
    for place, index in enumerate(sorted(range(len(needs)), key=needs.__getitem__)):
        shares[index] = min(needs[index], left / (len(needs) - place))
        left -= shares[index]
    return [share + left / len(needs) for share in shares]


class Pace:
    """Stretch the interval between polls so that their CPU time stays within `share` of one core.

    The polls stay evenly spaced: the mean cost is followed slowly, and one poll that cost very much (a page fault, a
    neighbour's burst) counts as four times the usual at most. Where polls cost more than they should all the same, the
    CPU time overspent is a debt: beyond `BURST_NS` there is a pause until it is paid, of a few seconds at most.
    """

    def __init__(self, interval_ns: int, share: float, start_ns: int = 0, longest_ns: int | None = None) -> None:
        """Begin with `interval_ns`; `longest_ns`: whatever it costs, no more may pass between two polls."""
        if interval_ns <= 0:
            raise ValueError(f"interval must be positive, got {interval_ns} ns")
        self._longest_ns = longest_ns
        self._least_ns = self._bounded(interval_ns)
        self.interval_ns = self._least_ns
        self.share = share
        """Of one core; may be changed at any time."""
        self._cost_ns = self._least_ns * share
        self._usual_ns: float | None = None
        self._debt_ns = 0.0
        self._paid_ns = start_ns
        self._free_ns = start_ns
        """When the debt is paid."""

    def account(self, polls: int, cost_ns: int, now_ns: int, call_ns: int = 0) -> None:
        """Take the CPU time that the last `polls` polls, up to now, cost together.

        `call_ns`: how long the device usually takes to answer, asleep or not.
        """
        mean_ns = cost_ns / polls
        usual_ns = mean_ns if self._usual_ns is None else self._usual_ns
        self._usual_ns = usual_ns + WEIGHT * (min(mean_ns, OUTLIER * usual_ns) - usual_ns)
        self._cost_ns += WEIGHT * (min(mean_ns, OUTLIER * self._cost_ns) - self._cost_ns)
        # Cost below what is affordable buys nothing, and must not make the next usual poll look like an outlier.
        self._cost_ns = max(self._cost_ns, self._least_ns * self.share)
        slow_ns = min(round(call_ns / DUTY), SLOWEST_NS)
        self.interval_ns = self._bounded(max(round(self._cost_ns / self.share), slow_ns))
        debt_ns = self._debt_ns + cost_ns - self.share * (now_ns - self._paid_ns)
        self._debt_ns = min(max(0.0, debt_ns), LARGEST_DEBT_NS)
        self._paid_ns = now_ns
        self._free_ns = now_ns + self._bounded(round(max(0.0, self._debt_ns - BURST_NS) / self.share))

    def need(self) -> float | None:
        """Return the share of a core that polling as often as is useful would take; None: not known yet."""
        return None if self._usual_ns is None else self._usual_ns / self._least_ns

    def next_due_ns(self, due_ns: int, now_ns: int) -> int:
        """Return the slot after `due_ns`; the slots a late poll slept through are left out, never made up for."""
        slots_lost = max(0, (max(now_ns, self._free_ns) - due_ns) // self.interval_ns)
        return due_ns + (slots_lost + 1) * self.interval_ns

    def _bounded(self, t_ns: int) -> int:
        return t_ns if self._longest_ns is None else min(t_ns, self._longest_ns)
