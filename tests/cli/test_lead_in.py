"""`--lead-in`: sensors are read before the program starts, and what they say then is the idle power."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

SENSOR = """
import time
from energyprof.interfaces import Reading
from energyprof.model.domain import Domain

class Steady:
    name, measures, rank = "steady", "sensor", 50
    def why_unavailable(self, context): return None
    def open(self, context):
        return [Domain("supply", "steady", "sensor", "energy", 1e-3, "cpu", period_ns=1_000_000)]
    def read(self): return [Reading("supply", time.monotonic_ns() // 50_000)]
    def close(self): pass
"""
"""A counter of 20 W."""
PROGRAM = """
import energyprof, time
with energyprof.stage("work"):
    end = time.monotonic() + 0.5
    while time.monotonic() < end: pass
print("worked")
"""


@pytest.fixture
def sensor(tmp_path: Path) -> dict[str, str]:
    """Put a stranger's package on the path; return the environment that has it."""
    about = tmp_path / "strange" / "steady_sensor-1.0.dist-info"
    about.mkdir(parents=True)
    (tmp_path / "strange" / "steady_sensor.py").write_text(SENSOR)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: steady-sensor\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[energyprof.power_sources]\nsteady = steady_sensor:Steady\n")
    return {"PYTHONPATH": str(about.parent)}


def test_lead_in_gives_the_idle_power_and_is_no_part_of_the_run(place: Any, sensor: dict[str, str]) -> None:
    place.write("job.py", PROGRAM)

    began_s = time.monotonic()
    done = place.run("-q", "--no-graph", "--source", "steady", "--lead-in", "1", "job.py", environment=sensor)
    took_s = time.monotonic() - began_s

    assert (done.returncode, done.stdout, done.stderr) == (0, b"worked\n", b"")
    run = load(place.recordings()[0])
    (domain,) = run.report().domains
    assert domain.baseline_w == pytest.approx(20.0, rel=0.02)
    trace = run.trace
    first_ns = int(trace.readings[domain.domain].t_before_ns[0])
    assert (trace.run.start_ns - first_ns) * 1e-9 > 0.9
    assert run.report().run.wall_s < took_s - 1.0
    assert run.report().measured.energy_j == pytest.approx(20.0 * run.report().run.wall_s, rel=0.1)
    assert place.leftovers() == []


def test_ctrl_c_during_the_lead_in_leaves_nothing_and_starts_nothing(place: Any, sensor: dict[str, str]) -> None:
    place.write("job.py", "print('never')")
    words = place.command("run", "--source", "steady", "--lead-in", "60", "job.py")

    process = place.start(words, sensor)
    deadline_s = time.monotonic() + 30
    while not place.leftovers() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)

    assert (process.returncode, stdout, stderr) == (130, b"", b"energyprof: interrupted\n")
    assert (place.leftovers(), place.recordings(), place.members()) == ([], [], [])


def test_foreground_that_is_killed_during_the_lead_in_leaves_nothing_behind(place: Any, sensor: dict[str, str]) -> None:
    place.write("job.py", "print('never')")
    words = place.command("run", "--source", "steady", "--lead-in", "60", "job.py")

    process = place.start(words, sensor)
    deadline_s = time.monotonic() + 30
    while len(place.members()) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=30)
    while (place.members() or place.leftovers()) and time.monotonic() < deadline_s + 30:
        time.sleep(0.05)

    assert (place.leftovers(), place.recordings(), place.members()) == ([], [], [])


@pytest.mark.parametrize("lead_in", ["-1", "soon", "1e9"])
def test_lead_in_that_is_none_is_refused(place: Any, lead_in: str) -> None:
    done = place.run("--lead-in", lead_in, "job.py")

    assert done.returncode == 2
    assert f"{lead_in} is no lead-in; choose 0 to 3600 seconds".encode() in done.stderr


def test_program_that_profiles_itself_waits_for_its_lead_in(place: Any, sensor: dict[str, str]) -> None:
    place.write(
        "job.py",
        "import energyprof\n"
        "with energyprof.profile('own.eprof', sources='steady', lead_in=0.8):\n"
        "    with energyprof.stage('work'):\n"
        "        sum(range(3_000_000))\n",
    )

    done = place.call([sys.executable, "job.py"], environment=sensor)

    assert (done.returncode, done.stderr) == (0, b"")
    run = load(place.folder / "own.eprof")
    (domain,) = run.report().domains
    assert domain.baseline_w == pytest.approx(20.0, rel=0.02)
    assert (run.trace.run.start_ns - int(run.trace.readings[domain.domain].t_before_ns[0])) * 1e-9 > 0.7
    assert place.leftovers() == []
