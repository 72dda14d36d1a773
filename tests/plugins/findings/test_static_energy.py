"""A machine that is held while it waits, and one that is held for its work alone."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

SERVING = """
for _ in range(4):
    {wait}
    with energyprof.stage("answer"):
        burn(0.6)
"""
ONE_BY_ONE = SERVING.format(wait="time.sleep(1.5)  # until the next request comes")
ALL_AT_ONCE = SERVING.format(wait="")
"""The same requests, kept until there are four."""


def test_a_run_that_mostly_waits_is_found_and_being_done_sooner_saves_what_is_promised(
    profiled: Any, found: Any
) -> None:
    faulty, mended = profiled(ONE_BY_ONE), profiled(ALL_AT_ONCE)

    (finding,) = found(faulty, "static_energy")
    assert finding["offenders"] == []
    least_j, most_j = finding["saving_j"]
    assert least_j == 0.0
    assert most_j == finding["now_j"]
    spent_j, left_j = (sum(line["measured_j"] for line in run["ledger"]) for run in (faulty, mended))
    assert least_j < spent_j - left_j < most_j
    assert found(mended, "static_energy") == []
