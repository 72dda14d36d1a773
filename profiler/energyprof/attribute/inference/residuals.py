"""Do the residuals look as the model says? If not, how much wider must the intervals be?

Whitened residuals r = L^-1 e should be independent, of variance 1 and light tails.

    spread         chi2 = mean of r^2; above 1, variances grow by it
    correlation    with autocorrelations a_l, a sum of many residuals varies 1 + 2 sum over l of a_l times as much as
                   independent ones would (Priestley, Spectral Analysis and Time Series, 1981, section 5.3); counted up
                   to the first a_l that chance explains
    heavy tails    kurtosis far above a normal's 3: single rows decide, and the bootstrap may widen further
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Floats

LAGS = 8
HEAVY_FROM = 6.0


@dataclass(frozen=True, slots=True)
class Residuals:
    """What was found."""

    chi2: float
    correlation: float
    """Factor on variances, at least 1."""
    kurtosis: float

    @staticmethod
    def of(white: Floats) -> Residuals:
        """Look at whitened residuals in order of time."""
        count = len(white)
        square = max(float(np.mean(white**2)), 1e-300)
        factor, chance = 1.0, 2.0 / count**0.5
        centred = white - white.mean()
        for lag in range(1, min(LAGS, count // 4) + 1):
            together = float(np.mean(centred[lag:] * centred[:-lag])) / square
            if together < chance:
                break
            factor += 2 * together
        return Residuals(square, factor, float(np.mean(white**4)) / square**2)

    def widening(self) -> float:
        """Return the factor on variances."""
        return max(self.chi2, 1.0)
