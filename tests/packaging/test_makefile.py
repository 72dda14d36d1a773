"""The Makefile on a machine where something is missing: one line with the remedy, and nothing left behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SAMPLES = sorted(folder.name for folder in (ROOT / "samples").iterdir() if (folder / "README.md").exists())


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # What an outer make hands on (its variables, its job server) is not meant for this one.
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    command = ["make", "--no-print-directory", "-C", str(ROOT), *arguments]
    return subprocess.run(command, env=bare, capture_output=True, text=True, timeout=60, check=False)


def interpreter(path: Path, *, without: str) -> Path:
    """Write an interpreter that fails whenever it is handed code with the word `without`."""
    path.write_text(f'#!/bin/sh\ncase "$*" in *{without}*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return path


def test_python_without_venv_is_told_how_to_get_it(tmp_path: Path) -> None:
    python = interpreter(tmp_path / "python-slim", without="ensurepip")

    done = make("demo", f"PYTHON={python}", f"VENV={tmp_path / 'environment'}")

    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stderr
    assert not (tmp_path / "environment").exists()


def test_old_or_missing_python_is_told_how_to_name_another(tmp_path: Path) -> None:
    old = interpreter(tmp_path / "python-old", without="version_info")

    answers = [make("test", f"PYTHON={name}", f"VENV={tmp_path / 'v'}") for name in (old, tmp_path / "none")]

    assert [done.returncode != 0 for done in answers] == [True, True]
    assert all("name another: make PYTHON=python3.12" in done.stderr for done in answers)


def test_finished_environment_is_not_made_again(tmp_path: Path) -> None:
    for stamp in (".made", ".samples", ".test", ".dev"):
        (tmp_path / stamp).touch()

    done = make("--dry-run", "check", f"VENV={tmp_path}")

    assert done.returncode == 0
    assert "pip install" not in done.stdout
    assert done.stdout.splitlines()[0].endswith("ruff check")


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_installed_and_run_by_one_command(name: str, tmp_path: Path) -> None:
    declared = set(re.findall(r"^([a-z-]+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M))
    asked = ("--dry-run", "sample", f"NAME={name}", "SAMPLE_ARGS=--quick", f"VENV={tmp_path}")

    first = make(*asked)
    (tmp_path / ".made").touch()
    (tmp_path / f".sample-{name}").touch()
    again = make(*asked)

    assert first.returncode == 0, first.stderr
    (installed,) = re.findall(r" -e '\.(?:\[(.+)\])?'", first.stdout)
    assert installed in declared | {""}
    for done in (first, again):
        assert done.stdout.splitlines()[-1].endswith(f"sh {ROOT}/samples/{name}/run.sh --quick")
    assert "pip install" not in again.stdout


def test_sample_that_is_none_is_answered_with_all_there_are() -> None:
    done = make("sample", "NAME=serch")

    assert done.returncode != 0
    assert f"there is no sample 'serch'; NAME is one of: {' '.join(SAMPLES)}." in done.stderr
