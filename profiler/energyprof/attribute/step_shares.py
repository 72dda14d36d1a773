"""How the time of a model's calls is divided over its layers, from those calls whose layers were recorded.

Of `n` such calls of length L_i, drawn at random among `N`, and t_i the own time of one stage in each, its share of the
time of all calls is estimated as R = sum t / sum L. With e_i = t_i - R L_i the standard deviation of that ratio is

    sd(R) = sqrt((1 - n/N) sum e^2 / (n (n - 1))) / mean(L)        (Cochran, Sampling Techniques, 1977, section 6.3)

Only calls since sampling began count, for those before are not drawn; if none of those was, all that were recorded do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.sums import sum_by
from energyprof.model.recorded_names import PASSED_OVER
from energyprof.model.span import Flags, Floats, Index, Ints, Spans
from energyprof.model.trace import Trace


@dataclass(frozen=True, slots=True, eq=False)
class StepShares:
    """What is known of the calls of one model; columns have a row for each stage."""

    model: int
    passed: int
    """The stage inside it that stands for all of its layers where those were not recorded."""
    recorded_calls: int
    passed_calls: int
    share: Floats
    """Of the time of a call, the own time of the stage; 0 for stages that are not in it. Sums to 1."""
    relative_sd: Floats
    """Standard deviation of the share, relative to it; 1 where a single call was recorded."""
    inclusive: Floats
    """The same share with all that stands below on the same lane; 0 for the model itself."""
    calls: Floats
    """Calls of the stage in one call of the model; 0 for the model itself."""
    rate: Floats
    """Own time in all calls that were recorded, in ns: what the energy known of the stage was spent in."""


def passed_over_stages(trace: Trace) -> list[int]:
    """Return the stages that stand for layers that were not recorded, the innermost last."""
    return [index for index, stage in enumerate(trace.stages) if PASSED_OVER in stage.facts]


def step_shares(trace: Trace, passed: int, lanes: Flags) -> StepShares | None:
    """Return how the time that `passed` stands for is divided, as seen on these lanes; None: no call was recorded."""
    model = trace.stages[passed].parent
    if model is None:
        return None
    spans, count = trace.spans, len(trace.stages)
    whole = np.flatnonzero((spans.stage == model) & lanes[spans.lane] & ~spans.is_open)
    over = np.flatnonzero((spans.stage == passed) & lanes[spans.lane])
    drawn = whole[~np.isin(whole, spans.parent[over])]
    if len(over):
        since = drawn[spans.start_ns[drawn] >= spans.start_ns[over].min()]
        drawn = since if len(since) else drawn
    length = (spans.end_ns[drawn] - spans.start_ns[drawn]).astype(np.float64)
    if not len(drawn) or length.sum() <= 0:
        return None
    own = _own_ns(spans)
    call = _call_of(spans, drawn)
    rows = np.flatnonzero(call >= 0)
    stage = spans.stage[rows]
    share = sum_by(stage, own[rows], count) / length.sum()
    inside = rows[spans.stage[rows] != model]
    duration = (spans.end_ns[inside] - spans.start_ns[inside]).astype(np.float64)
    again = spans.stage[inside] == spans.stage[np.maximum(spans.parent[inside], 0)]
    recorded = np.flatnonzero(lanes[spans.lane])
    return StepShares(
        model=model,
        passed=passed,
        recorded_calls=len(drawn),
        passed_calls=len(over),
        share=share,
        relative_sd=_relative_sd((call[rows], stage, own[rows]), length, share, len(drawn) + len(over)),
        inclusive=sum_by(spans.stage[inside], np.where(again, 0.0, duration), count) / length.sum(),
        calls=sum_by(spans.stage[inside], (~spans.resumed[inside]).astype(np.float64), count) / len(drawn),
        rate=sum_by(spans.stage[recorded], own[recorded], count),
    )


def _own_ns(spans: Spans) -> Floats:
    duration = (spans.end_ns - spans.start_ns).astype(np.float64)
    inner = np.flatnonzero(spans.parent >= 0)
    return np.maximum(duration - sum_by(spans.parent[inner], duration[inner], len(spans)), 0.0)


def _call_of(spans: Spans, calls: Ints) -> Index:
    """Return for each span the number of the call that it stands in, its own for a call; -1: in none of these."""
    found = np.full(len(spans), -1, np.int32)
    found[calls] = np.arange(len(calls))
    level = np.flatnonzero((spans.parent >= 0) & (found < 0))
    while True:  # once for each level of spans below the calls
        reached = found[spans.parent[level]]
        new = reached >= 0
        if not new.any():
            return found
        found[level[new]] = reached[new]
        level = level[~new]


def _relative_sd(own: tuple[Index, Index, Floats], length_ns: Floats, share: Floats, of_calls: int) -> Floats:
    """Return sd(R) / R of each stage; `own` are the calls, stages and own times of spans."""
    call, stage, own_ns = own
    count, calls = len(share), len(length_ns)
    if calls < 2:
        return np.ones(count)
    key, at = np.unique(call.astype(np.int64) * count + stage, return_inverse=True)
    time = sum_by(at, own_ns, len(key))
    of_call, of_stage = key // count, key % count
    expected = share[of_stage] * length_ns[of_call]
    squares = sum_by(of_stage, (time - expected) ** 2 - expected**2, count) + share**2 * (length_ns**2).sum()
    variance = max(1 - calls / of_calls, 0.0) * np.maximum(squares, 0.0) / (calls * (calls - 1))
    sd = np.sqrt(variance) / length_ns.mean()
    return np.where(share > 0, sd / np.where(share > 0, share, 1.0), 0.0)
