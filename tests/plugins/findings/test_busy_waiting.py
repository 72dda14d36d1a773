"""Who polls is named from the sampled stacks, not guessed from the functions of the stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.ids import StageId
from energyprof.model.power import ThreadCpu
from energyprof.model.report import FunctionRow
from energyprof.model.stacks import Function, Samples, StackNodes, Stacks
from energyprof_plugins.findings.busy_waiting import BusyWaiting

MODULE = Function("<module>", "/home/me/poll.py", 1)
CONSUMER = Function("consumer", "/home/me/poll.py", 6)
PRODUCER = Function("producer", "/home/me/poll.py", 3)
EMPTY = Function("Queue.empty", "/usr/lib/python3.11/queue.py", 97)
QSIZE = Function("Queue._qsize", "/usr/lib/python3.11/queue.py", 209)
WORKING = ((PRODUCER,), 4, 25)
"""Of another thread; it asks nothing, and stands in as many samples as who does."""


Seen = Sequence[tuple[tuple[Function, ...], int, int]]


def found(sample: Any, sample_trace: Any, seen: Seen) -> Finding:
    """Return the one thing that `all_found` finds."""
    (finding,) = all_found(sample, sample_trace, seen)
    return finding


def all_found(
    sample: Any,
    sample_trace: Any,
    seen: Seen,
    idle: float | None = 0.25,
    threads: Mapping[Function, int] = {},
    cpu: ThreadCpu | None = None,
) -> list[Finding]:
    """Return what is found in a run whose samples stood in these stacks, outermost first, at a line, so many times.

    Each sample took a joule; `idle`: which part of it was idle power, None: nobody knows. `threads`: of innermost
    functions that stand in another thread than the rest. `cpu`: what threads used, if anybody knows.
    """
    functions = tuple(dict.fromkeys(function for stack, _, _ in seen for function in stack))
    stacks = list(dict.fromkeys(stack[:depth] for stack, _, _ in seen for depth in range(1, len(stack) + 1)))
    parent = [stacks.index(stack[:-1]) if stack[:-1] else -1 for stack in stacks]
    nodes = StackNodes(*(np.array(column, np.int32) for column in (parent, [functions.index(s[-1]) for s in stacks])))
    samples = [(stacks.index(stack), line) for stack, line, count in seen for _ in range(count)]
    node, line = (np.array(column, np.int32) for column in zip(*samples, strict=True))
    tids = [threads.get(stack[-1], 70) for stack, _, count in seen for _ in range(count)]
    ids, tid, times = np.full(len(node), 70, np.int32), np.array(tids, np.int32), np.arange(len(node), dtype=np.int64)
    trace = replace(
        sample_trace.make_trace([[("receive", 0, 10)]]),
        stacks=Stacks(functions, nodes, Samples(ids, tid, times, times + 1, node, line)),
    )
    trace = trace if cpu is None else replace(trace, cpu=cpu)
    rows = []
    for function in functions:
        own = [(at, count) for stack, at, count in seen if stack[-1] == function]
        hot = max(own, key=lambda one: one[1])[0] if own else None
        count = sum(count for _, count in own)
        total = sum(count for stack, _, count in seen if function in stack)
        rows.append(FunctionRow(
            function.name, function.file, function.line, StageId("receive"), float(count), 0.0, 100.0,
            "estimated (model)", float(total), samples=count, total_samples=total, hot_line=hot,
            idle_j=None if idle is None else idle * count, total_idle_j=None if idle is None else idle * total,
        ))  # fmt: skip
    report = replace(sample.make_report([sample.Part("receive", (90.0,))]), functions=tuple(rows))
    return list(BusyWaiting().find(FinishedRun(report, lambda: trace)))


def test_function_that_polls_is_named_with_its_line(sample, sample_trace):
    seen = [
        ((MODULE, CONSUMER), 8, 2),
        ((MODULE, CONSUMER), 9, 1),
        ((MODULE, CONSUMER, EMPTY), 108, 15),
        ((MODULE, CONSUMER, EMPTY, QSIZE), 209, 10),
        WORKING,
    ]

    finding = found(sample, sample_trace, seen)

    assert finding.offenders == ("receive",)
    assert finding.fault == "consumer waits by asking again and again"
    assert finding.evidence == (
        "15 samples of 53 stood in Queue.empty, which only ask; consumer (poll.py:6) asks, seen most often at line 8"
    )


def test_who_asks_most_often_is_named_and_never_seen_itself_has_no_line_to_look_at(sample, sample_trace):
    seen = [((MODULE, PRODUCER, EMPTY), 108, 4), ((MODULE, CONSUMER, EMPTY), 108, 15), WORKING]

    finding = found(sample, sample_trace, seen)

    assert finding.fault == "consumer waits by asking again and again"
    assert finding.evidence.endswith("; consumer (poll.py:6) asks")


@pytest.mark.parametrize("module", [MODULE, replace(MODULE, file="C:\\me\\poll.py")])
def test_code_of_no_function_is_named_after_its_file(sample, sample_trace, module):
    finding = found(sample, sample_trace, [((module, EMPTY), 108, 15), ((module,), 8, 3)])

    assert finding.fault == "poll.py waits by asking again and again"
    assert finding.evidence.endswith("; poll.py asks, seen most often at line 8")


def test_where_no_stack_shows_a_caller_nobody_is_accused(sample, sample_trace):
    finding = found(sample, sample_trace, [((EMPTY,), 108, 15), WORKING])

    assert finding.fault == "it waits by asking again and again"
    assert finding.evidence == "15 samples of 40 stood in Queue.empty, which only ask"


WAIT_UNTIL = replace(CONSUMER, name="wait_until", asking_lines=(8, 9))


def test_function_that_asks_the_time_in_an_empty_loop_is_named_with_its_line(sample, sample_trace):
    seen = [((MODULE, WAIT_UNTIL), 8, 30), ((MODULE, WAIT_UNTIL), 12, 10), ((MODULE, PRODUCER), 4, 20)]

    finding = found(sample, sample_trace, seen)

    assert finding.fault == "wait_until waits by asking again and again"
    assert finding.evidence == (
        "30 samples of 60 stood in a loop that does nothing but ask: wait_until (poll.py:6), line 8"
    )
    assert finding.now_j == 40.0
    assert finding.saving_j == (0.75 * 30.0, 0.75 * 40.0)


def test_thread_that_works_meanwhile_is_kept_from_it_so_that_all_of_asking_may_be_saved(sample, sample_trace):
    seen = [((MODULE, WAIT_UNTIL), 8, 30), WORKING]

    (alone,) = all_found(sample, sample_trace, seen)
    (beside,) = all_found(sample, sample_trace, seen, threads={PRODUCER: 71})

    assert alone.saving_j == (0.75 * 30.0, 0.75 * 30.0)
    assert beside.saving_j == (0.75 * 30.0, 30.0)


def test_what_threads_of_c_code_spin_meanwhile_is_not_surely_saved(sample, sample_trace):
    """A pool of OpenBLAS (thread 72) used half of the CPU time of the process, whose one thread of Python asks."""
    used = [(0, 0, 0), (0, 30, 60), (70, 0, 0), (70, 30, 30), (72, 0, 0), (72, 30, 30)]
    tid, t_ns, cpu_ns = (np.array(column) for column in zip(*used, strict=True))
    cpu = ThreadCpu(np.full(len(used), 70, np.int32), tid.astype(np.int32), t_ns, cpu_ns)

    (finding,) = all_found(sample, sample_trace, [((MODULE, WAIT_UNTIL), 8, 30)], cpu=cpu)

    assert finding.saving_j == (pytest.approx(0.5 * 0.75 * 30.0), 0.75 * 30.0)


def test_where_idle_power_is_not_known_nothing_may_be_saved(sample, sample_trace):
    (finding,) = all_found(sample, sample_trace, [((MODULE, WAIT_UNTIL), 8, 30), WORKING], idle=None)

    assert finding.saving_j == (0.0, 30.0)
    assert finding.evidence.endswith("; how much of it is idle power is not known")


def test_loop_that_is_hardly_ever_seen_asking_is_no_fault(sample, sample_trace):
    seen = [((MODULE, WAIT_UNTIL), 12, 90), ((MODULE, WAIT_UNTIL), 8, 12)]

    assert all_found(sample, sample_trace, seen) == []


RECEIVER = replace(CONSUMER, name="receiver", asking_lines=(9,))
GET_NOWAIT = Function("Queue.get_nowait", "/usr/lib/python3.11/queue.py", 187)
GET = Function("Queue.get", "/usr/lib/python3.11/queue.py", 154)
TAKEN_OUT = Function("Queue._get", "/usr/lib/python3.11/queue.py", 217)
WAIT = Function("Condition.wait", "/usr/lib/python3.11/threading.py", 288)
ASKS = (MODULE, RECEIVER, GET_NOWAIT, GET)
IN_VAIN = [((MODULE, RECEIVER), 9, 6), ((MODULE, RECEIVER), 12, 4), (ASKS, 160, 20), WORKING]


def test_loop_around_a_queue_that_is_empty_is_found_with_what_it_asks(sample, sample_trace):
    finding = found(sample, sample_trace, IN_VAIN)

    assert finding.fault == "receiver waits by asking again and again"
    assert finding.evidence == (
        "26 samples of 55 stood in a loop that does nothing but ask: receiver (poll.py:6), line 9"
    )


def test_loop_is_found_whose_line_that_does_nothing_is_never_seen(sample, sample_trace):
    """`while True: try: get_nowait() except Empty: pass`: samples stand at the head of the loop, not at `pass`."""
    seen = [((MODULE, RECEIVER), 7, 20), (ASKS, 160, 20), WORKING]

    finding = found(sample, sample_trace, seen)

    assert finding.fault == "receiver waits by asking again and again"
    assert finding.now_j == 40.0
    assert finding.saving_j == (pytest.approx(0.75 * 20.0), pytest.approx(0.75 * 40.0))


@pytest.mark.parametrize(
    "more", [((*ASKS, TAKEN_OUT), 218, 2), ((*ASKS, WAIT), 300, 160)], ids=["gets what it asks for", "mostly waits"]
)
def test_loop_around_a_queue_that_brings_something_or_waits_is_no_fault(sample, sample_trace, more):
    assert all_found(sample, sample_trace, [*IN_VAIN, more, WORKING]) == []


IS_SET = Function("Event.is_set", "/usr/lib/python3.11/threading.py", 581)


@pytest.mark.parametrize(("in_vain", "is_fault"), [(0, False), (15, True)], ids=["a full queue", "an empty one"])
def test_event_that_is_looked_at_once_for_each_item_is_no_fault(sample, sample_trace, in_vain, is_fault):
    """`while not stop.is_set()` around `get_nowait` of a queue written in C, which has no stack of its own."""
    seen = [((MODULE, RECEIVER, IS_SET), 585, 20), ((MODULE, RECEIVER), 8, 25), ((MODULE, RECEIVER), 11, 15), WORKING]
    if in_vain:
        seen.append(((MODULE, RECEIVER), 9, in_vain))

    assert [finding.fault for finding in all_found(sample, sample_trace, seen)] == (
        ["receiver waits by asking again and again"] if is_fault else []
    )
