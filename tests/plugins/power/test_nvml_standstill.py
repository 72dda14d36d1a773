"""When a counter that does not move is held to stand still, and when not."""

from __future__ import annotations

from energyprof_plugins.power.nvml_standstill import Motion, Standstill

MS = 1_000_000


def judged(readings, power_w):
    """Return what (t_ms, raw) readings are worth, and how often power was asked for."""
    asked = []

    def ask():
        asked.append(1)
        return power_w

    watch = Standstill(ask)
    return [watch.judge(raw, t_ms * MS) for t_ms, raw in readings], len(asked)


def moving(until_ms, every_ms):
    return [(t_ms, t_ms // every_ms) for t_ms in range(0, until_ms, 10)]


def test_counter_that_moves_is_believed_without_asking_for_power():
    worth, asked = judged(moving(3000, 100), 250.0)

    assert set(worth) == {Motion.MOVES}
    assert asked == 0


def test_counter_that_stands_while_power_flows_is_found_after_five_periods_and_said_rarely():
    readings = [*moving(1000, 100), *((t_ms, 9) for t_ms in range(1000, 3000, 10))]

    worth, asked = judged(readings, 250.0)

    first = worth.index(Motion.STANDS)
    assert 1400 <= readings[first][0] <= 1500
    assert worth.count(Motion.STANDS) == asked == 4
    assert set(worth[first:]) == {Motion.STANDS, Motion.STILL_STANDS}


def test_counter_that_moves_again_is_believed_again():
    readings = [*moving(1000, 100), *((t_ms, 9) for t_ms in range(1000, 3000, 10)), (3000, 10), (3010, 10)]

    worth, _ = judged(readings, 250.0)

    assert worth[-2:] == [Motion.MOVES, Motion.MOVES]


def test_slow_counter_is_not_mistaken_for_one_that_stands():
    worth, asked = judged(moving(9000, 1000), 250.0)

    assert set(worth) == {Motion.MOVES}
    assert asked == 0


def test_counter_of_a_gpu_that_draws_nothing_may_stand():
    for power_w in (0.0, None):
        worth, _ = judged([(t_ms, 5) for t_ms in range(0, 9000, 10)], power_w)

        assert set(worth) == {Motion.MOVES}
