"""The live line's text, and what it does off a terminal."""

from __future__ import annotations

import io

import pytest

from energyprof.cli.live_line import LiveLine
from energyprof.launch.live_text import live_text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            {"elapsed_s": 3.7, "power_w": 12.34, "energy_j": 45.6, "stage": "train/forward"},
            "energyprof 0:03 · 12.3 W · 45.6 J · train/forward",
        ),
        ({"elapsed_s": 3723.0, "power_w": 0.0, "energy_j": 2.5e6, "stage": ""}, "energyprof 1:02:03 · 0.0 W · 2.50 MJ"),
        (
            {"elapsed_s": 3.7, "power_w": 12.34, "energy_j": 45.6, "estimated": True, "stage": "train"},
            "energyprof 0:03 · estimated 12.3 W · 45.6 J · train",
        ),
        ({"elapsed_s": 1.0, "power_w": None, "energy_j": None, "estimated": True}, "energyprof 0:01"),
        ({"elapsed_s": 61.0, "power_w": None, "energy_j": None, "stage": None}, "energyprof 1:01"),
        ({"elapsed_s": 0.0, "energy_j": 1234.0, "stage": "a\x1b[2Jb"}, "energyprof 0:00 · 1.23 kJ · a?[2Jb"),
    ],
)
def test_what_is_known_is_shown_and_nothing_can_control_the_terminal(event: dict[str, object], text: str) -> None:
    assert live_text(event) == text


def test_off_a_terminal_there_is_no_line_but_what_must_be_said_is_said_once() -> None:
    stream = io.StringIO()
    line = LiveLine(stream, True)

    line.live({"elapsed_s": 1.0})
    line.say("the disk\n is full")
    line.say("the disk\n is full")
    line.clear()

    assert stream.getvalue() == "energyprof: the disk is full\n"
