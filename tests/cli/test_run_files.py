"""What a run writes and where; wrong input is one line with fact and remedy, status 2, and nothing is started."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

STAGED = "import energyprof\nwith energyprof.stage('child'):\n    sum(range(3_000_000))\n"


def test_recording_and_diagram_lie_in_this_folder_named_after_the_script(place: Any) -> None:
    (place.folder / "jobs").mkdir()
    place.write("jobs/train.py", STAGED)

    ran = place.run("jobs/train.py")

    (recording,) = place.recordings()
    stem = recording.name.removesuffix(".eprof")
    assert re.fullmatch(r"train-\d{8}-\d{6}-\d+", stem)
    assert sorted(os.listdir(place.folder)) == sorted(["jobs", *(stem + end for end in (".eprof", ".svg", ".png"))])
    assert (place.folder / f"{stem}.svg").read_bytes().startswith(b"<svg ")
    assert (place.folder / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
    last = ran.stderr.decode().splitlines()[-1]
    assert last == f"recording {stem}.eprof · diagram {stem}.svg and {stem}.png"


def test_the_file_can_be_chosen_and_the_diagram_left_out(place: Any) -> None:
    place.write("job.py", STAGED)

    ran = place.run("-q", "-o", "a.eprof", "--no-graph", "job.py")

    assert (ran.stdout, ran.stderr, ran.returncode) == (b"", b"", 0)
    assert sorted(os.listdir(place.folder)) == ["a.eprof", "job.py"]


def test_somebody_elses_picture_is_not_overwritten(place: Any) -> None:
    place.write("job.py", STAGED)
    place.write("a.svg", "mine")

    ran = place.run("-o", "a.eprof", "job.py")

    assert (place.folder / "a.svg").read_text() == "mine"
    assert ran.stderr.decode().splitlines()[-1] == "recording a.eprof · diagram a.2.svg and a.png"


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_a_folder_that_cannot_be_written_is_replaced_by_the_temporary_one_and_said(
    quiet: list[str], place: Any
) -> None:
    script = place.write("job.py", STAGED)

    ran = place.run("--no-graph", *quiet, str(script), cwd=Path("/proc"))

    (kept,) = place.leftovers()
    assert ran.returncode == 0
    assert f"the run is kept in {place.temporary}" in ran.stderr.decode()
    assert (f"recording {place.temporary}/{kept}" in ran.stderr.decode()) is not bool(quiet)


def test_any_program_is_run_and_its_python_children_are_recorded(place: Any) -> None:
    place.write("x.py", STAGED)

    ran = place.run("-q", "--no-graph", "--exec", "--", "/bin/sh", "-c", f"{sys.executable} x.py; exit 4")

    report = load(place.recordings()[0]).report()
    assert ran.returncode == report.run.exit_code == 4
    assert [row.stage for row in report.stages] == ["child"]
    assert report.run.command[0] == "/bin/sh"


def test_another_interpreter_records_without_our_package_installed(place: Any, tmp_path: Path) -> None:
    python = tmp_path / "bare" / "bin" / "python"
    made = place.call([sys.executable, "-m", "venv", "--without-pip", str(python.parent.parent)])
    assert made.returncode == 0, made.stderr
    place.write("job.py", STAGED)

    ran = place.run("-q", "--no-graph", "--python", str(python), "job.py")

    assert (ran.stdout, ran.stderr, ran.returncode) == (b"", b"", 0)
    assert [row.stage for row in load(place.recordings()[0]).report().stages] == ["child"]


def test_power_can_be_replayed_from_a_file(place: Any) -> None:
    place.write("job.py", "import energyprof, time\nwith energyprof.stage('wait'): time.sleep(1.0)\n")
    rows = "".join(f"gpu:0,{at * 20_000_000},{50 if at % 2 else 40},W\n" for at in range(1000))
    place.write("power.csv", f"domain,t_ns,value,unit\n{rows}")

    ran = place.run("-q", "--no-graph", "--source", "replay:power.csv", "job.py")

    report = load(place.recordings()[0]).report()
    assert ran.returncode == 0
    assert [row.domain for row in report.domains] == ["gpu:0"]
    # The rows cover the run from its first moment, whenever the collector came up.
    assert report.measured.energy_j == pytest.approx(45.0 * report.run.wall_s, abs=2.0)
    assert report.stages[0].self_energy[0].energy_j == pytest.approx(45.0, rel=0.05)
    assert report.stages[0].self_energy[0].provenance == "inferred"
    assert "host clock" in report.stages[0].self_energy[0].reason


def test_a_short_run_is_charged_for_its_own_time_only(place: Any) -> None:
    place.write("job.py", "import energyprof\nwith energyprof.stage('a'): sum(range(10**6))\n")

    place.run("-q", "--no-graph", "job.py")

    report = load(place.recordings()[0]).report()
    (cpu,) = report.domains
    (line,) = report.ledger
    # Baseline and one busy thread, less than two: nothing of the collector's time after the end.
    assert line.measured_j < (cpu.baseline_w + 8.0) * report.run.wall_s
    assert line.idle_j <= cpu.baseline_w * report.run.wall_s
    assert line.measured_j > cpu.baseline_w * report.run.wall_s * 0.99


def test_the_json_report_tells_the_run(place: Any) -> None:
    place.write("job.py", f"{STAGED}raise SystemExit(9)")
    place.run("-q", "--no-graph", "-o", "a.eprof", "job.py", "--x")

    printed = place.call(place.command("report", "a.eprof", "--format", "json"))

    report = json.loads(printed.stdout)
    assert report["run"]["exit_code"] == 9
    assert report["run"]["command"][1:] == ["job.py", "--x"]
    assert report["overhead"]["spans"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.py"], r"no script gone\.py; "),
        (["photo.png"], r"photo\.png is no Python file; .*--exec"),
        (["folder"], r"folder is a folder without __main__\.py"),
        (["--python", "/nowhere/python", "job.py"], r"no Python at /nowhere/python"),
        (["--exec", "--", "no-such-program-anywhere"], r"no program no-such-program-anywhere: it is not on PATH"),
        (["-o", "taken.eprof", "job.py"], r"taken\.eprof exists already and is never overwritten; "),
        (["-o", "no/a.eprof", "job.py"], r"cannot write no/a\.eprof: No such file or directory; "),
        (["--source", "sun", "job.py"], r"no plugin 'sun' in energyprof\.power_sources; installed: "),
        (["--source", "replay:gone.csv", "job.py"], r"power source replay cannot be used: .*gone\.csv"),
        (
            ["--source", "load_model", "--source", "load_model:", "job.py"],
            r"power source load_model is asked for twice; ",
        ),
        (
            ["--source", "nvml:energy", "job.py"],
            r"nvml has no channel 'energy' to read \(once\); known are counter, inst",
        ),
        (["--source", "battery", "job.py"], r"power source battery cannot be used: this machine has no battery; "),
        (["--source", "rapl", "job.py"], r"power source rapl cannot be used: "),
        (["--source", "perf", "job.py"], r"power source perf cannot be used: "),
        (["--source", "hwmon", "job.py"], r"power source hwmon cannot be used: no chip in /sys/class/hwmon "),
        (["--fast", "job.py"], r".*--fast; see: energyprof run --help; what follows the script is the program's own"),
        (["--max-hz", "0", "job.py"], r"argument --max-hz: 0 is no rate; choose 0\.1 to 1000 Hz; see: energyprof run"),
        ([], r"nothing to run: SCRIPT is missing"),
        (["-m"], r"nothing to run: -m MODULE is missing"),
    ],
)
def test_wrong_input_is_one_line_and_nothing_is_started(words: list[str], said: str, place: Any) -> None:
    place.write("job.py", "open('started', 'w')")
    place.write("taken.eprof", "mine")
    (place.folder / "folder").mkdir()
    (place.folder / "photo.png").write_bytes(b"\x89PNG\0")
    before = sorted(os.listdir(place.folder))

    bare = {"ENERGYPROF_SYSROOT": str(place.folder / "folder")}  # a machine without any sensor
    ran = place.call(place.command("run", *words), environment=bare)

    assert ran.returncode == 2
    assert ran.stdout == b""
    assert re.fullmatch(rf"energyprof: {said}.*\n", ran.stderr.decode())
    assert sorted(os.listdir(place.folder)) == before
    assert place.leftovers() == []


def test_help_shows_examples(place: Any) -> None:
    ran = place.run("--help")

    assert ran.returncode == 0
    assert "energyprof run pipeline.py --epochs 3" in ran.stdout.decode()
    assert "-m MODULE" in ran.stdout.decode()


def test_driver_that_cannot_serve_is_said_while_the_program_runs_and_in_the_report(place: Any) -> None:
    begun = "import glob, os, sys, time\nwhile not any(map(os.path.getsize, glob.glob('*.eprof'))): time.sleep(0.01)\n"
    place.write("job.py", begun + "time.sleep(1.5); print('end', file=sys.stderr, flush=True)")

    ran = place.run("--source", "nvml", "--no-graph", "job.py")
    out = " ".join(ran.stderr.decode().split())

    said = [match.start() for match in re.finditer("power source nvml cannot be used: ", out)]
    assert ran.returncode == 0
    assert len(said) == 2
    assert said[0] < out.index(" end ") < said[1]
