"""Processes are found by the spools they leave."""

from __future__ import annotations

from pathlib import Path

from energyprof.collect.spool_owners import SpoolOwners


def test_the_pid_of_each_spool_is_adopted_once(tmp_path: Path) -> None:
    adopted: list[int] = []
    owners = SpoolOwners(tmp_path, adopted.append)
    for name in ("41-7.000000.spool", "41-7.000001.spool", "x-1.000000.spool", "42-9.log"):
        (tmp_path / name).touch()

    owners.adopt()
    (tmp_path / "43-8.000000.spool").touch()
    owners.adopt()

    assert adopted == [41, 43]
