"""The public fakes behave as they say: what others prove with them depends on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.testing import SECOND, Delayed, FakeClock, ScriptedSource, SimulatedSensor

CPU, GPU = DomainId("cpu"), DomainId("gpu:0")
DOMAIN = Domain(CPU, "test", "sensor", "energy", 1.0, "cpu")
MS = 1_000_000


def test_clock_moves_only_when_told_and_never_back():
    clock = FakeClock(5)

    clock.advance(3)

    assert clock.now_ns() == 8
    with pytest.raises(ValueError, match="cannot go back by 1 ns"):
        clock.advance(-1)


def test_script_plays_values_answers_delays_calls_and_exceptions_then_ends():
    clock = FakeClock()
    failure = ReadFailure(CPU, ReadStatus.LOST)
    source = ScriptedSource((DOMAIN,), [1, [failure], Delayed(clock, 7, 2), lambda: [Reading(CPU, 3)], OSError("x")])
    source.open(SourceContext())

    played = [list(source.read()) for _ in range(4)]
    with pytest.raises(OSError, match="x"):
        source.read()
    ended = list(source.read())
    source.close()

    assert played == [[Reading(CPU, 1)], [failure], [Reading(CPU, 2)], [Reading(CPU, 3)]]
    assert ended == [ReadFailure(CPU, ReadStatus.ENDED, "the script has ended")]
    assert (clock.now_ns(), source.reads, source.closings) == (7, 6, 1)


def sensor(true_power=((0, 50.0), (2 * SECOND, 150.0)), **habits):
    return SimulatedSensor(lambda: 0, true_power, **habits)


def test_counter_shows_the_last_update_until_the_next():
    counter = sensor(period_ns=100 * MS)

    assert [counter.raw_at(t_ms * MS) for t_ms in (0, 99, 100, 199, 2000, 2100)] == [0, 0, 5000, 5000, 100_000, 115_000]


def test_counter_lags_wraps_and_starts_where_it_is_told():
    counter = sensor(period_ns=100 * MS, lag_ns=100 * MS, counter_start=900, wrap=1000, scale=1.0)

    assert [counter.raw_at(t_s * SECOND) for t_s in (0, 1, 2, 3)] == [900, 945, 995, 900 + 100 + 135 - 1000]


def test_power_is_the_mean_of_the_window_before_the_update():
    power = sensor(quantity="power", scale=1.0, period_ns=100 * MS, window_ns=25 * MS)

    assert [power.raw_at(t_ms * MS) for t_ms in (1900, 2000, 2099, 2100)] == [50, 50, 50, 150]


def test_window_longer_than_the_period_smears():
    power = sensor(quantity="power", scale=1.0, period_ns=100 * MS, window_ns=SECOND)

    assert [power.raw_at(t_ms * MS) for t_ms in (2000, 2500, 3000)] == [50, 100, 150]


def test_phase_moves_the_updates():
    counter = sensor(period_ns=100 * MS, phase_ns=30 * MS, scale=1.0)

    assert [counter.raw_at(t_ms * MS) for t_ms in (1029, 1030)] == [46, 51]


def test_true_power_must_be_ordered():
    with pytest.raises(ValueError, match="must increase"):
        sensor(true_power=[(5, 1.0), (5, 2.0)])


def test_domain_states_the_habits():
    clock = FakeClock()
    gpu = SimulatedSensor(clock.now_ns, [(0, 1.0)], wrap=7, period_ns=9, window_ns=3, lag_ns=2)

    (domain,) = gpu.open(SourceContext())

    assert (domain.id, domain.driver, domain.wrap, domain.period_ns, domain.window_ns, domain.lag_ns) == (
        GPU,
        "device",
        7,
        9,
        3,
        (2, 2),
    )


@given(
    powers=st.lists(st.integers(0, 500), min_size=1, max_size=8),
    period_ms=st.integers(1, 200),
    polls=st.integers(1, 50),
)
def test_counter_never_strays_from_the_truth_by_more_than_a_quantum(powers, period_ms, polls):
    counter = sensor([(index * SECOND // 3, float(w)) for index, w in enumerate(powers)], period_ns=period_ms * MS)

    for poll in range(polls):
        t_ns = poll * 37 * MS
        update_ns = t_ns - t_ns % (period_ms * MS)
        seen_j = counter.raw_at(t_ns) * 1e-3
        assert abs(counter.true_energy_j(0, update_ns) - seen_j) <= 1.001e-3
