"""The file of runs: what several processes add at once stays whole, and no fault of it is anybody else's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energyprof.errors import InputError
from energyprof.model.past import PastEnergy, PastTrial
from energyprof.past import store
from energyprof.past.store import RunStore

ADD = """
import sys
from dataclasses import replace
from energyprof.model.past import PastRun, Work
from energyprof.past.store import RunStore
for number in range(50):
    work = Work("p", "a", "", "x" * 3000, ())
    RunStore(sys.argv[1]).add(PastRun(f"{sys.argv[2]}{number}", "", work, 0, 1.0, None, "", ""))
"""


def test_a_run_comes_back_as_it_was(tmp_path: Path, past: Any) -> None:
    trial = PastTrial(3, "f", "lr='\udc80'", "complete", 0.5, PastEnergy(1.0, 0.5, 2.0, "estimated (model)"))
    run = past(told=(("accuracy", 0.93),), trials=(trial,), command="python \u00e9\n")
    kept = RunStore(str(tmp_path / "deep/er"))

    kept.add(run)

    assert kept.all().runs == (run,)
    assert kept.of_program(run.work.program) == (run,)
    assert kept.of_program("other") == ()


def test_the_file_is_the_users_alone(tmp_path: Path, past: Any) -> None:
    kept = RunStore(str(tmp_path / "state"))

    kept.add(past())

    assert stat.S_IMODE(os.stat(kept.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "state").st_mode) == 0o700


def test_what_several_processes_add_at_once_is_all_there(tmp_path: Path) -> None:
    adding = [subprocess.Popen([sys.executable, "-c", ADD, str(tmp_path), name]) for name in "abcd"]
    assert [process.wait() for process in adding] == [0] * 4

    kept = RunStore(str(tmp_path)).all()

    assert (len(kept.runs), kept.broken) == (200, 0)
    assert len({run.id for run in kept.runs}) == 200


def test_what_was_cut_off_swallows_nothing_after_it(tmp_path: Path, past: Any) -> None:
    kept = RunStore(str(tmp_path))
    kept.add(past(1))
    whole = Path(kept.path).read_bytes()
    Path(kept.path).write_bytes(whole + whole[:40])

    kept.add(past(2))

    found = kept.all()
    assert [run.id for run in found.runs] == ["00000001", "00000002"]
    assert found.broken == 1


@pytest.mark.parametrize(
    "line",
    [
        b"\0\xff\n",
        b"{}\n",
        b"[]\n",
        b'{"v":1,"id":"x"}\n',
        b'{"v":"x"}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_lines_that_are_no_runs_are_passed_over_and_counted(tmp_path: Path, past: Any, line: bytes) -> None:
    kept = RunStore(str(tmp_path))
    Path(kept.path).write_bytes(line)

    kept.add(past())

    found = kept.all()
    assert (len(found.runs), found.broken) == (1, 1)
    assert len(kept.of_program(past().work.program)) == 1


@pytest.mark.parametrize("change", [("10.0", "NaN"), ('"measured"', '"guessed"'), ("1.5", "1e999")])
def test_a_figure_that_is_none_is_never_taken_for_one(tmp_path: Path, past: Any, change: tuple[str, str]) -> None:
    kept = RunStore(str(tmp_path))
    kept.add(past())
    text = Path(kept.path).read_text()
    Path(kept.path).write_text(text.replace(*change))

    assert (kept.all().runs, kept.all().broken) == ((), 1)


def test_runs_of_a_newer_version_are_kept_and_not_read(tmp_path: Path, past: Any) -> None:
    kept = RunStore(str(tmp_path))
    kept.add(past())
    newer = b'{"v":2,"id":{"of":"another kind"}}\n'
    with open(kept.path, "ab") as stream:
        stream.write(newer)

    assert kept.all().newer == 1
    assert kept.keep_if(lambda _: False) == 1
    assert Path(kept.path).read_bytes() == newer


def test_forgetting_keeps_the_others(tmp_path: Path, past: Any) -> None:
    kept = RunStore(str(tmp_path))
    for number in (1, 2, 3):
        kept.add(past(number))

    assert kept.keep_if(lambda run: run.id != "00000002") == 1

    assert [run.id for run in kept.all().runs] == ["00000001", "00000003"]
    assert stat.S_IMODE(os.stat(kept.path).st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == [store.FILE, store.LOCK]


def test_a_file_beyond_its_size_loses_its_oldest_half(
    tmp_path: Path, past: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = RunStore(str(tmp_path))
    for number in range(4):
        kept.add(past(number))
    monkeypatch.setattr(store, "LARGEST_BYTES", os.path.getsize(kept.path))

    kept.add(past(4))

    assert [run.id[-1] for run in kept.all().runs] == ["2", "3", "4"]


def test_a_place_that_takes_nothing_is_told_with_a_remedy(tmp_path: Path, past: Any) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / store.FILE).mkdir()

    for folder in (tmp_path / "file", tmp_path / "state"):
        with pytest.raises(InputError, match=r"cannot be used .* XDG_STATE_HOME"):
            RunStore(str(folder)).add(past())
    with pytest.raises(InputError, match="no folder to keep runs in"):
        RunStore("").add(past())


@pytest.mark.usefixtures("no_bytecode")
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, past: Any) -> None:
    kept = RunStore(str(tmp_path))
    kept.add(past(1))
    before = Path(kept.path).read_bytes()
    limited = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 100}, {len(before) + 100}))\n" + ADD
    )

    done = subprocess.run([sys.executable, "-c", limited, str(tmp_path), "a"], capture_output=True, check=False)

    assert b"cannot be used" in done.stderr
    assert Path(kept.path).read_bytes() == before


def test_another_who_holds_the_lock_for_ever_is_told_of(
    tmp_path: Path, past: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr(store, "PATIENCE_S", 0.05)
    with (tmp_path / store.LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(InputError, match="another process has held"):
            RunStore(str(tmp_path)).add(past())

    RunStore(str(tmp_path)).add(past())
