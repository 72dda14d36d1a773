"""More threads at work than processors: what is one, what is none, and what the change saves."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from energyprof.interfaces import FinishedRun
from energyprof.model.report import Report
from energyprof.model.run_queue import QueuePeriod, RunQueue
from energyprof.model.span import Spans
from energyprof_plugins.findings.oversubscription import Oversubscription

SECOND = 1_000_000_000


def period(at_s: float, worked_s: float, waited_s: float, pooled: float = 1.0, threads: int = 16) -> QueuePeriod:
    """Return a second in which so much was worked and waited; `pooled`: which part of the wait in pools of threads."""
    worked, waited = round(worked_s * SECOND), round(waited_s * SECOND)
    start_ns = round(at_s * SECOND)
    return QueuePeriod(start_ns, start_ns + SECOND, worked, waited, round(pooled * waited), threads, 2)


CROWDED = period(0, worked_s=2.0, waited_s=14.0)


@pytest.fixture
def find(sample: Any) -> Any:
    """Return what looks at a run of 10 s on two processors: `main` all the time, within it `load` 5 s, then `work`."""

    def found(*periods: QueuePeriod, cpus: float = 2.0) -> list[Any]:
        load, work = sample.Part("load", (1.0,)), sample.Part("work", (30.0,))
        report = sample.make_report([sample.Part("main", (0.0,), (load, work))], wall_s=10.0)
        cpu_s = {"main": 11.0, "main/load": 0.5, "main/work": 10.5}
        report = replace(report, stages=tuple(replace(row, cpu_s=cpu_s[row.stage]) for row in report.stages))
        queue = RunQueue(cpus, periods)
        return list(Oversubscription().find(FinishedRun(report, lambda: trace_of(report), queue)))

    return found


def trace_of(report: Report) -> Any:
    """Return as much of a trace as the rule asks for."""
    times = {"main": (0, 10), "main/load": (0, 5), "main/work": (5, 10)}
    start, end = np.array([times[row.stage] for row in report.stages]).T * SECOND
    rows = np.arange(len(start), dtype=np.int32)
    spans = Spans(rows, np.zeros_like(rows), start, end, np.full_like(rows, -1), np.zeros(len(rows), np.bool_))
    stages = [SimpleNamespace(id=row.stage) for row in report.stages]
    return SimpleNamespace(counted=None, spans=spans, stages=stages)


def test_stage_in_which_threads_wait_for_processors_is_found_with_what_they_waited(find: Any) -> None:
    (finding,) = find(
        *(period(at, 0.5, 0.0, threads=1) for at in range(5)), *(period(at, 2.0, 14.0) for at in range(5, 10))
    )

    assert finding.offenders == ("main/work",)
    assert finding.now_j == pytest.approx(30.0)
    assert finding.saving_j == (0.0, pytest.approx(0.95 * 30.0))
    assert finding.evidence == (
        "for 5 s threads waited 7 s for each second they worked: up to 16 threads of 2 processes wanted 2 processors"
    )
    assert finding.remedy.startswith("torch.set_num_threads(1) in every process")


def test_where_it_is_so_for_a_part_of_the_stage_no_more_than_that_part_is_saved(find: Any) -> None:
    (finding,) = find(*(period(at, 2.0, 14.0) for at in range(5, 7)))

    assert finding.offenders == ("main/work",)
    assert finding.saving_j == (0.0, pytest.approx(0.95 * 30.0 * 2 / 5))


def test_what_is_crowded_while_others_are_busy_may_be_saved_too(find: Any) -> None:
    (finding,) = find(*(period(at, 2.0, 14.0) for at in (5, 6)), *(period(at, 0.5, 7.0) for at in (7, 8)))

    assert finding.evidence.startswith("for 2 s ")
    assert finding.saving_j == (0.0, pytest.approx(0.95 * 30.0 * 4 / 5))


def test_start_that_others_make_long_hides_no_crowd(find: Any) -> None:
    """Of 10 s the program was left a tenth of a processor for 9, importing; in the last one it worked."""
    (finding,) = find(*(period(at, 0.1, 1.5) for at in range(9)), period(9, 1.5, 9.0, threads=8))

    assert finding.evidence.startswith("for 1 s threads waited 6 s for each second they worked: up to 8 threads")


def test_processes_of_one_thread_each_are_hinted_at(find: Any) -> None:
    (finding,) = find(*(period(at, 2.0, 14.0, pooled=0.0) for at in range(10)))

    assert finding.is_hint
    assert finding.remedy.startswith("run at most 2 of these processes or threads at once")


def test_quota_of_half_a_processor_is_crowded_by_two_threads(find: Any) -> None:
    (finding,) = find(*(period(at, 0.5, 1.5, threads=2) for at in range(10)), cpus=0.5)

    assert "2 threads of 2 processes wanted 0.5 processors" in finding.evidence


@pytest.mark.parametrize(
    "periods",
    [
        [],
        [period(at, 0.4, 0.6, threads=1) for at in range(10)],
        [period(at, 0.3, 7.7) for at in range(10)],
        [period(at, 0.2, 0.0, threads=0) for at in range(10)],
        [period(at, 2.0, 2.0, threads=4) for at in range(10)],
        [period(0, 1.0, 10.0)._replace(end_ns=SECOND // 2)],
    ],
    ids=[
        "nothing known of it",
        "one thread beside a busy program",
        "a program that others leave a sixth of the processors",
        "idle threads",
        "as many workers as processors beside a pool",
        "the start of a run",
    ],
)
def test_what_is_no_fault_is_not_found(find: Any, periods: list[QueuePeriod]) -> None:
    assert find(*periods) == []


def test_recording_that_does_not_tell_it_finds_nothing(sample: Any) -> None:
    assert list(Oversubscription().find(FinishedRun(sample.make_report([sample.Part("main", (1.0,))])))) == []


POOLS = """
import multiprocessing, resource
torch.set_num_threads({threads})

@energyprof.stage
def answer(ready):
    torch.set_num_threads({threads})
    ready.wait(30)
    weights = torch.randn(256, 256)
    for _ in range({rounds}):
        weights = torch.tanh(weights @ weights * 0.01)

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    workers = [context.Process(target=answer, args=(ready,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    ready.set()
    for worker in workers:
        worker.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    energyprof.metric("cpu_s", used.ru_utime + used.ru_stime)
"""


@pytest.mark.slow
def test_pools_in_each_others_way_are_found_and_their_saving_comes_true(profiled: Any, found: Any) -> None:
    processors = len(os.sched_getaffinity(0))
    faulty = profiled(POOLS.format(threads=4 * processors, rounds=1000), torch=True)
    mended = profiled(POOLS.format(threads=1, rounds=1000), torch=True)

    (finding,) = found(faulty, "oversubscription")
    assert finding["offenders"] == ["answer"]
    assert f" processes wanted {processors} processor" in finding["evidence"]
    least_j, most_j = finding["saving_j"]
    assert least_j == 0 < most_j
    spent_s, left_s = (next(row["value"] for row in run["metrics"]) for run in (faulty, mended))
    assert 0 < 1 - left_s / spent_s < most_j / finding["now_j"]
    assert found(mended, "oversubscription") == []
