"""A machine that is held while it waits, and one that is held for its work alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energyprof.interfaces import FinishedRun
from energyprof.model.run_queue import QueuePeriod, RunQueue
from energyprof_plugins.findings.static_energy import StaticEnergy

SECOND = 1_000_000_000

ANSWER = """
import multiprocessing

@energyprof.stage
def answer():
    burn(0.4)

"""
ONE_BY_ONE = f"""{ANSWER}
for _ in range(4):
    time.sleep(1.4)  # until the next request comes
    answer()
"""
AT_THE_SAME_TIME = f"""{ANSWER}
time.sleep(1.4)  # until there are four
workers = [multiprocessing.get_context("fork").Process(target=answer) for _ in range(4)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
"""
"""Several processes, which get their part of a busy machine."""


COMPUTING = """
burn(2.2)
"""
"""On one processor, however many there are."""


@pytest.mark.slow
def test_a_run_that_mostly_waits_is_found_and_being_done_sooner_saves_what_is_promised(
    profiled: Any, found: Any
) -> None:
    faulty, mended = profiled(ONE_BY_ONE), profiled(AT_THE_SAME_TIME)

    (finding,) = found(faulty, "static_energy")
    assert finding["offenders"] == []
    least_j, most_j = finding["saving_j"]
    assert least_j == 0.0
    assert most_j == finding["now_j"]
    spent_j, left_j = (sum(line["measured_j"] for line in run["ledger"]) for run in (faulty, mended))
    kept_s = max(faulty["run"]["wall_s"] - 4 * (1.4 + 0.4), 0.0)  # by other programs; this saves, too
    kept_j = kept_s * sum(row["baseline_w"] for row in faulty["domains"] if row["counts"])
    assert least_j < spent_j - left_j < most_j + kept_j
    assert found(mended, "static_energy") == []
    assert found(profiled(COMPUTING), "static_energy") == []


def at_work(worked: float, waited: float) -> list[QueuePeriod]:
    """Return ten seconds, in each of which so much was worked and waited for a processor."""
    worked_ns, waited_ns = round(worked * SECOND), round(waited * SECOND)
    return [QueuePeriod(at * SECOND, (at + 1) * SECOND, worked_ns, waited_ns, 0, 1, 1) for at in range(10)]


@pytest.fixture
def find(sample: Any) -> Any:
    """Return what looks at a run of 10 s and 105 J, 90 of which are idle power."""

    def found(queue: RunQueue | None, busy: float | None = None) -> list[Any]:
        report = sample.make_report([sample.Part("serve", (100.0,))], wall_s=10.0, idle_share=0.0)
        facts = {} if busy is None else {"utilization_ratio": {"mean": busy}}
        report = replace(report, domains=tuple(replace(row, baseline_w=9.0, facts=facts) for row in report.domains))
        return list(StaticEnergy().find(FinishedRun(report, lambda: None, queue)))

    return found


def test_program_that_has_nothing_to_do_is_found_with_the_idle_power_of_that_time(find: Any) -> None:
    (finding,) = find(RunQueue(2.0, tuple(at_work(worked=0.2, waited=0.1))))

    assert finding.now_j == pytest.approx(0.7 * 90.0)
    assert finding.saving_j == (0.0, finding.now_j)
    assert finding.evidence.startswith("for 7 s of 10 s the program had nothing to do; 85 % of 105 J is idle power")


@pytest.mark.parametrize(
    ("queue", "busy"),
    [
        (RunQueue(2.0, tuple(at_work(worked=1.0, waited=0.0))), None),
        (RunQueue(2.0, tuple(at_work(worked=0.2, waited=0.7))), None),
        (RunQueue(2.0, tuple(at_work(worked=0.2, waited=0.0))), 0.6),
        (None, None),
    ],
    ids=["it works on one processor of two", "others keep it waiting", "a device works", "nobody knows"],
)
def test_idle_power_of_a_program_that_works_or_is_kept_from_it_is_no_fault(find: Any, queue: Any, busy: Any) -> None:
    assert find(queue, busy) == []


def test_program_that_waits_is_found_although_others_make_its_work_long(find: Any) -> None:
    (finding,) = find(RunQueue(2.0, tuple(at_work(worked=0.1, waited=0.5))))

    assert finding.now_j == pytest.approx(0.4 * 90.0)
