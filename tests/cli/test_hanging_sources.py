"""A driver that hangs in a read or in its opening delays neither Ctrl-C nor the prompt, and costs no other source."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from energyprof.run import load

PLUGINS = """
import os, time
from energyprof.interfaces import Reading
from energyprof.model.domain import Domain

def note(what):
    open(os.path.join(os.path.dirname(__file__), what), "w").close()

class Source:
    measures = "sensor"
    def why_unavailable(self, context): return None
    def open(self, context):
        return [Domain(self.name, self.name, "sensor", "energy", 1e-3, "cpu")]
    def read(self): return [Reading(self.name, time.monotonic_ns() // 100_000)]
    def close(self): pass

class Good(Source):
    name = "good"
    reads = 0
    def read(self):
        self.reads += 1
        if self.reads == 100: note("has read")
        return super().read()

class HangsReading(Source):
    name = "hangs_reading"
    reads = 0
    def read(self):
        self.reads += 1
        if self.reads > 3:
            note("hangs")
            time.sleep(30)
        return super().read()

class HangsOpening(Source):
    name = "hangs_opening"
    def open(self, context):
        time.sleep(30)
        return super().open(context)

class KeepsInterpreter(Source):
    name = "keeps_interpreter"
    reads = 0
    def read(self):
        import ctypes
        self.reads += 1
        if self.reads > 3:
            note("hangs")
            ctypes.PyDLL(None).sleep(40)  # no other thread of the collector runs meanwhile
        return super().read()
"""
ENTRY_POINTS = """
[energyprof.power_sources]
good = strange_sensors:Good
hangs_reading = strange_sensors:HangsReading
hangs_opening = strange_sensors:HangsOpening
"""
ENTRY_POINTS_OF_A_KEEPER = """
[energyprof.power_sources]
good = strange_sensors:Good
keeps_interpreter = strange_sensors:KeepsInterpreter
"""
PROGRAM = """
import energyprof, time
try:
    with energyprof.stage("serve"):
        print("ready", flush=True)
        time.sleep(20)
except KeyboardInterrupt:
    raise SystemExit(5)
"""
PATIENCE_S = 2.0
SLOWNESS = 3
"""Times what the same end takes without a hanging driver: a machine may be busier with one run than with another."""


def install(folder: Path, entry_points: str = ENTRY_POINTS) -> dict[str, str]:
    """Put a stranger's package with these sources on the path; return the environment that has it."""
    about = folder / "strange_sensors-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "strange_sensors.py").write_text(PLUGINS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strange-sensors\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entry_points)
    return {"PYTHONPATH": str(folder)}


def interrupted(place: Any, environment: dict[str, str], output: str, sources: str, awaited: tuple[str, ...]) -> float:
    """Run the program with these sources until they have noted what is awaited, and interrupt it.

    Return the seconds until the prompt is back.
    """
    words = [word for source in sources.split() for word in ("--source", source)]
    noted = [Path(environment["PYTHONPATH"], name) for name in awaited]
    for note in noted:
        note.unlink(missing_ok=True)
    process = place.start(place.command("run", "-q", "--no-graph", *words, "-o", output, "job.py"), environment)
    assert process.stdout.readline() == b"ready\n"
    deadline_s = time.monotonic() + 60
    while not all(note.exists() for note in noted):  # what is measured below is the end of a run that had begun to read
        assert time.monotonic() < deadline_s, awaited
        time.sleep(0.02)
    began_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=40)
    waited_s = time.monotonic() - began_s
    assert (stdout, process.returncode) == (b"", 5)
    assert (b"recover" in stderr) == ("keeps_interpreter" in sources)
    return waited_s


def test_hanging_drivers_delay_nobody_and_the_others_are_read(place: Any, tmp_path: Path) -> None:
    environment = install(tmp_path / "strange")
    place.write("job.py", PROGRAM)

    alone_s = interrupted(place, environment, "alone.eprof", "good", ("has read",))
    together_s = interrupted(place, environment, "all.eprof", "hangs_opening hangs_reading good", ("has read", "hangs"))
    by_itself_s = interrupted(place, environment, "auto.eprof", "", ("has read", "hangs"))

    assert max(together_s, by_itself_s) < PATIENCE_S + SLOWNESS * alone_s
    for name in ("all.eprof", "auto.eprof"):
        report = load(place.folder / name).report()
        reads = {row.domain: row.reads for row in report.domains}
        assert reads["good"] > 5
        assert reads["hangs_reading"] == 3
        assert report.stages[0].self_energy[list(reads).index("good")].energy_j > 0.3
        lost = [
            line for line in report.warnings if line.startswith(("power source hangs_opening", "hangs_reading did"))
        ]
        assert len(lost) == 2, report.warnings
    assert place.leftovers() == []
    assert place.members() == []


def test_a_driver_that_lets_no_thread_of_the_collector_run_delays_the_prompt_no_longer(
    place: Any, tmp_path: Path
) -> None:
    environment = install(tmp_path / "strange", ENTRY_POINTS_OF_A_KEEPER)
    place.write("job.py", PROGRAM)

    alone_s = interrupted(place, environment, "alone.eprof", "good", ("has read",))
    kept_s = interrupted(place, environment, "kept.eprof", "keeps_interpreter good", ("hangs",))

    assert kept_s < PATIENCE_S + SLOWNESS * alone_s
    (left,) = place.temporary.glob("energyprof-*")
    done = place.call(place.command("recover", str(left), "-o", "kept.eprof"))
    assert done.returncode == 0, done.stderr.decode()
    assert [stage.name for stage in load(place.folder / "kept.eprof").report().stages] == ["serve"]
    assert place.members() == []
