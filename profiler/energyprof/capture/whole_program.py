"""A run without any stage or module: one stage `program` covers it, so that there is something to attribute to."""

from __future__ import annotations

import numpy as np

from energyprof.model.ids import StageId
from energyprof.model.power import ThreadCpu
from energyprof.model.span import LANE_KINDS, Lanes, Spans, Stage
from energyprof.model.tally import Counted
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


def program_counted(counted: Counted) -> Counted:
    """Return what was counted of such a run: the one stage has each stretch for itself, and is stored."""
    length_ns = counted.end_ns - counted.start_ns
    first = np.zeros(len(length_ns), np.int32)
    none, nothing = np.zeros(0, np.int32), np.zeros(0, np.int64)
    return Counted(
        start_ns=counted.start_ns,
        end_ns=counted.end_ns,
        stretch=np.arange(len(length_ns)),
        lane=first,
        stage=first,
        self_ns=length_ns,
        under_ns=np.zeros(len(length_ns), np.int64),
        call_lane=none,
        call_source=none,
        call_stage=none,
        calls=nothing,
        resumes=nothing,
        wall_ns=nothing,
        order_source=none,
        order_target=none,
        order_count=nothing,
        is_counted=np.zeros(1, np.bool_),
        power=counted.power,
    )
