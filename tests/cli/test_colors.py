"""No command writes an escape code where nobody can see colours, or where they are not wanted."""

from __future__ import annotations

import contextlib
import io
import shutil
from typing import Any

import pytest

from energyprof.cli import main

SCRIPT = """\
import energyprof
with energyprof.stage("load"):
    sum(range(200_000))
for seed in (1, 2):
    with energyprof.trial({"seed": seed}) as trial:
        sum(range(100_000))
        trial.value = seed
"""
COMMANDS = (
    ("report", "a.eprof"),
    ("findings", "a.eprof"),
    ("trials", "a.eprof"),
    ("diff", "a.eprof", "b.eprof"),
    ("compare", "a.eprof", "b.eprof"),
    ("check", "a.eprof", "--budget", "budget.toml"),
    ("project", "1200kWh", "3.2J", "--clients", "9", "--requests-per-client-day", "5", "--days", "30"),
    ("history",),
    ("estimate", "--watts", "300", "--hours", "1"),
    ("doctor",),
)
UNWANTED = ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"CLICOLOR": "0"}, {"TERM": "dumb", "CLICOLOR_FORCE": "1"})


class Screen(io.TextIOWrapper):
    """A terminal as far as a program can ask."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(place: Any, record_once: Any, command_here: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("a", "b"):
        shutil.copy(record_once(SCRIPT), place.folder / f"{name}.eprof")
    place.write("budget.toml", "total.max = 1")
    monkeypatch.setenv("XDG_STATE_HOME", str(place.folder))

    def shown(words: tuple[str, ...], environment: dict[str, str], *, on_screen: bool) -> bytes:
        for name, value in {"TERM": "xterm-256color", **environment}.items():
            monkeypatch.setenv(name, value)
        streams = [
            Screen(io.BytesIO(), "utf-8") if on_screen else io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in "oe"
        ]
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            status = main(list(words))
        for stream in streams:
            stream.flush()
        assert status in {0, 1, 3}, streams[1].buffer.getvalue()
        return b"".join(stream.buffer.getvalue() for stream in streams)

    return shown


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_no_escape_code_where_it_is_not_wanted(shown: Any, words: tuple[str, ...]) -> None:
    for environment in ({}, {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}):
        assert b"\x1b" not in shown(words, environment, on_screen=False)

    for environment in UNWANTED:
        assert b"\x1b[" not in shown(words, environment, on_screen=True)


def test_a_terminal_has_colours(shown: Any) -> None:
    assert b"\x1b[" in shown(("report", "a.eprof"), {}, on_screen=True)
