"""`energyprof diff` on real recordings: which runs are on which side, and what is refused."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

SCRIPT = """\
import energyprof
with energyprof.stage("load"):
    sum(range(200_000))
"""


@pytest.fixture
def energyprof(place: Any, record_once: Any, command_here: Any) -> Any:
    for name in ("a1", "a2", "b1", "b2"):
        shutil.copy(record_once(SCRIPT), place.folder / f"{name}.eprof")
    return command_here


@pytest.mark.parametrize(
    "words", [("a1.eprof", "a2.eprof", "--to", "b1.eprof", "b2.eprof"), ("a1.eprof,a2.eprof", "b1.eprof,b2.eprof")]
)
def test_several_runs_of_each_side(energyprof: Any, words: tuple[str, ...]) -> None:
    document = json.loads(energyprof("diff", *words, "--format", "json").stdout)

    assert (len(document["before"]), len(document["after"])) == (2, 2)
    assert [row["name"] for row in document["stages"]] == ["load"]
    assert document["measured_j"]["change"] == 0


def test_two_runs_make_a_table(energyprof: Any) -> None:
    done = energyprof("diff", "a1.eprof", "b1.eprof")

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"within chance" in done.stdout
    assert b"estimated (model)" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a1.eprof",), b"1 runs; name two"),
        (("a1.eprof", "a2.eprof", "b1.eprof"), b"--to B1 B2"),
        (("a1.eprof", "a1.eprof"), b"is on both sides"),
        (("a1.eprof", "a1.eprof", "--to", "b1.eprof"), b"named twice"),
        (("a1.eprof", "none.eprof"), b"no file none.eprof"),
        (("a1.eprof", "b1.eprof", "--top", "0"), b"no number of rows"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(energyprof: Any, words: tuple[str, ...], said: bytes) -> None:
    done = energyprof("diff", *words)

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1
