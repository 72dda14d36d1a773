"""The bootstrap: how far energies move when blocks of residuals are drawn anew.

It sees what the covariance does not know of: residuals that hang together over several rows, or have heavy tails.
Blocks of L neighbouring residuals (moving blocks: Kuensch, Annals of Statistics 17, 1989), each residual divided by the
square root of what its own leverage leaves of it, go through the linear estimate A, energies x rows. Nobody has to
draw: blocks are drawn independently of each other, each from all places alike, so that the variance of what comes is

    sum over blocks b of a_b' G a_b,    G_ij = covariance over all places s of r_s+i and r_s+j    (L x L)

with a_b the part of a row of A that stands in block b: what infinitely many draws would give.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from energyprof.attribute.inference.likelihood import Solution
from energyprof.model.span import Floats

Matrix = NDArray[np.float64]
BLOCK, MEMORIES = 8, 4
"""Rows to a block, or so many times those over which residuals hang together; less in few rows."""
STRIP = 256
"""Energies at a time: each needs as many numbers as there are rows, several times."""


def bootstrap_sd(
    columns: Matrix, solution: Solution, covariance: Matrix, functional: Matrix, memory: int = 0
) -> Floats:
    """Return the standard deviation of `functional` times the parameters, of which `covariance` is known.

    `memory`: over how many rows residuals hang together (residuals.py).
    """
    rows = len(solution.residual_j)
    by_residual = solution.divided @ covariance
    hat = np.einsum("ij,ij->i", columns, by_residual)
    residual = solution.residual_j / np.sqrt(1 - np.clip(hat, 0.0, 0.95))
    block = int(min(max(BLOCK, MEMORIES * memory), max(1, rows // 10)))
    strips = [functional[low : low + STRIP] for low in range(0, len(functional), STRIP)]
    return np.concatenate([moving_block_sd(residual, strip @ by_residual.T, block) for strip in strips])


def moving_block_sd(residual: Floats, to_energy: Matrix, block: int) -> Floats:
    """Return the deviation of `to_energy` times residuals drawn in blocks of so many."""
    places = sliding_window_view(residual - residual.mean(), block)
    together = np.cov(places, rowvar=False, bias=True).reshape(block, block)
    energies, rows = to_energy.shape
    blocks = np.zeros((energies, -(-rows // block), block))
    blocks.reshape(energies, -1)[:, :rows] = to_energy
    spread: Floats = np.sqrt(np.maximum(np.einsum("kbi,kbi->k", blocks @ together, blocks), 0.0))
    return spread
