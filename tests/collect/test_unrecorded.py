"""Which commands keep recorders out, and what the report says of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from energyprof.collect.unrecorded import LOOKS, Unrecorded, flag_that_shuts_out


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("python -I job.py", "-I"),
        ("/usr/bin/python3.12 -uE job.py", "-E"),
        ("python -W error -X dev -OS -c pass", "-S"),
        ("python -Wignore -I -m job", "-I"),
        ("python --check-hash-based-pycs never -I job.py", "-I"),
        ("python job.py -I", None),
        ("python -m job -I", None),
        ("python -cI", None),
        ("python -X importtime -W EIS job.py -S", None),
        ("python - -I", None),
        ("python", None),
        ("perl -I lib job.pl", None),
        ("", None),
    ],
)
def test_only_options_of_python_itself_shut_a_recorder_out(command: str, flag: str | None) -> None:
    assert flag_that_shuts_out(command.split()) == flag


def become(proc: Path, pid: int, command: str) -> None:
    (proc / str(pid)).mkdir(exist_ok=True)
    (proc / str(pid) / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in command.split(" ")))


def test_a_process_is_known_once_it_has_become_what_it_is(tmp_path: Path) -> None:
    unrecorded = Unrecorded(lambda: (1, 2, 3), str(tmp_path))
    become(tmp_path, 1, "python job.py")
    become(tmp_path, 2, "python job.py")

    unrecorded.look()
    before = unrecorded.warning(["python", "job.py"], has_recorded=True)
    become(tmp_path, 2, "python -I child.py")
    unrecorded.look()

    after = unrecorded.warning(["python", "job.py"], has_recorded=True)
    assert before is None
    assert after is not None
    assert after.startswith("-E, -I or -S kept the recorder out of Python processes")
    assert "`python -I child.py`" in after


def test_processes_are_not_looked_at_for_ever(tmp_path: Path) -> None:
    unrecorded = Unrecorded(lambda: (1,), str(tmp_path))
    become(tmp_path, 1, "python job.py")

    for _ in range(LOOKS):
        unrecorded.look()
    os.unlink(tmp_path / "1" / "cmdline")
    become(tmp_path, 1, "python -S job.py")
    unrecorded.look()

    assert unrecorded.warning(["python"], has_recorded=True) is None


@pytest.mark.parametrize(
    ("command", "why"),
    [("python -I job.py", "-I of `python -I job.py` keeps it out"), ("./simulate", "the program is no Python")],
)
def test_a_run_without_any_recorder_says_why(command: str, why: str) -> None:
    warning = Unrecorded(tuple).warning(command.split(), has_recorded=False)

    assert warning is not None
    assert warning.startswith("no recorder started, so there are device totals and no stages: ")
    assert why in warning
