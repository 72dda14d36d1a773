"""Byte code, zip applications, folders and standard input are programs too; what is none is one clear line."""

from __future__ import annotations

import py_compile
import sys
import zipapp
import zipfile
from typing import Any

import pytest

from energyprof.run import load

JOB = """\
import os, sys
from energyprof import stage
with stage("work"):
    print(sys.argv, __name__, __file__, sys.path[0], os.getcwd(), __spec__ and __spec__.name)
"""
FROM_INPUT = """\
import sys
from energyprof import stage
with stage("work"):
    print(sys.argv, __name__, repr(sys.path[0]))
raise ValueError("said")
"""


def make(place: Any, form: str) -> str:
    """Write the program in one of its forms and return what is run."""
    source = place.write("source.py", JOB)
    if form in {"job.pyc", "compiled"}:
        py_compile.compile(str(source), cfile=str(place.folder / form), doraise=True)
    else:
        (place.folder / "package").mkdir()
        place.write("package/__main__.py", JOB)
        if form == "job.pyz":
            zipapp.create_archive(place.folder / "package", place.folder / form, interpreter="/usr/bin/env python3")
        elif form == "bundle":
            zipapp.create_archive(place.folder / "package", place.folder / form, compressed=True)
    source.unlink()
    return form


@pytest.mark.parametrize("form", ["job.pyc", "compiled", "job.pyz", "bundle", "package"])
def test_every_form_of_a_program_runs_as_python_runs_it(place: Any, form: str) -> None:
    program = make(place, form)

    bare = place.call([sys.executable, program, "-x", "1"])
    ours = place.run("-q", "--no-graph", program, "-x", "1")

    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, 0)
    (recording,) = place.recordings()
    assert recording.name.startswith(f"{program.partition('.')[0]}-")
    assert [(str(row.stage), row.calls) for row in load(recording).report().stages] == [("work", 1)]


def test_a_script_from_standard_input_runs_to_its_traceback(place: Any) -> None:
    bare = place.call([sys.executable, "-", "-x"], stdin=FROM_INPUT.encode())
    ours = place.run("-q", "--no-graph", "-", "-x", stdin=FROM_INPUT.encode())

    assert bare.returncode == 1
    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, 1)
    (recording,) = place.recordings()
    assert recording.name.startswith("stdin-")
    assert [str(row.stage) for row in load(recording).report().stages] == ["work"]


@pytest.mark.parametrize("fault", ["byte code of another Python", "a zip file without a program"])
def test_what_python_refuses_is_said_in_its_own_words(place: Any, fault: str) -> None:
    path = place.folder / "job.pyc"
    if fault.startswith("byte code"):
        path.write_bytes(b"\x01\x0d\r\n" + b"\0" * 40)
    else:
        path = place.folder / "job.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "nothing\n" * 100)

    bare = place.call([sys.executable, path.name])
    # The console script may name the same interpreter by another link.
    ours = place.run("-q", "--no-graph", "--python", sys.executable, path.name)

    assert (ours.stdout, ours.stderr, ours.returncode) == (b"", bare.stderr, 1)
    assert len(bare.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "fact"),
    [
        (
            "simulate",
            b"\x7fELF\x02\x01\x01" + b"\0" * 60,
            "is no Python file; for any other program: energyprof run --exec",
        ),
        ("data", None, "is a folder without __main__.py; name a script in it"),
        ("gone.py", b"", "no script gone.py; check the path"),
    ],
)
def test_what_is_no_program_is_one_line(place: Any, name: str, content: bytes | None, fact: str) -> None:
    if content is None:
        (place.folder / name).mkdir()
    elif content:
        (place.folder / name).write_bytes(content)

    done = place.run(name)

    assert (done.stdout, done.returncode) == (b"", 2)
    (line,) = done.stderr.decode().splitlines()
    assert fact in line
    assert place.recordings() == []
