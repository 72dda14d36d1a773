"""A sleep of the computer is noticed by the clock that goes on meanwhile."""

from __future__ import annotations

from energyprof.collect.sleeps import SleepWatch
from energyprof.model.sampling import Sleep
from energyprof.testing import SECOND, FakeClock


def test_sleep_is_placed_between_two_looks_with_its_length() -> None:
    awake, always = FakeClock(5 * SECOND), FakeClock(100 * SECOND)
    watch = SleepWatch(awake.now_ns, always.now_ns)

    looks = []
    for asleep_ns in (0, 0, 3600 * SECOND, 0):
        awake.advance(SECOND)
        always.advance(SECOND + asleep_ns)
        looks.append(watch.look())

    assert looks == [None, None, Sleep(7 * SECOND, 8 * SECOND, 3600 * SECOND), None]


def test_collector_that_is_interrupted_between_the_clocks_has_not_slept() -> None:
    clock = FakeClock()

    def slow_ns() -> int:
        clock.advance(40_000_000)
        return clock.now_ns()

    watch = SleepWatch(clock.now_ns, slow_ns)

    assert [watch.look() for _ in range(3)] == [None, None, None]


def test_system_without_such_a_clock_never_sleeps() -> None:
    clock = FakeClock()
    watch = SleepWatch(clock.now_ns, clock.now_ns)

    clock.advance(SECOND)

    assert watch.look() is None
