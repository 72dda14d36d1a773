"""The run's own folder: private, where temporary files go, gone afterwards."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from energyprof.launch.run_folder import make_run_folder, remove_run_folder


def test_the_folder_is_private_and_goes_where_temporary_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    path = make_run_folder()

    assert os.path.dirname(path) == str(tmp_path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    assert sorted(os.listdir(path)) == ["spool", "stacks"]


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/proc")
    monkeypatch.setenv("TEMP", str(tmp_path))

    assert os.path.dirname(make_run_folder()) == str(tmp_path)


def test_nothing_is_left_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    path = make_run_folder()
    Path(path, "spool", "1-2.000000.spool").write_bytes(b"x")

    remove_run_folder(path)

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("is_there_again", [False, True])
def test_what_a_killed_process_has_left_in_the_middle_of_deleting_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_there_again: bool
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    path = make_run_folder()
    os.rename(path, f"{path}.gone")
    Path(f"{path}.gone", "events").write_bytes(b"x")
    if is_there_again:
        os.mkdir(path)

    remove_run_folder(path)

    assert os.listdir(tmp_path) == []
