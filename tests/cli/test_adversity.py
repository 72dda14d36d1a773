"""Full disks, vanished folders, no descriptors: the program is unharmed, one line says it, the losses are counted."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

STEPS = 40
BUSY = f"""
import energyprof, sys, time
with energyprof.stage("train"):
    for _ in range({STEPS}):
        for _ in range(200):
            with energyprof.stage("step"): pass
        time.sleep(0.02)
print("done")
sys.exit(3)
"""
CALLS = STEPS * 200
COUNTED = re.compile(r"(\d+) events were lost \(File too large\), so some calls and times are missing; .*")


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for something to come true; fails if it does not."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def calls(path: Path, stage: str) -> int:
    return sum(row.calls for row in load(path).report().stages if row.stage == stage)


@pytest.mark.usefixtures("no_bytecode")
def test_a_limit_on_the_size_of_files_costs_events_and_they_are_counted(place: Any) -> None:
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))\n"
    place.write("job.py", limit + BUSY.replace("0.02", "0.05"))

    ran = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py")

    assert (ran.stdout, ran.stderr, ran.returncode) == (b"done\n", b"", 3)
    report = load(place.folder / "a.eprof").report()
    assert report.overhead.dropped > 0
    assert 0 < calls(place.folder / "a.eprof", "train/step") < CALLS
    assert len([line for line in report.warnings if COUNTED.fullmatch(line)]) == 1


def test_a_current_folder_that_is_gone_is_no_hindrance(place: Any) -> None:
    place.write("job.py", BUSY)
    gone = place.folder / "gone"
    words = place.command("run", "-q", "--no-graph", "-o", str(place.folder / "a.eprof"), str(place.folder / "job.py"))

    gone.mkdir()
    ran = place.call(["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *words], cwd=gone)

    assert (ran.stdout, ran.stderr, ran.returncode) == (b"done\n", b"", 3)
    assert calls(place.folder / "a.eprof", "train/step") == CALLS
    assert place.leftovers() == []


CAPPED = """
import energyprof, resource, sys, time
def work(name, rounds):
    for _ in range(rounds):
        with energyprof.stage(name): pass
work("before", 1000)
time.sleep(0.4)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit))
for _ in range(12):
    work("lost", 60_000)
    time.sleep(0.1)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
