"""Calls of a model without gradients that are a validation: they stand in rows between the steps of a training.

Others belong to a step: what a generator makes for its judge, labels of a teacher, one look along a line. Those come
once or twice a step; rollouts and cached passes come in rows, too, but the first of them before anything has trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from energyprof.interfaces import FinishedRun
from energyprof.model.ids import StageId
from energyprof.model.report import StageRow
from energyprof.model.trace import Trace

LONG_ROW: Final = 3
"""So many calls from one backward pass to the next, in most rows."""
PART_OF_PASSES: Final = 0.5
"""So many rows for each backward pass are a part of the steps."""
SAMPLED: Final = "sampled_in_training_mode"


def is_validation(run: FinishedRun, row: StageRow) -> bool:
    """Return whether the calls of this model, below `evaluation`, are one; False: they are not, or nobody can tell."""
    kinds = {one.stage: one.kind for one in run.report.stages}
    if row.parent is None or kinds.get(row.parent) != "evaluation" or row.facts.get(SAMPLED):
        return False
    if any(one.name == row.name and _began_before_training(one, kinds) for one in run.report.stages):
        return False
    trace = run.trace()
    if trace.counted is not None:  # not all boundaries were stored
        return False
    rows, passes = _rows(trace, row)
    return bool(len(rows)) and bool(np.median(rows) >= LONG_ROW) and len(rows) <= PART_OF_PASSES * passes


def _began_before_training(row: StageRow, kinds: Mapping[StageId, str]) -> bool:
    """Return whether a model has been called without gradients when nothing had gone backward: outside `evaluation`."""
    if row.kind != "module" or (row.parent is not None and kinds.get(row.parent) not in {"stage", "function"}):
        return False
    return int(row.facts.get("gradient_calls", 0)) < row.calls


def _rows(trace: Trace, row: StageRow) -> tuple[np.ndarray, int]:
    """Return the calls from one backward pass to the next, wherever there are any, and the number of passes."""
    spans, ids = trace.spans, [stage.id for stage in trace.stages]
    is_pass = np.array([stage.kind == "backward" for stage in trace.stages], np.bool_)[spans.stage]
    is_pass &= ~is_pass[spans.parent] | (spans.parent < 0)
    is_call = np.array([each == row.stage for each in ids], np.bool_)[spans.stage]
    found: list[np.ndarray] = []
    for lane in np.unique(spans.lane[is_call]):
        here = spans.lane == lane
        before = np.searchsorted(np.sort(spans.start_ns[here & is_pass]), spans.start_ns[here & is_call])
        found.append(np.unique(before, return_counts=True)[1])
    return np.concatenate(found) if found else np.zeros(0, np.int64), int(np.count_nonzero(is_pass))
