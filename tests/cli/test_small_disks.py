"""A file system without room, at the output or for temporary files; another current folder; frozen programs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.usefixtures("no_bytecode")

BUSY = """
import energyprof, sys, time
with energyprof.stage("train"):
    for _ in range(20):
        for number in range(400):
            with energyprof.stage(f"step {number}"): pass
        time.sleep(0.05)
print("done")
sys.exit(3)
"""


def on_a_small_disk(folder: Path, words: list[str]) -> list[str]:
    """Return the command line that runs `words` where `folder` has 48 KiB: a file system, else a limit on files."""
    mounted = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = f'mount -t tmpfs -o size=48k none \'{folder}\' && cd "$PWD" && exec "$@"'
    if (
        shutil.which("unshare")
        and os.system(f"unshare --user --map-root-user --mount mount -t tmpfs none '{folder}'") == 0
    ):
        return [*mounted, script, "sh", *words]
    return ["sh", "-c", 'ulimit -S -f 96; exec "$@"', "sh", *words]


@pytest.mark.parametrize("full", ["tmp", "out"])
def test_a_full_disk_leaves_the_program_unharmed_and_is_said(place: Any, full: str) -> None:
    place.write("job.py", BUSY)
    (place.folder / "out").mkdir()
    folder = place.temporary if full == "tmp" else place.folder / "out"
    output = "a.eprof" if full == "tmp" else "out/a.eprof"

    done = place.call(on_a_small_disk(folder, place.command("run", "-q", "--no-graph", "-o", output, "job.py")))

    said = done.stderr.decode().splitlines()
    assert (done.stdout, done.returncode) == (b"done\n", 3)
    assert all(line.startswith("energyprof: ") for line in said)
    if full == "out":
        assert any("cannot be written" in line and "out/a.eprof" in line for line in said)
    else:
        report = load(place.folder / "a.eprof").report()
        assert report.overhead.dropped > 0 or sum(row.calls for row in report.stages) == 8001


RECOVERED = """
import energyprof, subprocess, sys
words = sys.argv[1:]
def call(*more):
    done = subprocess.run([*words, *more], capture_output=True, text=True)
    print(done.returncode, *done.stderr.splitlines(), sep="|", flush=True)
    return done.stderr
folder = call("run", "-q", "--no-graph", "-o", "out/a.eprof", "job.py").split()[-1]
call("recover", folder)
call("recover", folder, "-o", "out/b.eprof")
call("recover", folder, "-o", "b.eprof")
"""


def test_a_run_for_which_its_disk_has_no_room_is_brought_whole_to_another(place: Any) -> None:
    place.write("job.py", BUSY)
    place.write("all.py", RECOVERED)
    (place.folder / "out").mkdir()
    words = on_a_small_disk(place.folder / "out", [sys.executable, "all.py", *place.command()])
    if words[0] != "unshare":
        pytest.skip("no file system of a test's own can be mounted here")

    done = place.call(words)

    ran, onto, beside, elsewhere = (line.split("|") for line in done.stdout.decode().splitlines())
    full = f"{place.folder}/out/a.eprof cannot be written (No space left on device)"
    remedy = "free some space or choose another place with -o"
    assert ran[0] == "3"
    assert ran[1].startswith(f"energyprof: the recording is not complete: {full}; {remedy}; complete it with: ") or (
        ran[1] == f"energyprof: {full}; {remedy}" and ran[2].startswith("energyprof: the recording is not complete; ")
    )
    assert onto == ["2", f"energyprof: {full}; {remedy}"]
    assert beside == ["2", f"energyprof: {full.replace('a.eprof', 'b.eprof')}; {remedy}"]
    assert elsewhere == ["0"]
    report = load(place.folder / "b.eprof").report()
    assert sum(row.calls for row in report.stages) == 8001
    assert report.run.exit_code == 3
    (ledger,) = report.ledger
    assert ledger.measured_j > 0
    assert report.warnings == tuple(line for line in report.warnings if "power is known" not in line)
    assert place.leftovers() == []


def test_a_limit_on_the_size_of_files_is_said_with_its_remedy(place: Any) -> None:
    place.write("job.py", BUSY)
    limited = ["sh", "-c", 'ulimit -S -f 8; exec "$@"', "sh"]

    done = place.call([*limited, *place.command("run", "-q", "--no-graph", "-o", "a.eprof", "job.py")])

    said = done.stderr.decode().splitlines()
    fact = f"{place.folder}/a.eprof cannot be written (File too large); raise the limit on the size of files, ulimit -f"
    assert (done.stdout, done.returncode) == (b"done\n", 3)
    assert sum(fact in line for line in said) == 1
    assert "complete it with: energyprof recover " in said[-1]


def test_a_program_that_changes_its_folder_is_recorded_where_it_was_started(place: Any) -> None:
    (place.folder / "elsewhere").mkdir()
    place.write("job.py", "import os\nos.chdir('elsewhere')\n" + BUSY)

    done = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py")

    assert (done.stdout, done.stderr, done.returncode) == (b"done\n", b"", 3)
    assert [path.name for path in place.recordings()] == ["a.eprof"]
    assert sum(row.calls for row in load(place.folder / "a.eprof").report().stages) == 8001


def test_a_frozen_main_runs_as_python_runs_it(place: Any) -> None:
    bare = place.call([sys.executable, "-m", "__hello__"])

    ours = place.run("-q", "--no-graph", "-o", "a.eprof", "-m", "__hello__")

    assert bare.stdout == b"Hello world!\n"
    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, 0)
    assert load(place.folder / "a.eprof").report().run.exit_code == 0