time.sleep(0.4)
work("after", 1000)
print(grown // 1024)
"""


@pytest.mark.usefixtures("no_bytecode")
def test_memory_is_capped_while_nothing_can_be_written_and_the_report_counts_the_loss(place: Any) -> None:
    place.write("job.py", CAPPED)

    ran = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py")

    report = load(place.folder / "a.eprof").report()
    assert ran.stderr == b""
    assert int(ran.stdout) < 60  # MiB; 1.4 million events take some 140
    assert {row.stage: row.calls for row in report.stages if row.stage != "lost"} == {"before": 1000, "after": 1000}
    # Where the loss begins and where it ends one half of a call may be kept and the other be lost.
    lost = 12 * 60_000 - calls(place.folder / "a.eprof", "lost")
    assert report.overhead.dropped == pytest.approx(2 * lost, abs=2)


PLUGIN = """
import resource, time
from energyprof.interfaces import Reading
from energyprof.model.domain import Domain

class Filling:
    name = "filling"
    measures = "sensor"
    def why_unavailable(self, context): return None
    def open(self, context):
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, limit))  # of the collector: its disk is full from here on
        return [Domain(self.name, self.name, "sensor", "energy", 1e-3, "cpu")]
    def read(self): return [Reading(self.name, time.monotonic_ns() // 100_000)]
    def close(self): pass
"""


@pytest.mark.usefixtures("no_bytecode")
def test_what_a_full_disk_keeps_out_of_the_recording_can_be_recovered(place: Any, tmp_path: Path) -> None:
    about = tmp_path / "strange" / "filling-1.0.dist-info"
    about.mkdir(parents=True)
    (about.parent / "filling.py").write_text(PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: filling\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[energyprof.power_sources]\nfilling = filling:Filling\n")
    place.write("job.py", BUSY.replace("time.sleep(0.02)", "time.sleep(0.15)"))
    strange = {"PYTHONPATH": str(about.parent)}

    ran = place.run("-q", "--no-graph", "--source", "filling", "-o", "a.eprof", "job.py", environment=strange)
    said = ran.stderr.decode().splitlines()
    done = place.call(place.command(*said[-1].rpartition(": energyprof ")[2].split()))

    assert (ran.stdout, ran.returncode) == (b"done\n", 3)
    # Where the disk is full before the end this is said at once, and else in the last line only.
    full = f"{place.folder}/a.eprof cannot be written"
    assert [line.partition(" (")[0] for line in said[:-1]] in ([], [f"energyprof: {full}"])
    assert said[-1].startswith(f"energyprof: the recording is not complete{'' if said[:-1] else ': ' + full}")
    assert done.returncode == 0, done.stderr
    assert calls(place.folder / "a.eprof", "train/step") == CALLS
    assert load(place.folder / "a.eprof").report().run.exit_code == 3
    assert place.leftovers() == []


DELETED = """
import energyprof, os, sys, time
with energyprof.stage("first"): time.sleep(0.4)
print("deleting", flush=True)
sys.stdin.readline()
for _ in range(100):
    with energyprof.stage("second"): time.sleep(0.002)
time.sleep(0.4)
with energyprof.stage("third"): time.sleep(0.1)
sys.exit(4)
"""


def is_deleted(folder: Path) -> bool:
    """Delete it; False: something was written there meanwhile."""
    try:
        shutil.rmtree(folder)
    except OSError:
        return False
    return True


def test_a_run_folder_that_a_cleaner_deletes_is_made_again(place: Any) -> None:
    place.write("job.py", DELETED)
    words = place.command("run", "-q", "--no-graph", "-o", "a.eprof", "job.py")
    process = place.start(words, stdin=subprocess.PIPE)
    assert process.stdout.readline() == b"deleting\n"
    until(lambda: (place.folder / "a.eprof").stat().st_size > 0)
    until(lambda: len(place.leftovers()) == 1)
    (folder,) = place.leftovers()

    until(lambda: is_deleted(place.temporary / folder))
    until(lambda: place.leftovers() == [folder])
    stdout, stderr = process.communicate(b"\n", timeout=30)

    (line,) = stderr.decode().splitlines()
    assert (stdout, process.returncode) == (b"", 4)
    assert line.startswith(f"energyprof: somebody deleted {place.temporary / folder} during the run, ")
    stages = {row.stage: row.calls for row in load(place.folder / "a.eprof").report().stages}
    assert (stages["second"], stages["third"]) == (100, 1)
    assert place.leftovers() == []


DELETED_LATE = """
import os, shutil, time
import energyprof

with energyprof.stage("first"): time.sleep(0.3)
shutil.rmtree(os.environ["ENERGYPROF_RUN_DIR"])
while not os.path.isdir(os.path.join(os.environ["ENERGYPROF_RUN_DIR"], "spool")):
    time.sleep(0.01)
"""


def test_what_the_collector_finds_just_before_the_end_is_said_too(place: Any) -> None:
    place.write("job.py", DELETED_LATE)

    done = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py")

    assert done.returncode == 0
    (line,) = done.stderr.decode().splitlines()
    assert "somebody deleted" in line


def test_sixteen_descriptors_are_enough(place: Any) -> None:
    place.write("job.py", BUSY)
    words = " ".join(place.command("run", "--no-graph", "-o", "a.eprof", "job.py"))

    ran = place.call(["/bin/sh", "-c", f"ulimit -n 16; exec {words}"])

    assert (ran.stdout, ran.returncode) == (b"done\n", 3)
    assert b"recording a.eprof" in ran.stderr
    assert calls(place.folder / "a.eprof", "train/step") == CALLS


@pytest.mark.parametrize("home", ["/proc/nobody", ""])
def test_a_home_that_cannot_be_written_goes_unnoticed(place: Any, home: str) -> None:
    place.write("job.py", BUSY)
    place.environment.pop("XDG_CACHE_HOME")

    ran = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py", environment={"HOME": home})

    assert (ran.stdout, ran.stderr, ran.returncode) == (b"done\n", b"", 3)
    assert calls(place.folder / "a.eprof", "train/step") == CALLS


CHANGED = {
    "functions of os": "import os\nos.open = os.write = os.close = os.utime = None",
    "open": "import builtins, os\nbuiltins.open = None\nos.open = None",
    "no descriptor left": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
    "no way to its own files": "import os, sys\nsys.path.clear()\nsys.path_importer_cache.clear()\nos.open = None",
}


@pytest.mark.parametrize("stacks", ["--stacks", "--no-stacks"])
@pytest.mark.parametrize("what", CHANGED)
def test_a_program_that_takes_our_means_away_is_unharmed_and_told_of_what_is_missing(
    place: Any, what: str, stacks: str
) -> None:
    place.write("job.py", f"from energyprof import stage\n{CHANGED[what]}\n{BUSY}")

    ran = place.run("-q", "--no-graph", stacks, "-o", "a.eprof", "job.py")

    assert (ran.stdout, ran.stderr, ran.returncode) == (b"done\n", b"", 3)
    report = load(place.folder / "a.eprof").report()
    assert len([line for line in report.warnings if "could not write to the end" in line]) == 1


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("stacks", ["--stacks", "--no-stacks"])
def test_a_service_that_gives_up_its_rights_is_unharmed_and_told_of_what_is_missing(place: Any, stacks: str) -> None:
    place.write("job.py", f"from energyprof import stage\nimport os\nos.setuid(65534)\n{BUSY}")

    ran = place.run("-q", "--no-graph", stacks, "-o", "a.eprof", "job.py")

    assert (ran.stdout, ran.stderr, ran.returncode) == (b"done\n", b"", 3)
    report = load(place.folder / "a.eprof").report()
    assert len([line for line in report.warnings if "could not write to the end" in line]) == 1


def test_a_program_that_turns_into_another_has_nothing_missing(place: Any) -> None:
    become = "import os\nos.execvp('sh', ['sh', '-c', 'echo other; exit 6'])\n"
    place.write("job.py", BUSY.replace("sys.exit(3)", become))

    ran = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py")

    # What Python had not written yet is lost with it.
    assert (ran.stdout.splitlines()[-1:], ran.stderr, ran.returncode) == ([b"other"], b"", 6)
    report = load(place.folder / "a.eprof").report()
    assert [line for line in report.warnings if "recorder" in line] == []
    assert calls(place.folder / "a.eprof", "train/step") == CALLS
