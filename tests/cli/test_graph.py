"""`energyprof graph`: its options through the command itself."""

import json
import os
import subprocess
import sys

import pytest

from energyprof.cli import main

PROGRAM = """
import time
import energyprof

def work(cpu_s):
    end = time.process_time() + cpu_s
    while time.process_time() < end:
        sum(range(1000))

def load():
    return work(0.6)

with energyprof.stage("load"):
    load()
with energyprof.stage("train"):
    for n in range(3):
        with energyprof.stage(f"layer.{n}"):
            work(0.2)
with energyprof.stage("save"):
    work(0.1)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("graph")
    (place / "job.py").write_text(PROGRAM)
    for name in ("old", "new"):
        done = started(place, "run", "--stacks", "--no-graph", "-q", "-o", f"{name}.eprof", "job.py")
        assert done.returncode == 0, done.stderr
    return place


def started(folder, *arguments, **environment):
    """Start the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "energyprof", *arguments], cwd=folder, capture_output=True, text=True, timeout=120,
        env={**os.environ, **environment}, check=False,
    )  # fmt: skip


@pytest.fixture
def command(folder, monkeypatch, capfd):
    """Do in this process what the command does there, at a tenth of the time."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        status = main(list(arguments))
        return subprocess.CompletedProcess(arguments, status, *capfd.readouterr())

    return call


@pytest.fixture
def graph(folder, command):
    """Return the JSON of a view."""

    def view(*arguments):
        done = command("graph", "new.eprof", *arguments, "-o", "view.json")
        assert done.returncode == 0, done.stderr
        return json.loads((folder / "view.json").read_text())

    return view


def names(document):
    return [node["name"] for node in document["nodes"]]


def test_focus_and_ignore_choose_stages(graph):
    assert names(graph("--focus", "layer")) == ["train", "layer.0", "layer.1", "layer.2"]
    assert names(graph("--ignore", "layer|save")) == ["load", "train"]


def test_like_siblings_become_one_node(graph):
    grouped = names(graph("--group-repeats"))

    assert "layer.*" in grouped or len(grouped) < 6  # one of three may be dear enough to stay single


def test_one_domain_alone(graph):
    assert graph("--domain", "cpu")["graph"]["domain"] == "cpu"


def test_functions_stand_below_their_stages(graph):
    document = graph("--level", "function")

    functions = [node for node in document["nodes"] if node["kind"] == "function"]
    assert {"load", "work"} <= {node["name"] for node in functions}
    calls = {(edge["source"], edge["target"]) for edge in document["edges"] if edge["kind"] == "calls"}
    assert ("load/load()", "load/work()") in calls
    assert all(node["self_provenance"] == "estimated (model)" for node in functions)


def test_what_changed_is_drawn_and_written(folder, command):
    done = command("graph", "new.eprof", "--diff", "old.eprof", "-o", "change.json")

    assert done.returncode == 0, done.stderr
    document = json.loads((folder / "change.json").read_text())
    assert document["graph"]["schema"] == "energyprof-comparison/1"
    assert {node["presence"] for node in document["nodes"]} == {"both"}
    assert command("graph", "new.eprof", "--diff", "old.eprof", "-o", "change.svg").stdout == "change.svg\n"
    assert "within noise" in (folder / "change.svg").read_text()


@pytest.mark.parametrize("suffix", ["svg", "dot", "graphml", "json"])
def test_the_same_run_gives_the_same_bytes(folder, suffix):
    for name in ("first", "second"):
        assert started(folder, "graph", "new.eprof", "-o", f"{name}.{suffix}").returncode == 0

    assert (folder / f"first.{suffix}").read_bytes() == (folder / f"second.{suffix}").read_bytes()


def test_without_a_renderer_the_source_is_written_and_the_command_said(folder, command, monkeypatch):
    monkeypatch.setenv("ENERGYPROF_DOT", "/nowhere/dot")

    done = command("graph", "new.eprof", "-o", "none.svg")

    assert done.stdout.startswith("none.dot (not drawn: ")
    assert "draw it with: dot -Tsvg none.dot -o none.svg" in done.stdout
    assert (folder / "none.dot").read_text().startswith("digraph")
    assert not (folder / "none.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--domain", "gpu:9"), "no domain 'gpu:9' in this run"),
        (("--focus", "["), "--focus '[' is no regular expression"),
        (("--focus", "nowhere"), "no stage matches --focus 'nowhere'"),
        (("--node-count", "0"), "0 is no number of nodes from 1 on"),
        (("--node-fraction", "2"), "2 is no part from 0 to 1"),
        (("--level", "atom"), "invalid choice: 'atom'"),
        (("--theme", "dark", "-o", "x.png"), "only SVG has a dark theme"),
        (("-o", "x.bmp"), "end it in .svg, .png, .dot, .pdf, .json, .graphml"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(command, arguments, complaint):
    done = command("graph", "new.eprof", *arguments)

    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_pyinstrument_shows_the_stacks(command):
    done = command("report", "new.eprof", "--format", "pyinstrument")

    assert done.returncode == 0, done.stderr
    assert " in sampled functions, " in done.stdout
    assert "<module>  job.py" in done.stdout


def test_the_help_has_examples(folder):
    text = started(folder, "graph", "--help").stdout

    assert "examples:" in text
    for option in ("--level", "--domain", "--focus", "--ignore", "--trim", "--node-fraction", "--edge-fraction",
                   "--node-count", "--metric", "--group-repeats", "--open", "--diff"):  # fmt: skip
        assert option in text


def test_the_file_is_opened_on_request(folder):
    show = folder / "show"
    show.write_text('#!/bin/sh\necho "$1" > opened\n')
    show.chmod(0o755)

    done = started(folder, "graph", "new.eprof", "-o", "open me.svg", "--open", BROWSER=f"{show} %s")

    assert done.returncode == 0, done.stderr
    assert (folder / "opened").read_text().strip() == (folder / "open me.svg").as_uri()


def test_a_run_without_stages_is_drawn_by_its_functions(folder, command):
    (folder / "bare.py").write_text(
        "import time\n"
        "def spin():\n    end = time.process_time() + 1.5\n    while time.process_time() < end: pass\nspin()\n"
    )
    done = started(folder, "run", "--stacks", "--no-graph", "-q", "-o", "bare.eprof", "bare.py")
    assert done.returncode == 0, done.stderr

    drawn, layers = (
        command("graph", "bare.eprof", "-o", "bare.dot", *more) and (folder / "bare.dot").read_text(encoding="utf-8")
        for more in ((), ("--level", "layer"))
    )

    assert command("graph", "bare.eprof", "--diff", "bare.eprof", "-o", "bare.dot").returncode == 0
    changed = (folder / "bare.dot").read_text(encoding="utf-8")

    assert "<B>spin</B>" in changed
    assert "self unchanged" in changed
    assert "<B>spin</B>" in drawn
    assert "<B>spin</B>" not in layers
    assert "went into spin itself" in command("report", "bare.eprof").stdout
