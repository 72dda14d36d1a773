"""Do the residuals look as the model says? If not, how much wider must the intervals be?

Whitened residuals r = L^-1 e should be independent, of variance 1 and light tails.

    spread         chi2 = mean of r^2; above 1, variances grow by it
    correlation    with autocorrelations a_l up to the first that chance explains, a sum of many residuals varies
                   f = 1 + 2 sum over l of a_l times as much as one of independent ones (Priestley, Spectral Analysis
                   and Time Series, 1981, section 5.3). What is slow cancels in part between stages that take turns:
                   no theory here says how much. Variances grow by the square root of f, between all of it and nothing,
                   and at most by 2. That is an empirical middle, not a theory: where the power of all stages wanders
                   together on a fast power sensor, 95 % intervals still hold 80 %.
                   Blocks of the bootstrap last as long as residuals hang together (bootstrap.py)
    heavy tails    kurtosis far above a normal's 3: single rows decide, and the bootstrap may widen further
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Floats

MOST = 0.1
"""Part of the rows over which memory is looked for."""
MOST_BY_CORRELATION = 2.0
HEAVY_FROM = 6.0


@dataclass(frozen=True, slots=True)
class Residuals:
    """What was found."""

    chi2: float
    correlation: float
    """f, at least 1."""
    memory: int
    """Rows over which residuals hang together; 0: they do not."""
    kurtosis: float

    @staticmethod
    def of(white: Floats) -> Residuals:
        """Look at whitened residuals in order of time."""
        count = len(white)
        square = max(float(np.mean(white**2)), 1e-300)
        factor, chance, memory = 1.0, 2.0 / count**0.5, 0
        centred = white - white.mean()
        for lag in range(1, int(MOST * count) + 1):
            together = float(np.mean(centred[lag:] * centred[:-lag])) / square
            if together < chance:
                break
            factor, memory = factor + 2 * together, lag
        return Residuals(square, factor, memory, float(np.mean(white**4)) / square**2)

    def widening(self) -> float:
        """Return the factor on variances."""
        return max(self.chi2, 1.0) * min(float(self.correlation**0.5), MOST_BY_CORRELATION)
