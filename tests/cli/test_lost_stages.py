"""Stages that could not be kept: no `program` takes their energy, and the report says that they are missing and why."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.usefixtures("no_bytecode")

LIMITED = """
import energyprof, resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
for number in range({stages}):
    with energyprof.stage(f"x{{number % 30}}"): pass
"""
DELETED = """
import energyprof, os, shutil
with energyprof.stage("x"): sum(range(1_000_000))
shutil.rmtree(os.environ["ENERGYPROF_RUN_DIR"])
with energyprof.stage("y"): sum(range(1_000_000))
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (LIMITED.format(limit=100, stages=1), "2 events were lost (File too large)"),
        # So few that they are written at once, so little room that no part of them would find any.
        (LIMITED.format(limit=4_000, stages=5_000), "10000 events were lost (File too large)"),
        (DELETED, "all stages were lost (the temporary folder of the run was deleted)"),
    ],
    ids=["one stage, no room", "many stages, little room", "run folder deleted"],
)
def test_energy_of_lost_stages_stands_outside_any_stage(place: Any, program: str, said: str) -> None:
    place.write("job.py", program)

    ran = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py")

    assert ran.returncode == 0
    assert all(b"somebody deleted" in line for line in ran.stderr.splitlines())
    assert bool(ran.stderr) == (program is DELETED)
    report = load(place.folder / "a.eprof").report()
    warnings = "\n".join(report.warnings)
    assert [row.stage for row in report.stages] == []
    assert said in warnings
    assert "all stages were lost" in warnings
    assert "no recorder started" not in warnings
    assert not [row for row in report.functions if "energyprof" in row.file]


def test_a_recorder_that_cannot_write_its_first_frame_is_said(place: Any) -> None:
    job = f"ulimit -f 0; exec {sys.executable} -c 'sum(range(3_000_000))'"

    ran = place.run("-q", "--no-graph", "-o", "a.eprof", "--exec", "--", "sh", "-c", job)

    report = load(place.folder / "a.eprof").report()
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert [row.stage for row in report.stages] == []
    assert any(line.startswith("a recorder could not start (") for line in report.warnings)
    assert not any("no recorder started" in line for line in report.warnings)
