"""A recording gets a file of its own; nothing is ever overwritten."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from energyprof.errors import InputError
from energyprof.launch.output_file import Output, claim_default, claim_named


def test_the_file_is_named_after_script_time_and_pid(tmp_path: Path) -> None:
    output = claim_default("train", str(tmp_path))

    assert re.fullmatch(rf"train-\d{{8}}-\d{{6}}-{os.getpid()}\.eprof", os.path.basename(output.path))
    assert output == Output(str(next(tmp_path.iterdir())), "")


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    first = claim_default("train", str(tmp_path), now_s=0.0).path

    second = claim_default("train", str(tmp_path), now_s=0.0).path

    assert second == first.removesuffix(".eprof") + "-2.eprof"


def test_a_folder_that_cannot_be_written_is_replaced_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    output = claim_default("train", "/proc")

    assert os.path.dirname(output.path) == str(tmp_path)
    assert output.remark.startswith("/proc cannot be written (")
    assert output.remark.endswith(f"): the run is kept in {tmp_path}")


def test_a_deleted_current_folder_is_replaced_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    gone.rmdir()

    output = claim_default("train")

    assert os.path.dirname(output.path) == str(tmp_path)
    assert output.remark.startswith("this folder cannot be written")


def test_a_file_asked_for_is_made_but_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    output = claim_named("a.eprof")

    assert output == Output(str(tmp_path / "a.eprof"), "")
    with pytest.raises(InputError, match=r"a\.eprof exists already"):
        claim_named("a.eprof")
    with pytest.raises(InputError, match=r"cannot write no/a\.eprof: No such file or directory; choose another place"):
        claim_named("no/a.eprof")
