"""Watching for the same inputs takes a bounded part of the time, and goes on after it."""

from __future__ import annotations

import pytest

from energyprof.record.same_inputs import LEAST_NS, LOOKS, SameInputs
from energyprof.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(5)


@pytest.fixture
def watch(clock: FakeClock) -> SameInputs:
    return SameInputs(tell=lambda _code, _facts: None, now_ns=clock.now_ns)


def test_stages_called_too_often_are_not_looked_at_until_as_much_time_has_gone_by(
    watch: SameInputs, clock: FakeClock
) -> None:
    for _ in range(3 * LOOKS):
        watch.note(())
    clock.advance(LEAST_NS - 1)
    watch.note(())
    looks_at_once = watch.calls

    clock.advance(1)
    watch.note(())

    assert (looks_at_once, watch.calls) == (LOOKS, LOOKS + 1)


def test_stages_called_seldom_are_always_looked_at(watch: SameInputs, clock: FakeClock) -> None:
    for _ in range(3 * LOOKS):
        clock.advance(LEAST_NS // LOOKS + 1)
        watch.note(())

    assert watch.calls == 3 * LOOKS
