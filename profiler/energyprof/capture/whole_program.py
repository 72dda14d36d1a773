"""A run without any stage or module: one stage `program` covers it, so that there is something to attribute to."""

from __future__ import annotations

import numpy as np

from energyprof.model.ids import StageId
from energyprof.model.power import ThreadCpu
from energyprof.model.span import LANE_KINDS, Lanes, Spans, Stage
from energyprof.model.trace import RunFacts

PROGRAM = Stage(StageId("program"), "program", ("program",), None, "program")


def program_span(run: RunFacts, lanes: Lanes, cpu: ThreadCpu) -> tuple[Lanes, Spans]:
    """Return one span from the run's start to its end on the program's main thread.

    The main thread is the first lane; without any (a program that is not Python) it is made up from the CPU times.
    """
    index = np.zeros(1, np.int32)
    none = np.full(1, -1, np.int32)
    if not len(lanes):
        pid = cpu.pid[np.argmin(cpu.t_ns)] if len(cpu) else 0
        process = np.full(1, pid, np.int32)
        kind = np.full(1, LANE_KINDS.index("thread"), np.uint8)
        lanes = Lanes(process, process, np.ones(1, np.int64), kind, none, none, none)
    start_ns, end_ns = np.array([[run.start_ns], [max(run.end_ns, run.start_ns)]], np.int64)
    return lanes, Spans(index, index, start_ns, end_ns, none, np.zeros(1, np.bool_))
