"""One sampling thread: it waits for its slot, polls, and counts what that cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from energyprof.collect.pace import Pace
from energyprof.collect.wakeup import ask_prompt_wakeups

LATE_NS = 5_000_000
POLLS_PER_ACCOUNT = 8
"""To know the CPU time costs a system call: it is asked for once in so many polls."""
RARE_NS = 30_000_000
"""Polls further apart than this are accounted for one by one, so that their pace recovers soon."""
FAILURES_BEFORE_PAUSE = 3
LONGEST_PAUSE_NS = 250_000_000
"""A source that answers again is missed for no longer than this; what its failed reads cost `Pace` limits as any."""


class Polled(Protocol):
    """What a thread polls."""

    def poll(self) -> bool:
        """Ask once; return False where nothing but failures came."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Loop:
    """One sampling thread: wait for the slot, poll, count; a last poll and the closing belong to it as well."""

    def __init__(
        self,
        polled: Polled,
        name: str,
        pace: Pace,
        now_ns: Callable[[], int],
        call_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.name = name
        self.polls = 0
        self.late_polls = 0
        self.cpu_ns = 0
        self.pace = pace
        self._accounted = 0
        self.thread = threading.Thread(target=self._run, name=f"energyprof {name}", daemon=True)
        self._polled = polled
        self._now_ns = now_ns
        self._call_ns = call_ns
        # A lock that `end` releases: an Event makes a lock of its own for each wait.
        self._ended = threading.Lock()
        self._ended.acquire()
        self.polled_once = threading.Lock()
        """Released with the first poll."""
        self.polled_once.acquire()

    def end(self) -> None:
        """Have the thread poll a last time, close and end."""
        if self._ended.locked():
            self._ended.release()

    def _run(self) -> None:
        poll, now_ns, wait, pace = self._polled.poll, self._now_ns, self._ended.acquire, self.pace
        due_ns = now_ns()
        failures = 0
        while not wait(True, max(0, due_ns - now_ns()) * 1e-9):
            began_ns = now_ns()
            answered = poll()
            self.polls += 1
            if self.polls == 1:
                ask_prompt_wakeups()  # the first poll is as early as can be
                self.polled_once.release()
            if began_ns - due_ns > LATE_NS:
                self.late_polls += 1
            if self.polls <= POLLS_PER_ACCOUNT or self.polls % POLLS_PER_ACCOUNT == 0 or pace.interval_ns >= RARE_NS:
                self._account()
            due_ns = pace.next_due_ns(due_ns, now_ns())
            failures = 0 if answered else failures + 1
            if failures:
                due_ns += pause_ns(failures, pace.interval_ns)
        poll()
        self._polled.close()
        self.polls += 1
        self.cpu_ns = time.thread_time_ns()

    def _account(self) -> None:
        spent_ns = time.thread_time_ns()
        if self.polls > 1:  # The first poll warms everything up; it says nothing about the next.
            polls, cost_ns = self.polls - self._accounted, spent_ns - self.cpu_ns
            self.pace.account(polls, cost_ns, self._now_ns(), self._call_ns())
        self._accounted = self.polls
        self.cpu_ns = spent_ns


def pause_ns(failures: int, interval_ns: int) -> int:
    """Return how long to leave alone a source that failed `failures` times in a row: doubling, at most 0.25 s."""
    if failures < FAILURES_BEFORE_PAUSE:
        return 0
    doublings = min(failures - FAILURES_BEFORE_PAUSE, 30)
    return min(LONGEST_PAUSE_NS, interval_ns << doublings)
