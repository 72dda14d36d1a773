"""`report`, `graph` and `doctor` on a real recording: what they print, and what they say about a bad file."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

SCRIPT = """\
import energyprof
with energyprof.stage("load"):
    rows = sum(range(200_000))
with energyprof.stage("train", after="load"):
    with energyprof.stage("step <b>&\\n'\\""):
        rows = sum(range(400_000))
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> Path:
    place = workplace_class(*map(tmp_path_factory.mktemp, ("recorded", "cache", "t")))
    place.write("job.py", SCRIPT)
    done = place.run("-o", "job.eprof", "job.py")
    assert done.returncode == 0, done.stderr
    return place.folder / "job.eprof"


@pytest.fixture
def energyprof(place: Any, recorded: Path, command_here: Any) -> Any:
    shutil.copy(recorded, place.folder / "job.eprof")
    return command_here


@pytest.fixture
def started(energyprof: Any, place: Any) -> Any:
    """Start the command as a user does."""
    return lambda *words: place.call(place.command(*words))


def test_report_prints_the_newest_run_of_the_folder(started: Any, energyprof: Any) -> None:
    newest, named = started("report"), energyprof("report", "job.eprof")

    assert newest.returncode == 0
    assert b"difference 0" in newest.stdout
    assert b"train" in newest.stdout
    assert b"energyprof graph job.eprof" in newest.stdout
    assert newest.stdout == named.stdout
    assert newest.stderr == b""


def test_a_report_of_a_stored_fit_waits_for_no_scipy(energyprof: Any, place: Any) -> None:
    done = place.call([sys.executable, "-X", "importtime", "-m", "energyprof", "report", "job.eprof"])

    assert b" energyprof.run\n" in done.stderr
    assert b"scipy" not in done.stderr


def test_to_attribute_what_a_model_says_waits_for_no_scipy(energyprof: Any, place: Any) -> None:
    code = """
import sys
from energyprof.attribute import attribute
from energyprof.capture import read_trace
attribute(read_trace("job.eprof"))
print("scipy" in sys.modules)
"""

    assert place.call([sys.executable, "-c", code]).stdout == b"False\n"


def test_a_run_that_only_a_model_watches_waits_for_no_scipy(place: Any) -> None:
    place.write("job.py", "import time\ntime.sleep(2.5)  # a program that ends before leaves no time to import it\n")
    words = ("run", "-q", "--no-graph", "--source", "load_model", "job.py")

    done = place.call([sys.executable, "-X", "importtime", "-m", "energyprof", *words])

    assert done.returncode == 0
    assert b" energyprof.run\n" in done.stderr
    assert b"scipy" not in done.stderr


def test_a_run_that_shows_nothing_waits_for_no_diagram(place: Any) -> None:
    place.write("job.py", "pass")

    done = place.call([sys.executable, "-X", "importtime", "-m", "energyprof", "run", "-q", "--no-graph", "job.py"])

    assert b" energyprof.run\n" in done.stderr
    assert b"networkx" not in done.stderr
    assert b"energyprof.model.report" not in done.stderr


def test_a_run_loads_no_networkx_without_a_flow_of_data_and_no_format_it_does_not_write(place: Any) -> None:
    place.write("job.py", "pass")

    done = place.call([sys.executable, "-X", "importtime", "-m", "energyprof", "run", "job.py"])

    assert b" energyprof_plugins.exporters.graphviz\n" in done.stderr
    assert b"networkx" not in done.stderr
    assert b"html_page" not in done.stderr


def test_json_report_holds_the_stages_and_a_ledger_that_closes(energyprof: Any) -> None:
    report = json.loads(energyprof("report", "job.eprof", "--format", "json").stdout)

    assert report["schema"] == "energyprof-report/1"
    assert [stage["stage"] for stage in report["stages"]] == ["load", "train", "train/step <b>&\n'\""]
    for line in report["ledger"]:
        parts = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
        assert abs(line["measured_j"] - sum(line[part] for part in parts)) < 1e-6
    assert {row["provenance"] for stage in report["stages"] for row in stage["self"]} == {"estimated (model)"}
    feeds = [(edge["source"], edge["target"]) for edge in report["edges"] if edge["kind"] == "feeds"]
    assert feeds == [("load", "train")]


def test_power_over_time_holds_the_energy_that_the_account_divides(energyprof: Any, place: Any) -> None:
    run = load(place.folder / "job.eprof")

    energies = {str(series.domain.id): float(series.energy_j.sum()) for series in run.power}

    assert energies == {str(row.domain): pytest.approx(row.measured_j, abs=1e-6) for row in run.report().ledger}


@pytest.mark.parametrize("name", ["chrome", "firefox"])
def test_a_timeline_holds_every_span_of_a_recording(energyprof: Any, name: str) -> None:
    document = json.loads(energyprof("report", "job.eprof", "--format", name).stdout)

    if name == "chrome":
        spans = [event["name"] for event in document["traceEvents"] if event.get("cat") == "stage"]
    else:
        spans = [row["name"] for thread in document["threads"] for row in thread["markers"]["data"]]
    assert spans == ["load", "train", "step <b>&\\n'\""]


def test_format_list_names_every_format(energyprof: Any) -> None:
    listed = energyprof("report", "--format", "list").stdout.decode().splitlines()

    assert {line.split()[0] for line in listed} >= {"terminal", "json", "dot", "svg", "png"}


def test_a_format_of_several_runs_is_named_with_its_command_and_never_written_empty(energyprof: Any) -> None:
    listed = energyprof("report", "--format", "list").stdout.decode()
    own, others = listed.split("of several runs, each written by a command of its own:\n")

    assert {line.split()[0] for line in others.splitlines()} == {
        "diff", "diff-json", "diff-markdown", "variants", "variants-csv", "variants-json",
        "variants-markdown", "variants-svg",
    }  # fmt: skip
    for line in own.splitlines():
        assert not line.startswith(("diff", "variants"))
    for name in ("diff", "variants-json"):
        done = energyprof("report", "job.eprof", "--format", name)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"written by: energyprof" in done.stderr


def test_output_goes_into_a_file(energyprof: Any, place: Any) -> None:
    done = energyprof("report", "job.eprof", "--format", "json", "-o", "report.json")

    assert (done.stdout, done.returncode) == (b"", 0)
    assert json.loads((place.folder / "report.json").read_text())["schema"] == "energyprof-report/1"


@pytest.mark.parametrize(("name", "start"), [("hot.svg", b"<svg"), ("hot.png", b"\x89PNG"), ("hot.dot", b"digraph")])
def test_graph_draws_in_the_format_of_the_file_name(energyprof: Any, place: Any, name: str, start: bytes) -> None:
    done = energyprof("graph", "job.eprof", "-o", name)

    assert done.stdout.decode().strip() == name
    assert start in (place.folder / name).read_bytes()[:400]


def test_graph_without_a_renderer_writes_the_source_and_how_to_draw_it(
    energyprof: Any, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGYPROF_DOT", "/nowhere/dot")
    done = energyprof("graph", "job.eprof", "-o", "hot.svg")

    assert done.returncode == 0
    assert b"hot.dot" in done.stdout
    assert b"dot -Tsvg" in done.stdout
    assert (place.folder / "hot.dot").read_text().lstrip().startswith("digraph")
    assert not (place.folder / "hot.svg").exists()


def test_doctor_names_the_model_and_says_there_is_no_sensor(started: Any) -> None:
    table, machine = started("doctor"), started("doctor", "--json")
    rows = {row["name"]: row for row in json.loads(machine.stdout)["sources"]}
    has_sensor = any(row["measures"] == "sensor" and row["available"] for row in rows.values())

    assert rows["load_model"]["available"] is True
    assert rows["replay"]["available"] is False
    assert rows["load_model"]["used"] is not has_sensor
    assert b"load_model" in table.stdout
    assert (table.returncode, machine.returncode) == (0 if has_sensor else 1,) * 2


def damaged(path: Path, kind: str) -> None:
    """Turn a good recording into a bad one."""
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is not a recording\n" * 1000)
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        with sqlite3.connect(path) as base:
            if kind == "newer":
                base.execute("PRAGMA user_version = 99")
            else:
                base.execute("PRAGMA application_id = 1234")
        base.close()


@pytest.mark.parametrize("command", ["report", "graph"])
@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "newer", "foreign"])
def test_a_bad_file_is_one_line_with_the_remedy_and_status_2(
    energyprof: Any, place: Any, kind: str, command: str
) -> None:
    damaged(place.folder / "job.eprof", kind)

    done = energyprof(command, "job.eprof")

    lines = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert done.stdout == b""
    assert len(lines) == 1
    assert lines[0].startswith("energyprof: ")
    assert "job.eprof" in lines[0]
    assert ";" in lines[0], "the remedy stands behind a semicolon"
    if kind == "newer":
        assert "upgrade" in lines[0]


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (("report", "nothing.eprof"), "no file nothing.eprof"),
        (("report", "."), ". is a folder"),
        (("report", "job.eprof", "--format", "yaml"), "no plugin 'yaml'"),
        (("report", "job.eprof", "-o", "no/such/place.txt"), "cannot write no/such/place.txt"),
        (("graph", "job.eprof", "-o", "hot.bmp"), "cannot tell the format of hot.bmp"),
        (("frobnicate",), "no command 'frobnicate'"),
    ],
)
def test_wrong_words_are_one_line_and_status_2(started: Any, words: tuple[str, ...], fact: str) -> None:
    done = started(*words)

    assert done.returncode == 2
    assert fact in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1


