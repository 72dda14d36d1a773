"""The table beside these tests tells of every rule what stands behind it."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

TABLE = Path(__file__).with_name("README.md")


def test_every_rule_has_a_row_and_every_row_a_rule() -> None:
    rules = {
        point.name
        for point in entry_points(group="energyprof.findings")
        if point.value.startswith("energyprof_plugins.")
    }

    told = set(re.findall(r"^\| `(\w+)`", TABLE.read_text(encoding="utf-8"), re.MULTILINE))

    assert told == rules


def test_every_test_that_the_table_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", TABLE.read_text(encoding="utf-8")))

    assert named
    assert {name for name in named if not TABLE.with_name(name).exists()} == set()
