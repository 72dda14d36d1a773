"""Stages shorter than the sensor's period: right within bounds, their intervals hold the truth and are not inflated.

Short simulated runs and generous bounds, so that only a broken estimator fails; `make bench-attribution` has the table.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from cells import Cell
from scipy.stats import binom
from settings import Setting, run

pytestmark = pytest.mark.slow

SEEDS = (20, 21)
RUN_S = 16.0


@cache
def cell(case, sensor):
    return Cell(Setting(case, sensor), tuple(run(Setting(case, sensor), seed, RUN_S) for seed in SEEDS))


@pytest.mark.parametrize(
    ("case", "sensor", "median", "narrowest", "widest"),
    [
        ("medium", "ctr100", 0.01, 0.3, 6),
        ("medium", "v100", 0.01, 0.3, 6),
        ("overlap", "ctr100_lag", 0.04, 0.3, 6),
        ("overlap", "rapl", 0.02, 0.3, 6),
        ("short", "rapl", 0.07, 0.4, 4),
        ("short", "v100", 0.07, 0.4, 4),
        ("amplify", "ctr100", 0.06, 0.4, 6),
        ("amplify", "part25", 0.06, 0.4, 6),
        ("serving", "v100", 0.08, 0.4, 5),
    ],
)
def test_figures_below_the_period_are_right_and_their_intervals_honest(case, sensor, median, narrowest, widest):
    found = cell(case, sensor)

    covered = found.covered()
    assert all(score.has_fit for score in found.scores)
    assert found.median() <= median
    assert found.median() < 0.5 * found.peer("time_share")
    assert binom.cdf(covered.right, covered.of, 0.9) > 1e-3
    assert narrowest < found.width() < widest


@pytest.mark.parametrize("sensor", ["ctr100", "ctr20", "box1s", "part25"])
def test_what_the_data_cannot_tell_is_held_by_wide_intervals(sensor):
    found = cell("short", sensor)

    covered = found.covered()
    assert binom.cdf(covered.right, covered.of, 0.9) > 1e-3
    assert found.width() < 6
    assert np.median(found.error) < 1.3 * found.peer("time_share")
    claims = found.claims()
    assert claims.right >= 0.8 * claims.of


@pytest.mark.parametrize("sensor", ["ctr100", "lag100", "part25"])
def test_steps_in_step_with_the_sensor_name_no_leaf(sensor):
    found = cell("alias", sensor)

    assert found.gated() == len(SEEDS)
    assert found.claims().of == 0


@pytest.mark.parametrize("case", ["long", "short", "overlap", "serving"])
def test_ledger_closes_and_its_total_is_the_true_one(case):
    for score in cell(case, "ctr100").scores:
        assert abs(score.ledger_uj) <= 1
        assert abs(score.total_error) < 0.003
