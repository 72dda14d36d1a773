"""A machine that others use, too: a real busy neighbour is found, said, and with --shared taken off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from energyprof.model.ids import DomainId
from energyprof.run import load

PLUGIN = """
import time
from energyprof.interfaces import Reading
from energyprof.model.domain import Domain

class Meter:
    # A counter of a machine that draws 100 W, whoever works.
    name, measures, rank = "meter", "sensor", 20
    def why_unavailable(self, context): return None
    def open(self, context):
        return [Domain("psys", "meter (test)", "sensor", "energy", 1e-6, "cpu", baseline_w=20.0)]
    def read(self): return [Reading("psys", time.monotonic_ns() // 10)]
    def close(self): pass
"""
JOB = """
import energyprof, time
with energyprof.stage("work"):
    until = time.process_time() + 0.4
    while time.process_time() < until: pass
    time.sleep(0.4)
"""
BURN = "print('on', flush=True)\nwhile True: pass"


@pytest.fixture
def neighbour() -> Iterator[None]:
    """A program that is not ours and keeps a processor busy."""
    with subprocess.Popen([sys.executable, "-c", BURN], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


@pytest.fixture
def profiled(place: Any, tmp_path: Path, neighbour: None) -> Any:
    """Return what profiles the job with a meter, and gives its run."""
    about = tmp_path / "strange" / "meter-1.0.dist-info"
    about.mkdir(parents=True)
    (about.parent / "odd_meter.py").write_text(PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: meter\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[energyprof.power_sources]\nmeter = odd_meter:Meter\n")
    environment = {"PYTHONPATH": str(about.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def call(name: str, text: str, *words: str, command: tuple[str, ...] = ("run", "-q", "--no-graph")) -> Any:
        place.write("job.py", text)
        words = (*words, "--source", "meter", "-o", f"{name}.eprof", "job.py")
        done = place.call(place.command(*command, *words), environment=environment)
        assert done.returncode == 0, done.stderr
        return load(place.folder / f"{name}.eprof")

    call.environment = environment  # type: ignore[attr-defined]
    return call


def test_busy_neighbour_is_said_and_taken_off_only_on_request(profiled: Any) -> None:
    plain, shared = profiled("plain", JOB), profiled("shared", JOB, "--shared")

    for run in (plain, shared):
        (row,) = (row for row in run.report().domains if row.domain == "psys")
        assert row.others_share is not None
        assert row.others_share > 0.3  # it has a processor all of the time, the job at most half of it
        assert any(line.startswith("other programs used ") for line in run.report().warnings)
    assert plain.report().ledger[0].others_j == 0.0
    (line,) = (line for line in shared.report().ledger if line.domain == "psys")
    parts = (line.stages_j, line.idle_j, line.outside_j, line.others_j, line.unattributed_j)
    assert sum(round(part * 1e6) for part in parts) == round(line.measured_j * 1e6)
    dynamic_j = line.measured_j - 20.0 * (shared.report().run.wall_s)
    assert line.others_j > 0.25 * dynamic_j
    (work,) = shared.report().stages[0].self_energy
    assert work.provenance == "estimated (model)"
    assert work.domain == DomainId("psys")
    assert work.low_j < work.energy_j < work.high_j
    assert shared.trace.run.shared
    assert len(shared.trace.host_use) >= 2


def test_block_that_is_profiled_as_shared_is_too(profiled: Any, place: Any) -> None:
    block = f"import energyprof\nwith energyprof.profile('block.eprof', sources='meter', shared=True):\n    {BLOCK}"
    script = place.write("block.py", block)

    done = place.call([sys.executable, str(script)], environment=profiled.environment)

    assert done.returncode == 0, done.stderr
    ledger = load(place.folder / "block.eprof").report().ledger
    assert ledger[0].others_j > 0


BLOCK = "import time; time.sleep(1.5)"
