"""Read a source as a probe does: a burst as fast as it answers, then evenly, at a duty that others can live with."""

from __future__ import annotations

from collections.abc import Callable

BURST_NS = 150_000_000
BURST_READS = 15_000
LEAST_INTERVAL_NS = 1_000_000
DUTY = 0.25
"""Part of the time spent inside calls at most, in the even part; a slow call is made more rarely."""
FAILURES_IN_A_ROW = 50
"""After so many a source is not asked any more."""


def listen(
    poll: Callable[[], bool], now_ns: Callable[[], int], sleep_s: Callable[[float], object], until_ns: int
) -> None:
    """Call `poll`, which keeps what it reads and returns False where that was nothing, until the time is over."""
    began_ns = now_ns()
    reads = failures = 0
    while now_ns() < min(began_ns + BURST_NS, until_ns) and reads < BURST_READS and failures < FAILURES_IN_A_ROW:
        failures = 0 if poll() else failures + 1
        reads += 1
    cost_ns = (now_ns() - began_ns) / max(reads, 1)
    interval_ns = max(LEAST_INTERVAL_NS, round(cost_ns / DUTY))
    due_ns = now_ns() + interval_ns
    while due_ns < until_ns and failures < FAILURES_IN_A_ROW:
        sleep_s(max(0, due_ns - now_ns()) * 1e-9)
        failures = 0 if poll() else failures + 1
        # A slot slept through is not made up for.
        due_ns += interval_ns * (1 + max(0, now_ns() - due_ns) // interval_ns)