def test_no_recording_in_the_folder_is_said(command_here: Any) -> None:
    done = command_here("report")

    assert done.returncode == 2
    assert b"no .eprof file in this folder" in done.stderr


def test_a_closed_pipe_ends_quietly(energyprof: Any, place: Any) -> None:
    command = " ".join(place.command("report", "job.eprof", "--format", "json"))

    done = place.call(["/bin/sh", "-c", f"{command} | head -c 10"])

    assert done.stderr == b""
    assert len(done.stdout) == 10


@pytest.mark.parametrize("command", ["run", "report", "graph", "doctor"])
def test_every_command_explains_itself_with_examples(place: Any, command: str) -> None:
    done = place.call(place.command(command, "--help"))

    assert done.returncode == 0
    assert b"examples:" in done.stdout
    assert f"energyprof {command}".encode() in done.stdout


def test_version_and_top_help(place: Any) -> None:
    from energyprof import __version__

    assert place.call(place.command("--version")).stdout.decode().strip() == f"energyprof {__version__}"
    assert b"energyprof run pipeline.py" in place.call(place.command("--help")).stdout


@pytest.mark.parametrize("name", ["job.eprof", "./linked.svg", "copied.json", "damaged.png"])
@pytest.mark.parametrize("command", ["report", "graph"])
def test_a_recording_is_never_overwritten(energyprof: Any, place: Any, command: str, name: str) -> None:
    (place.folder / "linked.svg").symlink_to("job.eprof")
    shutil.copy(place.folder / "job.eprof", place.folder / "copied.json")
    (place.folder / "damaged.png").write_bytes((place.folder / "job.eprof").read_bytes()[:200])
    if command == "graph" and name in {"job.eprof", "copied.json"}:
        (place.folder / name).rename(place.folder / "other.eprof")
        (place.folder / "job.svg").symlink_to("other.eprof")
        shutil.copy(place.folder / "other.eprof", place.folder / "job.eprof")
        name = "job.svg"
    before = (place.folder / name).read_bytes()

    done = energyprof(command, "job.eprof", "-o", name)

    said = f"energyprof: {Path(name)} is a recording and is never overwritten; choose another name with -o\n"
    assert (done.returncode, done.stderr.decode()) == (2, said)
    assert (place.folder / name).read_bytes() == before


