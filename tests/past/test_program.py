"""Which version of a program runs: its own files, by content, and the commit that they are from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from energyprof.past import program
from energyprof.past.checkout import checkout_of
from energyprof.past.fingerprint import Asked
from energyprof.past.program import identity_of, identity_of_loaded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "job.py").write_text("import model\n")
    (tmp_path / "model.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def git(folder: Path) -> Callable[..., str]:
    def call(*words: str) -> str:
        named = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
        done = subprocess.run(["git", *named, *words], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    call("init", "-q")
    return call


def identity(*words: str) -> dict[str, Any]:
    return identity_of(Asked("script", words or ("job.py",), (), sys.executable, ("python", "job.py")), "")


def test_the_script_and_what_it_imports_are_told_by_content(folder: Path) -> None:
    before = identity()
    (folder / "model.py").write_text("x = 2\n")
    after = identity()

    assert [name for name, _ in before["files"]] == ["", "model.py"]
    assert before["files"][0] == after["files"][0]
    assert before["files"][1] != after["files"][1]
    assert (before["scope"], before["commit"], before["is_committed"]) == ("imports", "", None)
    assert before["versions"]["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")


def test_of_too_many_files_the_script_alone_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_FILES", 1)

    found = identity()

    assert ([name for name, _ in found["files"]], found["scope"]) == ([""], "script")


def test_a_script_from_a_pipe_has_versions_and_no_files(folder: Path) -> None:
    assert list(identity("-")) == ["versions"]


def test_the_commit_of_a_checkout_is_told_and_whether_the_files_are_as_it_has_them(
    folder: Path, git: Callable[..., str]
) -> None:
    git("add", ".")
    git("commit", "-qm", "first")
    (folder / "notes.txt").write_text("none of the program\n")
    clean = identity()
    (folder / "model.py").write_text("x = 3\n")
    changed = identity()
    git("add", ".")
    staged = identity()

    assert clean["commit"] == git("rev-parse", "HEAD")
    assert [one["is_committed"] for one in (clean, changed, staged)] == [True, False, False]
    assert {clean["commit"]} == {changed["commit"], staged["commit"]}


def test_a_file_that_git_does_not_know_is_not_committed(folder: Path, git: Callable[..., str]) -> None:
    (folder / ".gitignore").write_text("model.py\n")
    git("add", "job.py", ".gitignore")
    git("commit", "-qm", "first")

    assert identity()["is_committed"] is False


@pytest.mark.parametrize("script", ["sleep 60", "exit 1", "echo '# branch.oid (initial)'", None])
def test_a_git_that_hangs_fails_or_is_missing_tells_nothing(
    folder: Path, git: Callable[..., str], script: str | None
) -> None:
    stand_in = folder / "git-stand-in"
    if script is not None:
        stand_in.write_text(f"#!/bin/sh\n{script}\n")
        stand_in.chmod(0o755)

    assert checkout_of([str(folder / "job.py")], git=str(stand_in), longest_s=0.3) == ("", None)


def test_outside_a_checkout_git_is_not_started(folder: Path) -> None:
    assert checkout_of([str(folder / "job.py")], git=os.devnull) == ("", None)


def module(name: str, path: Path) -> ModuleType:
    made = ModuleType(name)
    made.__file__ = str(path)
    return made


def test_a_program_that_profiles_a_part_of_itself_consists_of_what_it_has_loaded(folder: Path) -> None:
    installed = folder / "venv/lib/python3/site-packages/foreign.py"
    loaded = {
        "__main__": module("__main__", folder / "job.py"),
        "model": module("model", folder / "model.py"),
        "foreign": module("foreign", installed),
        "json": sys.modules["json"],
        "built in": sys,
        "strange": object(),
    }

    found = identity_of_loaded(loaded)

    assert [name for name, _ in found["files"]] == ["", "model.py"]
    assert found["files"] == identity()["files"]
    assert found["scope"] == "loaded"


def test_an_installed_program_or_a_session_without_a_script_is_not_known(folder: Path) -> None:
    installed = folder / "site-packages/pytest/__main__.py"

    assert identity_of_loaded({"__main__": module("__main__", installed)}) == {}
    assert identity_of_loaded({"__main__": ModuleType("__main__")}) == {}
    assert identity_of_loaded({}) == {}
