"""What to start: a script, a module, code, or any other program, checked as far as that is cheap before it starts."""

from __future__ import annotations

import os
import sys
from collections import namedtuple

from energyprof.errors import InputError
from energyprof.launch.executable import find_executable, why_not_executable
from energyprof.launch.interpreter import NONE, Memory, check_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOK_AHEAD = 4096
_BYTE_CODE_MARK = b"\r\n"
"""Third and fourth byte of every version's byte code (CPython, Lib/importlib/_bootstrap_external.py)."""


# Importing typing for its NamedTuple would delay the program's start by 6 ms.
class Program(namedtuple("Program", "path argv command stem")):  # noqa: PYI024
    """A program ready to be handed to the operating system."""

    path: str
    """The executable; absolute, or relative to the current folder."""
    argv: tuple[str, ...]
    command: tuple[str, ...]
    """The command as a person would type it without us, for the report."""
    stem: str
    """Short name for files about this run."""


def script_program(
    words: Sequence[str], python: str | None = None, flags: Sequence[str] = (), memory: Memory = NONE
) -> Program:
    """Return `python FLAGS SCRIPT ARGS`; raises InputError where Python itself could not even begin to read SCRIPT."""
    script = words[0]
    if script != "-":
        _check_script(script)
    stem = "stdin" if script == "-" else file_stem(script)
    # Python would take such a name for options of its own.
    shown = os.path.join(os.curdir, script) if script.startswith("-") and script != "-" else script
    return _python_program((*flags, shown, *words[1:]), stem, python, memory)


def module_program(
    words: Sequence[str], python: str | None = None, flags: Sequence[str] = (), memory: Memory = NONE
) -> Program:
    """Return `python FLAGS -m MODULE ARGS`; whether the module exists is for Python to say, in its own words."""
    return _python_program((*flags, "-m", *words), words[0], python, memory)


def code_program(
    words: Sequence[str], python: str | None = None, flags: Sequence[str] = (), memory: Memory = NONE
) -> Program:
    """Return `python FLAGS -c CODE ARGS`."""
    return _python_program((*flags, "-c", *words), "code", python, memory)


def other_program(words: Sequence[str]) -> Program:
    """Return any program, found on PATH as a shell would; raises InputError if it is not there or not executable."""
    name = words[0]
    path = find_executable(name)
    if path is None:
        raise InputError(f"no program {name}: {why_not_executable(name)}")
    return Program(path, tuple(words), tuple(words), file_stem(name))


def _python_program(words: tuple[str, ...], stem: str, python: str | None, memory: Memory) -> Program:
    path = sys.executable if python is None else check_python(python, memory)
    if not path:
        raise InputError("this Python does not know its own path; name an interpreter with --python PATH")
    return Program(path, (path, *words), (os.path.basename(path), *words), _safe(stem))


def _check_script(script: str) -> None:
    if os.path.isdir(script):
        if not os.path.isfile(os.path.join(script, "__main__.py")):
            raise InputError(f"{script} is a folder without __main__.py; name a script in it")
        return
    if os.path.exists(script) and not os.path.isfile(script):
        return  # a pipe, as of `<(...)`, or a device: who looks inside takes from the program what it reads
    try:
        with open(script, "rb") as stream:
            start = stream.read(_LOOK_AHEAD)
    except FileNotFoundError:
        hint = f"; to profile a module: energyprof run -m {script}" if script.isidentifier() else "; check the path"
        raise InputError(f"no script {script}{hint}") from None
    except OSError as error:
        raise InputError(f"cannot read {script}: {error.strerror}; make it readable") from error
    if not _may_be_python(script, start):
        raise InputError(f"{script} is no Python file; for any other program: energyprof run --exec -- {script}")


def _may_be_python(script: str, start: bytes) -> bool:
    """Return whether Python would read it: source, byte code, or a zip file; only clear cases are refused."""
    if script.endswith(".pyc") or start[2:4] == _BYTE_CODE_MARK:
        return True
    if b"\0" in start:
        from zipfile import is_zipfile

        return is_zipfile(script)
    interpreter = start.partition(b"\n")[0]
    if not interpreter.startswith(b"#!") or b"python" in interpreter or b"pypy" in interpreter:
        return True
    try:  # pip writes scripts that are a shell's and Python's at once, so a shell's first line alone says little
        with open(script, "rb") as stream:
            compile(stream.read(), script, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def file_stem(path: str) -> str:
    """Return the name without folder and suffix: `jobs/train.py` gives `train`, `package/` gives `package`."""
    name = os.path.basename(os.path.abspath(path))
    return _safe(os.path.splitext(name)[0])


def _safe(name: str) -> str:
    """Return the name fit for a file name: whatever is awkward there becomes `_`; never empty, hidden or an option."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return kept.lstrip(".-")[:80] or "program"
