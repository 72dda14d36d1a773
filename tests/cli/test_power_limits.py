"""`energyprof sweep --power-limit` and what ends a sweep: what was done is kept, what was changed is put back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nvml_world import NO_PERMISSION, Gpu, NvmlWorld
from sysfs_tree import SysfsTree

from energyprof.cli import main
from energyprof.cli.held_limits import LimitWish, limit_wish
from energyprof.model.ids import DomainId
from energyprof.run import load

WATCHED = """
import pathlib, time
folder = pathlib.Path(__file__).parent
with open(folder / "runs", "a") as runs:
    if not runs.tell():
        runs.write("first")
        raise SystemExit
(folder / "second").touch()
while not (folder / "go").exists():
    time.sleep(0.01)
"""


def until(happened: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


@pytest.fixture
def package(place: Any) -> Path:
    """A machine whose one package is held at 28 W; its limit."""
    root = place.folder / "machine"
    SysfsTree.cpu(root)
    limits = {
        "constraint_0_name": "long_term",
        "constraint_0_power_limit_uw": 28_000_000,
        "constraint_0_max_power_uw": 45_000_000,
    }
    place.environment["ENERGYPROF_SYSROOT"] = str(root)
    folder = SysfsTree.zone(root, "intel-rapl:0", "package-0", **limits).parent
    return folder / "constraint_0_power_limit_uw"


def test_each_run_has_its_limit_and_the_gpu_is_put_back_as_found(place: Any) -> None:
    world = NvmlWorld.create(place.folder / "world", [Gpu(limit_mw=350_000)])
    place.write("train.py", "import time; time.sleep(0.3)\n")
    words = ("sweep", "--power-limit", "150,250", "--repeats", "1", "--cool-down", "0", "train.py")

    done = place.call(place.command(*words), environment=world.environment())

    assert done.returncode == 0, done.stderr.decode()
    assert b"power limit of gpu:0 (NVIDIA A100-SXM4-80GB, now 350 W); put back at the end" in done.stderr
    assert b"power-limit=150" in done.stdout
    seen = {}
    for path in (place.folder / "sweep-train").glob("*.eprof"):
        facts = load(path).trace.sampling[DomainId("gpu:0")]
        seen[path.name] = (facts.figures["power_limit_w"].min, facts.figures["power_limit_w"].max)
    assert seen == {"power-limit=150-run1.eprof": (150.0, 150.0), "power-limit=250-run1.eprof": (250.0, 250.0)}
    assert world.limit_w(0) == 350.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_a_sweep_the_limit_is_put_back_and_what_was_done_is_kept(
    place: Any, package: Path, number: signal.Signals
) -> None:
    place.write("train.py", WATCHED)
    words = ("--power-limit", "cpu=15,20", "--repeats", "1", "--cool-down", "0", "train.py")
    sweep = place.start(place.command("sweep", *words))
    until((place.folder / "second").exists)
    assert package.read_text() in {"15000000\n", "20000000\n"}

    if number == signal.SIGTERM:
        sweep.send_signal(number)  # a terminal tells all of them, `kill` one
    else:
        os.killpg(sweep.pid, number)
    _, said = sweep.communicate(timeout=60)

    until(lambda: package.read_text() == "28000000\n")
    if number != signal.SIGKILL:
        assert sweep.returncode == 128 + number
        assert said.count(b"interrupted") == 1
        kept = f"interrupted; 1 of 2 runs is done and kept; go on with: energyprof sweep --resume {' '.join(words)}\n"
        assert kept in said.decode()
    if number == signal.SIGKILL:
        (place.folder / "go").touch()
        resumed = place.call(place.command("sweep", "--resume", *words))
        assert resumed.returncode == 0, resumed.stderr.decode()
        assert b"2 ways by 1 run: 2 runs, of which 1 is there, into sweep-train\n" in resumed.stderr
        assert resumed.stderr.count(b" -> ") == 1  # a run that was cut off is none
        assert resumed.stdout.count(b"power-limit=") >= 2


def test_without_the_right_to_set_a_limit_nothing_is_run(place: Any, command_here: Any, monkeypatch: Any) -> None:
    world = NvmlWorld.create(place.folder / "world", [Gpu()])
    world.fail("set_limit", NO_PERMISSION)
    place.write("train.py", "")
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)

    done = command_here("sweep", "--power-limit", "150,250", "--cool-down", "0", "train.py")

    assert done.returncode == 2
    assert b"only root may set the power limit of gpu:0" in done.stderr
    assert not list(place.folder.glob("sweep-train/*.eprof"))


def test_limit_beyond_what_a_device_takes_is_refused_before_anything_is_done(
    place: Any, package: Path, command_here: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("ENERGYPROF_SYSROOT", place.environment["ENERGYPROF_SYSROOT"])
    place.write("train.py", "")

    done = command_here("sweep", "--power-limit", "cpu=15,90", "train.py")

    assert done.returncode == 2
    assert b"cpu:0:package (powercap intel-rapl:0) cannot be held at 90 W; it takes 1 to 45 W" in done.stderr
    assert not (place.folder / "sweep-train").exists()
    assert package.read_text() == "28000000\n"


def test_dry_run_tells_each_run_in_its_order_and_does_none(place: Any, command_here: Any, monkeypatch: Any) -> None:
    world = NvmlWorld.create(place.folder / "world", [Gpu()])
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    place.write("train.py", "")
    words = ("--set", "batch=1,4", "--env", "THREADS=2", "--power-limit", "150", "--repeats", "2")

    done = command_here("sweep", "--dry-run", *words, "train.py", "the data")

    head, limit, *lines = done.stdout.decode().splitlines()
    assert (done.returncode, done.stderr) == (0, b"")
    assert head == "2 ways by 2 runs: 4 runs, into sweep-train; a pause of 3 s before each"
    assert limit == "power limit of gpu:0 (NVIDIA A100-SXM4-80GB, now 400 W); put back at the end"
    called = [f"at 150 W: THREADS=2 train.py 'the data' --batch {batch}" for batch in (1, 4)]
    assert sorted(line[3:] for line in lines[:2]) == called
    assert sorted(line[3:] for line in lines[2:]) == called
    assert world.calls("set_limit") == 0
    assert not (place.folder / "sweep-train").exists()


def test_sweep_of_another_program_is_not_mixed_with_what_is_there(place: Any, command_here: Any) -> None:
    folder = place.folder / "runs"
    folder.mkdir()
    (folder / "sweep.json").write_text('{"schema": "energyprof-sweep-1", "program": ["a.py", "--fast"], "ways": {}}')
    (folder / "n=1-run1.eprof").touch()
    place.write("a.py", "")

    done = command_here("sweep", "--resume", "--set", "n=1,2", "-o", "runs", "a.py")

    assert done.returncode == 2
    assert b"the runs in runs are of a.py --fast, and would be compared with those of another program" in done.stderr


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("150,200.5,150", LimitWish("", (150.0, 200.5))),
        ("gpu:1=150", LimitWish("gpu:1", (150.0,))),
        ("cpu=15,28", LimitWish("cpu", (15.0, 28.0))),
    ],
)
def test_limits_are_watts_of_a_device(text: str, wish: LimitWish) -> None:
    assert limit_wish(text) == wish


@pytest.mark.parametrize("text", ["", "cpu=", "0", "-5", "nan", "inf", "150W", "150,,200"])
def test_what_are_no_watts_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["sweep", f"--power-limit={text}", "a.py"])

    assert status == 2
    assert "is no list of watts; try: 150,200,250" in capsys.readouterr().err
