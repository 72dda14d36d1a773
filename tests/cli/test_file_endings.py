"""Files whose endings promise a format that is not written are refused, before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyprof.cli import main
from energyprof.cli.file_endings import TABLES, format_asked

ESTIMATE = ("estimate", "--watts", "300", "--hours", "1")
PROJECT = ("project", "1kWh", "3J", "--clients", "9", "--requests-per-client-day", "1", "--days", "9")
SCALE = ("scale", "none.eprof@d=1", "--scale-to", "d=2")


@pytest.mark.parametrize(
    ("words", "name", "endings"),
    [
        (ESTIMATE, "e.xyz", ".txt or .json"),
        (PROJECT, "p.png", ".txt, .json or .svg"),
        (SCALE, "s.csv", ".txt or .json"),
        (("history",), "h.html", ".txt or .json"),
        (("history", "forget", "--all"), "h.svg", ".txt or .json"),
        (("diff", "none.eprof", "nor.eprof"), "d.png", ".txt, .json or .md"),
        (("compare", "none.eprof", "nor.eprof"), "c.png", ".txt, .md, .csv, .json or .svg"),
    ],
)
def test_an_ending_of_what_is_not_written_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], name: str, endings: str
) -> None:
    file = tmp_path / name

    status = main([*words, "-o", str(file)])

    assert status == 2
    assert f"{file}: end it in {endings}, or say --format" in capsys.readouterr().err
    assert not file.exists()


def test_the_ending_chooses_and_a_named_format_overrules_it(tmp_path: Path) -> None:
    by_ending, named = tmp_path / "e.json", tmp_path / "e.page"

    statuses = main([*ESTIMATE, "-o", str(by_ending)]), main([*ESTIMATE, "-o", str(named), "--format", "table"])

    assert statuses == (0, 0)
    assert by_ending.read_text().startswith("{")
    assert named.read_text().startswith("estimated (model)")
    assert (format_asked(None, None, TABLES), format_asked(None, "/dev/null", TABLES)) == ("table", "table")
