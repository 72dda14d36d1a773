"""A sweep over batch sizes says so where a larger batch costs less, and only where runs tell it apart."""

from __future__ import annotations

import pytest

from energyprof.model.variants import Mean, VariantRow, Verdict
from energyprof.report.batch_sizes import batch_advice


def way(name: str, ratio: float, verdict: Verdict) -> VariantRow:
    """Return a way that takes so many times what the cheapest takes."""
    bounds = (0.9 * ratio, 1.1 * ratio) if verdict == "dearer" else (None, None)
    return VariantRow(
        name, 3, Mean(ratio, None, None), 100.0, Mean(1.0, None, None), None, Mean(ratio, *bounds), verdict, None
    )


def test_smallest_batch_that_is_dearer_is_set_against_the_cheapest_with_its_interval() -> None:
    rows = [way("batch=4", 2.0, "dearer"), way("batch=1", 4.0, "dearer"), way("batch=16", 1.0, "cheapest")]

    (line,) = batch_advice(rows, "image")

    assert line.startswith(
        "batch=1 takes 4 times the joules of batch=16 (95 %: 3.6 to 4.4) for each image: batches of 1 "
    )


def test_ways_that_differ_in_more_than_the_batch_are_set_against_their_like() -> None:
    rows = [
        way("batch_size=1,threads=1", 5.0, "dearer"),
        way("batch_size=1,threads=2", 3.0, "dearer"),
        way("batch_size=8,threads=2", 1.0, "cheapest"),
    ]

    (line,) = batch_advice(rows, "")

    assert line.startswith("batch_size=1,threads=2 takes 3 times the joules of batch_size=8,threads=2 ")
    assert " for each run: " in line


@pytest.mark.parametrize(
    "rows",
    [
        [way("batch=1", 1.0, "cheapest"), way("batch=16", 2.0, "dearer")],
        [way("batch=1", 1.2, "unclear"), way("batch=16", 1.0, "cheapest")],
        [way("batch=1", 4.0, "cannot tell"), way("batch=16", 1.0, "cheapest")],
        [way("batch=1,device=cpu", 4.0, "dearer"), way("batch=16,device=cuda", 1.0, "cheapest")],
        [way("batches=1", 4.0, "dearer"), way("batches=16", 1.0, "cheapest")],
        [way("int8", 1.0, "cheapest"), way("float32", 2.0, "dearer")],
        [],
    ],
    ids=["smaller is cheaper", "not told apart", "one run each", "another device", "no batch", "no sizes", "nothing"],
)
def test_what_shows_no_free_capacity_says_nothing(rows: list[VariantRow]) -> None:
    assert batch_advice(rows, "image") == ()
