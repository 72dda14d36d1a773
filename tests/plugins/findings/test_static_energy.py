"""A machine that is held while it waits, and one that is held for its work alone."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

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
    assert least_j < spent_j - left_j < most_j
    assert found(mended, "static_energy") == []
