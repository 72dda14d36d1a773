"""A fault of ours is one line with what to report, and status 70; the whole traceback only for whoever asks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from energyprof.cli import COMMANDS, main
from energyprof.errors import INTERNAL


@pytest.fixture
def broken_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "broken_command.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(COMMANDS, "broken", ("broken_command", ""))
    monkeypatch.delenv("ENERGYPROF_DEBUG", raising=False)
    return "broken"


def test_a_fault_of_ours_is_one_line_and_status_70(broken_command: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main([broken_command])

    said = capsys.readouterr()
    assert (status, said.out, said.err.count("\n")) == (INTERNAL, "", 1) == (70, "", 1)
    assert said.err.startswith("energyprof: internal error: ZeroDivisionError: division by zero; please report it")


def test_whoever_asks_sees_the_whole_fault(broken_command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGYPROF_DEBUG", "1")

    with pytest.raises(ZeroDivisionError):
        main([broken_command])

    assert "broken_command" not in sys.modules
