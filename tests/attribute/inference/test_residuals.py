"""Residuals that are too large or hang together widen intervals; those that look as they should do not."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.inference.residuals import Residuals


def test_independent_residuals_of_variance_1_widen_nothing():
    found = Residuals.of(np.random.default_rng(0).standard_normal(4000))

    assert found.memory <= 1
    assert found.widening() < 1.15


def test_residuals_that_hang_together_widen_though_none_is_large():
    draws = np.random.default_rng(1).standard_normal(4000)
    together = np.convolve(draws, np.ones(20) / 20**0.5, "valid")

    found = Residuals.of(together / together.std())

    assert 10 <= found.memory <= 30
    assert found.chi2 < 1.01
    assert found.widening() >= 1.9


def test_residuals_that_are_too_large_widen_by_their_square():
    found = Residuals.of(2 * np.random.default_rng(2).standard_normal(4000))

    assert 3.5 < found.widening() < 4.6
