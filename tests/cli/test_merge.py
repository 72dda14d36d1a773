"""`energyprof merge` as it is typed: what it takes, what it says, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyprof.cli import main
from energyprof.cli.merge_command import _offset, _part


def test_help_shows_how_hosts_are_named_and_clocks_mended(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["merge", "--help"])

    shown = capsys.readouterr().out
    assert "energyprof merge node0.eprof node1.eprof -o all.eprof" in shown
    assert "--offset n1=-0.25" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["one.eprof"], "nothing to merge"),
        (["one.eprof", "none.eprof"], "no file none.eprof"),
        (["one.eprof", "."], ". is no file"),
        (["one.eprof", "one.eprof", "--offset", "h1"], "h1 is not HOST=SECONDS"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.eprof").touch()

    try:
        status = main(["merge", *words])
    except SystemExit as ended:
        status = int(ended.code or 0)

    shown = capsys.readouterr().err
    assert status == 2
    assert said in shown
    assert shown.count("\n") == 1


def test_a_file_whose_name_has_an_equals_sign_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("lr=0.1.eprof", "run.eprof"):
        Path(name).touch()

    assert _part("lr=0.1.eprof") == ("", Path("lr=0.1.eprof"))
    assert _part("node=run.eprof") == ("node", Path("run.eprof"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n1=-0.25", ("n1", -250_000_000)),
        ("n1=+3", ("n1", 3_000_000_000)),
        ("a=b=0.000000001", ("a=b", 1)),
        ("n1=-.5", ("n1", -500_000_000)),
    ],
)
def test_offsets_are_exact(text: str, said: tuple[str, int]) -> None:
    assert _offset(text) == said
