"""How often a sensor is polled, and what happens to polls that come late or cost too much."""

from __future__ import annotations

import pytest

from energyprof.collect.pace import Pace, interval_ns, wrap_limit_ns
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId

MS = 1_000_000


@pytest.mark.parametrize(
    ("period_ns", "expected_ns"),
    [
        (None, 10 * MS),
        (1 * MS, 10 * MS),
        (20 * MS, 12_360_680),
        (30 * MS, 11_458_980),
        (100 * MS, 27_639_300),
        (1_000 * MS, 276_393_000),
        (60_000 * MS, 1_000 * MS),
    ],
)
def test_sensor_is_polled_a_few_times_a_period_within_bounds(period_ns, expected_ns):
    assert interval_ns(period_ns, max_hz=100.0) == expected_ns


def test_polls_on_time_keep_an_absolute_schedule():
    pace = Pace(10 * MS, share=0.01)
    due_ns = 0

    for _ in range(1000):
        due_ns = pace.next_due_ns(due_ns, now_ns=due_ns + 3 * MS)

    assert due_ns == 10_000 * MS


def test_late_poll_leaves_out_the_slots_it_slept_through():
    pace = Pace(10 * MS, share=0.01)

    assert pace.next_due_ns(due_ns=100 * MS, now_ns=137 * MS) == 140 * MS


def test_costly_polls_are_spread_until_their_share_of_cpu_time_is_kept():
    pace = Pace(10 * MS, share=0.005)

    for poll in range(40):
        pace.account(polls=8, cost_ns=8 * 200_000, now_ns=poll * 8 * 40 * MS)

    assert pace.interval_ns == pytest.approx(40 * MS, rel=1e-3)


def test_polls_that_cost_little_more_stretch_the_interval_a_quarter_of_the_way():
    pace = Pace(10 * MS, share=0.01)

    pace.account(polls=8, cost_ns=8 * 300_000, now_ns=80 * MS)

    assert pace.interval_ns == 15 * MS


def test_one_poll_of_enormous_cost_does_not_stop_the_polling():
    pace = Pace(10 * MS, share=0.01)

    pace.account(polls=1, cost_ns=1_000_000_000, now_ns=0)

    assert pace.interval_ns == 17_500_000


def test_cpu_time_overspent_is_paid_by_a_pause_of_seconds_at_most():
    pace = Pace(10 * MS, share=0.01)

    pace.account(polls=1, cost_ns=10 * MS, now_ns=0)
    after_small_debt_ns = pace.next_due_ns(due_ns=0, now_ns=0)
    pace.account(polls=1, cost_ns=60_000 * MS, now_ns=0)
    after_large_debt_ns = pace.next_due_ns(due_ns=0, now_ns=0)

    # 2 ms and 8 ms above the burst allowed, paid at 1 % of a core.
    assert 200 * MS < after_small_debt_ns <= 200 * MS + 17_500_000
    assert 800 * MS < after_large_debt_ns < 900 * MS


def test_burst_of_cpu_time_costs_no_pause():
    pace = Pace(10 * MS, share=0.01)

    pace.account(polls=80, cost_ns=8 * MS, now_ns=0)

    assert pace.next_due_ns(due_ns=0, now_ns=0) == 10 * MS


def test_pace_comes_back_when_polls_get_cheap():
    pace = Pace(10 * MS, share=0.01)
    pace.account(polls=8, cost_ns=8 * 1_000_000, now_ns=0)

    for poll in range(20):
        pace.account(polls=8, cost_ns=8 * 20_000, now_ns=poll * 80 * MS)

    assert pace.interval_ns == 10 * MS


def test_interval_of_nothing_is_refused():
    with pytest.raises(ValueError, match="interval must be positive, got 0 ns"):
        Pace(0, share=0.01)


def test_polls_never_keep_step_with_the_sensor():
    period_ns = 100 * MS
    phases = sorted(poll * interval_ns(period_ns, 100.0) % period_ns for poll in range(22))

    widest = max(later - sooner for sooner, later in zip(phases, [*phases[1:], phases[0] + period_ns], strict=True))

    assert widest < 2 * period_ns / 22


def test_device_that_takes_long_to_answer_is_asked_more_rarely_though_it_uses_no_cpu_time():
    pace = Pace(10 * MS, share=0.01)

    pace.account(polls=8, cost_ns=0, now_ns=80 * MS, call_ns=2 * MS)
    after_2_ms = pace.interval_ns
    pace.account(polls=1, cost_ns=0, now_ns=80 * MS, call_ns=3_000 * MS)

    assert (after_2_ms, pace.interval_ns) == (20 * MS, 1_000 * MS)


def test_counter_is_polled_before_it_can_wrap_twice_whatever_that_costs():
    domain = Domain(DomainId("cpu"), "x", "sensor", "energy", 1e-3, "cpu", wrap=1_000, max_power_w=25.0)
    pace = Pace(10 * MS, share=0.01, longest_ns=wrap_limit_ns(domain))

    for poll in range(50):
        pace.account(polls=1, cost_ns=5 * MS, now_ns=poll * 20 * MS)

    assert pace.interval_ns == wrap_limit_ns(domain) == 20 * MS
