"""The version of a named interpreter is asked once, and anew where anything speaks against what is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from energyprof import discover
from energyprof.errors import InputError
from energyprof.launch.interpreter import Memory, check_python

MEMORY = Memory(discover.remembered, discover.remember)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "energyprof"


def kept(cache: Path) -> list[Path]:
    return list(cache.glob("python-*.json"))


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """A file that is no script and cannot be run: whoever asks it for its version learns that it is no Python."""
    path = tmp_path / "python9"
    path.write_bytes(b"\x7fELF nothing")
    path.chmod(0o755)
    return path


def remember(path: Path, version: Any) -> None:
    about = path.stat()
    discover.remember("python", str(path), [str(path), about.st_mtime_ns, about.st_size], version)


def test_a_known_interpreter_is_not_run_again(binary: Path) -> None:
    remember(binary, [3, 12])

    assert check_python(str(binary), MEMORY) == str(binary)


def test_what_an_interpreter_said_is_kept(cache: Path) -> None:
    assert check_python(sys.executable, MEMORY) == sys.executable

    file = os.path.realpath(sys.executable)
    about = os.stat(file)
    key = [file, about.st_mtime_ns, about.st_size]
    assert discover.remembered("python", file, key) == list(sys.version_info[:2])


def test_an_interpreter_that_has_changed_is_asked_again(binary: Path) -> None:
    remember(binary, [3, 12])
    binary.write_bytes(b"\x7fELF something else")

    with pytest.raises(InputError, match="no Python interpreter"):
        check_python(str(binary), MEMORY)


@pytest.mark.parametrize("version", [None, [], [3], ["3", "12"], [2, 7], {"3": 12}, 312, [True, True]])
def test_a_damaged_answer_is_none(binary: Path, version: Any) -> None:
    remember(binary, version)

    with pytest.raises(InputError, match="no Python interpreter"):
        check_python(str(binary), MEMORY)


def test_a_damaged_file_is_made_afresh(cache: Path) -> None:
    check_python(sys.executable, MEMORY)
    (file,) = kept(cache)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])

    assert check_python(sys.executable, MEMORY) == sys.executable
    assert file.read_bytes() == whole


def test_a_script_may_choose_another_python_each_time_and_is_always_asked(tmp_path: Path, cache: Path) -> None:
    shim = tmp_path / "python"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)

    assert check_python(str(shim), MEMORY) == str(shim)
    assert kept(cache) == []


def test_without_a_cache_folder_every_interpreter_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))

    assert check_python(sys.executable, MEMORY) == sys.executable
