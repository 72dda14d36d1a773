"""Which format a command writes: the one it is told, else that of the file's ending."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

SCRIPT = """\
import energyprof
for number in range(2):
    with energyprof.trial({"size": number}) as trial:
        sum(range(200_000))
        trial.tell(number / 2)
"""


@pytest.fixture
def energyprof(place: Any, record_once: Any, command_here: Any) -> Any:
    shutil.copy(record_once(SCRIPT), place.folder / "job.eprof")
    return command_here


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("out.html", "<!doctype html>"),
        ("out.json", "{"),
        ("OUT.MD", "### Energy"),
        ("out.csv", "program,"),
        ("out.trace.json", "{"),
        ("out.txt", "energyprof "),
    ],
)
def test_a_report_is_written_as_its_ending_says(energyprof: Any, place: Any, name: str, begin: str) -> None:
    done = energyprof("report", "job.eprof", "-o", name)

    assert done.returncode == 0, done.stderr
    text = (place.folder / name).read_text("utf-8")
    assert text.startswith(begin)
    assert ("traceEvents" in text) == name.endswith(".trace.json")


def test_a_format_that_is_named_comes_before_the_ending_and_an_ending_that_says_none_is_refused(
    energyprof: Any, place: Any
) -> None:
    named = energyprof("report", "job.eprof", "--format", "csv", "-o", "rows.txt")
    unknown = energyprof("report", "job.eprof", "-o", "report.docx")

    assert named.returncode == 0
    assert (place.folder / "rows.txt").read_text("utf-8").startswith("program,")
    assert unknown.returncode == 2
    assert b"report.docx: end it in .txt, .html, .json, .csv, .md" in unknown.stderr
    assert not (place.folder / "report.docx").exists()


@pytest.mark.parametrize("command", ["trials", "findings"])
def test_trials_and_findings_are_told_to_programs(energyprof: Any, place: Any, command: str) -> None:
    printed = energyprof(command, "job.eprof", "--format", "json", "--region", "FR")
    written = energyprof(command, "job.eprof", "-o", "out.json", "--region", "FR")
    text = energyprof(command, "job.eprof", "-o", "out.txt")
    refused = energyprof(command, "job.eprof", "-o", "out.xls")

    assert (printed.returncode, written.returncode, text.returncode, refused.returncode) == (0, 0, 0, 2)
    document = json.loads(printed.stdout)
    assert document == json.loads((place.folder / "out.json").read_text("utf-8"))
    assert document["schema"] == f"energyprof-{command}/1"
    of_run = document["runs"][0] if command == "trials" else document
    assert of_run["footprint"]["assumptions"]["grid"]["country"] == "France"
    if command == "trials":
        assert [row["value"] for row in of_run["trials"]["rows"]] == [0.0, 0.5]
    else:
        assert isinstance(of_run["findings"], list)
    assert (place.folder / "out.txt").read_text("utf-8")