def test_an_earlier_report_is_overwritten(energyprof: Any, place: Any) -> None:
    place.write("report.txt", "of yesterday")

    assert energyprof("report", "job.eprof", "-o", "report.txt").returncode == 0
    assert "difference 0" in (place.folder / "report.txt").read_text()


@pytest.mark.parametrize("words", [("report",), ("report", "-f", "png"), ("report", "-f", "list"), ("doctor",)])
def test_a_full_disk_on_standard_output_is_said_in_one_line(
    energyprof: Any, place: Any, words: tuple[str, ...]
) -> None:
    done = place.call(["/bin/sh", "-c", 'exec "$@" > /dev/full', "sh", *place.command(*words)])

    said = (
        b"energyprof: the output cannot be written (No space left on device); free space there or send it elsewhere\n"
    )
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize("command", ["report", "graph", "recover"])
def test_a_pipe_is_refused_and_not_waited_for(started: Any, place: Any, command: str) -> None:
    os.mkfifo(place.folder / "pipe.eprof")

    done = started(command, "pipe.eprof")

    said = b"energyprof: pipe.eprof is a pipe, socket or device; name a .eprof file\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_the_newest_run_of_the_folder_is_a_file(energyprof: Any, place: Any) -> None:
    os.mkfifo(place.folder / "newer.eprof")

    assert energyprof("report").returncode == 0


@pytest.mark.parametrize("width", ["10", "59", "201", "-1", "wide"])
def test_a_width_that_cannot_be_filled_is_refused(energyprof: Any, width: str) -> None:
    done = energyprof("report", "job.eprof", f"--width={width}")

    said = f"argument --width: {width} is no number of columns from 60 to 200; see: energyprof report --help"
    assert (done.returncode, done.stderr.decode()) == (2, f"energyprof: {said}\n")


@pytest.mark.parametrize("width", ["60", "200"])
def test_the_widths_at_both_ends_are_taken(energyprof: Any, width: str) -> None:
    assert energyprof("report", "job.eprof", "--width", width).returncode == 0


def test_a_loaded_run_prints_its_report(recorded: Path) -> None:
    run = load(recorded)

    assert str(run) == run.render("terminal", options={"run": str(recorded)})
    assert "difference 0" in str(run)
    assert repr(run) == f"Run('{recorded}')"
