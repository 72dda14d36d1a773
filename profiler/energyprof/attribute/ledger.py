"""The ledger in whole microjoules: every part is rounded so that the parts add up to what was measured, exactly.

Largest remainder: each part is rounded down, and the microjoules still missing go to the parts with the largest
fractions. Sums of rounded parts (totals, unsplit groups) are then exact as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energyprof.model.attribution import LedgerLine
from energyprof.model.ids import DomainId
from energyprof.model.span import Floats, Ints

MICRO = 1e6
"""Microjoules per joule."""


def whole_microjoules(parts_j: Floats, total_uj: int) -> Ints:
    """Return the parts in whole microjoules, adding up to `total_uj`; the last part takes what rounding noise leaves.

    A part of exactly 0 stays 0.
    """
    exact = parts_j * MICRO
    floor = np.floor(exact)
    result = floor.astype(np.int64)
    fraction = exact - floor
    missing = total_uj - int(result.sum())
    if missing > 0:
        raised = np.argsort(-fraction, kind="stable")[: min(missing, int(np.count_nonzero(fraction > 0)))]
        result[raised] += 1
    result[-1] += total_uj - int(result.sum())
    return result


def ledger_line(domain: DomainId, stages_uj: Ints, rest_uj: Sequence[int]) -> LedgerLine:
    """Return the account, `rest_uj` being idle, outside, others, unattributed; measured is what all add up to."""
    idle_uj, outside_uj, others_uj, unattributed_uj = rest_uj
    stages = int(stages_uj.sum())
    return LedgerLine(
        domain=domain,
        measured_j=(stages + idle_uj + outside_uj + others_uj + unattributed_uj) / MICRO,
        stages_j=stages / MICRO,
        idle_j=idle_uj / MICRO,
        outside_j=outside_uj / MICRO,
        others_j=others_uj / MICRO,
        unattributed_j=unattributed_uj / MICRO,
    )
