"""Equal-length columns in a dataclass, treated as one table: joined end to end, rows picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from energyprof.model.power import Readings, ThreadCpu, Use
from energyprof.model.recording import SpanChunk
from energyprof.model.span import LaneRuns
from energyprof.model.stacks import Samples
from energyprof.model.tally import PowerSums

Columns = TypeVar("Columns", SpanChunk, LaneRuns, Readings, ThreadCpu, Samples, Use, PowerSums)

_DTYPES: dict[str, Any] = {
    **dict.fromkeys(("start_ns", "end_ns", "t_before_ns", "t_after_ns", "raw", "t_ns", "cpu_ns", "raw_us"), np.int64),
    **dict.fromkeys(("own_ns", "others_ns", "profiler_ns"), np.int64),
    **dict.fromkeys(("stage", "lane", "depth", "pid", "tid", "node", "line"), np.int32),
    **dict.fromkeys(("is_open", "resumed"), np.bool_),
    "status": np.uint8,
}


def joined(kind: type[Columns], pieces: Sequence[Columns]) -> Columns:
    """Return the pieces end to end; none give empty columns."""
    columns = {}
    for column in fields(kind):
        dtype = _DTYPES[column.name]
        parts = [getattr(piece, column.name) for piece in pieces] or [np.zeros(0, dtype)]
        columns[column.name] = np.concatenate(parts).astype(dtype, copy=False)
    return kind(**columns)


def picked(columns: Columns, rows: NDArray[np.intp] | slice) -> Columns:
    """Return some rows, in the order asked for."""
    return type(columns)(**{column.name: getattr(columns, column.name)[rows] for column in fields(columns)})
