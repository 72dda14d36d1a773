"""What is started: native command lines, and wrong input refused before anything starts."""

from __future__ import annotations

import os
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from energyprof.errors import InputError
from energyprof.launch.executable import find_executable
from energyprof.launch.program import (
    Program,
    code_program,
    module_program,
    other_program,
    script_program,
)

PYTHON = os.path.basename(sys.executable)
OLD_PYTHON = """#!/bin/sh
case "$1" in *I*) echo "Unknown option: -I" >&2; exit 2;; esac
case "$2" in *"print("*) echo "('python', 2, 7)";; *) echo "python 2 7";; esac
"""
"""What Python 2.7 answers: it knows no `-I`, and its `print` shows brackets."""


def test_a_script_is_started_natively_with_its_own_arguments(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("pass\n")

    program = script_program([str(script), "--epochs", "3", "-q"])

    words = (str(script), "--epochs", "3", "-q")
    assert program == Program(sys.executable, (sys.executable, *words), (PYTHON, *words), "train")


def test_modules_and_code_are_started_as_python_starts_them() -> None:
    module = module_program(["package.train", "-m", "x"])
    code = code_program(["print(1)", "a"])

    assert module.argv == (sys.executable, "-m", "package.train", "-m", "x")
    assert module.stem == "package.train"
    assert code.argv == (sys.executable, "-c", "print(1)", "a")
    assert code.stem == "code"


def test_standard_input_is_a_script_too() -> None:
    assert script_program(["-", "x"]).argv == (sys.executable, "-", "x")


def test_a_script_in_a_pipe_is_left_for_the_program_to_read(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader, writer = os.pipe()
    os.write(writer, b"print(1)")
    os.close(writer)
    named: list[Program] = []
    look = threading.Thread(target=lambda: named.append(script_program([str(fifo)])), daemon=True)

    anonymous = script_program([f"/dev/fd/{reader}"])
    look.start()
    look.join(10.0)

    assert anonymous.argv[1] == f"/dev/fd/{reader}"
    assert [program.argv[1] for program in named] == [str(fifo)]
    assert os.read(reader, 100) == b"print(1)"
    os.close(reader)


def test_a_script_whose_name_begins_with_a_dash_is_no_option_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-dash.py").write_text("")

    program = script_program(["-dash.py", "-x"])

    assert (program.argv[1:], program.stem) == (("./-dash.py", "-x"), "dash")


def test_a_folder_with_a_main_and_a_zip_application_are_scripts(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("pass\n")
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("__main__.py", "pass\n" * 100)

    assert script_program([str(tmp_path)]).argv[1] == str(tmp_path)
    assert script_program([str(archive)]).stem == "app"


def test_a_script_that_is_a_shells_and_pythons_at_once_is_python(tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_text("#!/bin/sh\n'''exec' /very/long/path \"$0\" \"$@\"\n' '''\nprint(1)\n")

    assert script_program([str(script)]).stem == "tool"


@pytest.mark.parametrize(
    ("name", "content", "fact", "remedy"),
    [
        ("photo.png", b"\x89PNG\r\n\x1a\n\0\0\0", "is no Python file", "--exec"),
        ("job.sh", b"#!/bin/sh\nfor x in *; do echo $x; done\n", "is no Python file", "--exec"),
    ],
)
def test_a_file_that_is_no_python_is_refused(tmp_path: Path, name: str, content: bytes, fact: str, remedy: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(InputError, match=fact) as caught:
        script_program([str(file)])

    assert remedy in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_script_with_a_syntax_error_is_left_to_python(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("#!/usr/bin/env python3\ndef (:\n")

    assert script_program([str(script)]).argv[1] == str(script)


def test_a_missing_script_names_the_module_it_may_have_meant(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no script torch; .*energyprof run -m torch"):
        script_program(["torch"])
    with pytest.raises(InputError, match=r"no script .*gone\.py; check the path"):
        script_program([str(tmp_path / "gone.py")])


def test_a_folder_without_a_main_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folder without __main__\.py"):
        script_program([str(tmp_path)])


def test_another_python_is_found_and_asked(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    (tmp_path / "s.py").write_text("")

    program = script_program([str(tmp_path / "s.py")], str(python))

    assert program.path == program.argv[0] == str(python)


@pytest.mark.parametrize(
    ("content", "mode", "fact"),
    [
        (None, 0, "no such file"),
        ("#!/bin/sh\necho hello\n", 0o755, "is no Python interpreter"),
        ("#!/bin/sh\necho python 3 8\n", 0o755, "is Python 3.8"),
        (OLD_PYTHON, 0o755, "is Python 2.7, recording needs 3.10 or newer"),
        ("#!/bin/sh\n", 0o644, "chmod"),
    ],
)
def test_a_wrong_python_is_refused(tmp_path: Path, content: str | None, mode: int, fact: str) -> None:
    python = tmp_path / "interpreter"
    if content is not None:
        python.write_text(content)
        python.chmod(mode)

    with pytest.raises(InputError, match=fact):
        code_program(["pass"], str(python))


def test_any_other_program_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "simulate"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(["/nowhere", str(tmp_path)]))

    program = other_program(["simulate", "--fast"])

    assert program == Program(str(tool), ("simulate", "--fast"), ("simulate", "--fast"), "simulate")
    assert find_executable("absent") is None


@pytest.mark.parametrize(
    ("name", "fact"),
    [("no-such-program-anywhere", "not on PATH"), ("./gone", "no such file"), ("/", "folder"), ("./data.txt", "chmod")],
)
def test_a_program_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fact: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.txt").write_text("")

    with pytest.raises(InputError, match=fact):
        other_program([name])


def test_the_stem_is_fit_for_a_file_name() -> None:
    assert module_program(["../..//x y"]).stem == "_..__x_y"
    assert module_program([""]).stem == "program"
