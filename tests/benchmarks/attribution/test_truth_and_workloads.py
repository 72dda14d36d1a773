"""The simulated runs: their energy is exact, they are what they say, and a seed gives always the same one."""

from __future__ import annotations

import numpy as np
import pytest
from truth import Base, Calls, Truth
from workloads import BASE_W, IDLE_S, WORKLOADS, make

MS = 1_000_000
SECOND = 1_000_000_000
RUN_S = 14.0


def two_threads():
    """One call of 100 W from 1 to 3 s, one of 50 W from 2 to 5 s; the base rises from 10 to 30 W at 4 s; 6 s in all."""
    calls = Calls(
        stage=np.array([0, 1]),
        lane=np.array([0, 1]),
        step=np.array([0, 1]),
        start_ns=np.array([1, 2]) * SECOND,
        end_ns=np.array([3, 5]) * SECOND,
        power_w=np.array([100.0, 50.0]),
    )
    base = Base(np.array([0, 4 * SECOND]), np.array([10.0, 30.0]))
    return Truth((("a",), ("b",)), calls, base, 6 * SECOND)


def test_calls_open_at_once_share_the_base():
    truth = two_threads()

    np.testing.assert_allclose(truth.stage_j, [200 + 10 + 5, 150 + 5 + 10 + 30])
    np.testing.assert_allclose(truth.shared_s(), [1.5, 2.5])
    assert truth.idle_j == pytest.approx(10 + 30)


def test_energy_until_an_instant_is_exact():
    truth = two_threads()

    until_j = truth.until_j(np.array([-1.0, 0.0, 0.5, 1.25, 2.5, 4.5, 6.0, 7.0]) * SECOND)

    expected = np.array([-10.0, 0.0, 5.0, 37.5, 200.0, 380.0, 450.0, 480.0])
    np.testing.assert_allclose(until_j - until_j[1], expected)


def test_energy_of_stages_within_stretches_is_their_part_of_it():
    truth = two_threads()

    within_j = truth.stages_within_j(np.array([0.5, 4.5]) * SECOND, np.array([2.5, 5.5]) * SECOND)

    np.testing.assert_allclose(within_j, [150 + 10 + 2.5, 25 + 2.5 + 25 + 15])
    whole_j = truth.stages_within_j(np.array([0.0]), np.array([6.0]) * SECOND)
    np.testing.assert_allclose(whole_j, truth.stage_j)


def test_slow_response_is_the_mean_over_exponential_delays():
    truth, response_ns = two_threads(), 0.3 * SECOND
    at_ns = np.array([0.5, 1.1, 2.9, 3.01, 4.7, 6.5]) * SECOND
    # The mean over s, exponential, as a sum over 40,000 quantiles of s.
    delays_ns = -response_ns * np.log(1 - (np.arange(40_000) + 0.5) / 40_000)

    filtered_j = truth.filtered_j(at_ns, response_ns)

    expected = [float(truth.until_j(t_ns - delays_ns).mean()) for t_ns in at_ns]
    np.testing.assert_allclose(filtered_j, expected, atol=0.01)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_energies_of_stages_and_idle_add_up(workload):
    truth = make(workload, 3, RUN_S)

    assert truth.stage_j.sum() + truth.idle_j == pytest.approx(truth.between_j(0, truth.run_ns), rel=1e-12)
    assert (truth.stage_j > 0).all()


@pytest.mark.parametrize("workload", WORKLOADS)
def test_calls_of_a_lane_follow_one_another_between_two_idle_ends(workload):
    truth = make(workload, 4, RUN_S)
    calls = truth.calls

    same = calls.lane[1:] == calls.lane[:-1]
    assert (calls.end_ns > calls.start_ns).all()
    assert (calls.start_ns[1:] >= calls.end_ns[:-1])[same].all()
    assert calls.start_ns.min() >= IDLE_S * SECOND
    assert calls.end_ns.max() <= (RUN_S - IDLE_S) * SECOND


@pytest.mark.parametrize("workload", WORKLOADS)
def test_seed_gives_always_the_same_run_and_another_one_another(workload):
    first, again, other = (make(workload, seed, RUN_S) for seed in (5, 5, 6))

    for column in ("stage", "lane", "step", "start_ns", "end_ns", "power_w"):
        np.testing.assert_array_equal(getattr(first.calls, column), getattr(again.calls, column))
    np.testing.assert_array_equal(first.stage_j, again.stage_j)
    assert not np.array_equal(first.calls.power_w[:20], other.calls.power_w[:20])


def durations_s(truth):
    """Usual durations of the stages."""
    return np.array([np.median(truth.calls.duration_s()[truth.calls.stage == k]) for k in range(len(truth.paths))])


@pytest.mark.parametrize(
    ("workload", "shortest_s", "longest_s"),
    [
        ("long", 0.6, 4.4),
        ("medium", 0.05, 0.22),
        ("short", 1e-3, 12e-3),
        ("tiny", 9e-5, 1.1e-3),
        ("serving", 8e-4, 23e-3),
    ],
)
def test_stages_last_as_long_as_said(workload, shortest_s, longest_s):
    usual_s = durations_s(make(workload, 0, 60.0))

    assert shortest_s < usual_s.min()
    assert usual_s.max() < longest_s


def test_requests_stretch_together_and_power_rises_with_duration():
    truth = make("serving", 0, 60.0)
    calls, count = truth.calls, len(truth.paths)
    requests = len(calls) // count
    ratio = (calls.duration_s() / durations_s(truth)[calls.stage])[: requests * count].reshape(-1, count)
    power_w = calls.power_w[: requests * count].reshape(-1, count)

    usual = np.all(ratio < 3, axis=1)
    together = np.corrcoef(np.log(ratio[usual]).T)[~np.eye(count, dtype=bool)]
    slopes = [np.polyfit(np.log(ratio[usual, k]), np.log(power_w[usual, k]), 1)[0] for k in range(count)]
    assert together.min() > 0.9
    assert min(slopes) > -0.02
    assert max(slopes) > 0.15
    assert 0.004 < np.mean(ratio > 3.5) < 0.03  # of them one in a hundred takes six times as long
    gap_s = (
        calls.start_ns[count::count] - calls.end_ns[count - 1 :: count][: len(calls.start_ns[count::count])]
    ) * 1e-9
    assert 0.2 < np.mean(gap_s > 1e-3) < 0.8  # some wait for the one before, some find it idle
    busy_s = calls.duration_s().sum()
    assert 0.4 < busy_s / 56 < 0.75


def test_aliased_step_keeps_step_with_the_sensor_and_the_cure_does_not():
    def phase_spread_s(workload):
        calls = make(workload, 0, 30.0).calls
        phase = np.exp(2j * np.pi * calls.start_ns[calls.stage == 0] / (100 * MS))
        return 1 - abs(phase.mean())

    assert phase_spread_s("alias") < 1e-6
    assert phase_spread_s("alias_dephase") > 0.8


def test_repeated_stages_last_half_a_sensor_period_each():
    calls = make("amplify", 0, 30.0).calls
    lasted_s, count = calls.duration_s(), 51

    for step in range(5):
        mine = np.flatnonzero(calls.step == step)
        again = mine[count:]
        assert len(np.unique(calls.stage[again])) == 1
        assert lasted_s[again].sum() == pytest.approx(0.05, rel=0.2)


def test_drifting_base_rises_by_35_w():
    truth = make("drift", 0, 60.0)

    assert truth.base.power_w[0] == BASE_W
    assert truth.base.power_w[-1] == pytest.approx(BASE_W + 35 * (1 - np.exp(-3)), abs=0.1)
