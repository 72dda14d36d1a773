"""What is done every so often."""

from __future__ import annotations

from energyprof.collect.due import Due


def test_things_are_due_at_first_and_then_every_so_often_each_for_itself() -> None:
    at_s = [10.0]
    due = Due(lambda: at_s[0])

    assert due.is_due("live", 2.0)
    at_s[0] = 11.0
    assert not due.is_due("live", 2.0)
    assert due.is_due("facts", 2.0)
    at_s[0] = 12.0
    assert due.is_due("live", 2.0)
