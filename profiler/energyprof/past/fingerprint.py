"""Which work a run is to do: digests of its sources, its arguments, and what the user says of its data."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from energyprof.errors import InputError
from energyprof.model.past import Work
from energyprof.past.sources import LARGEST_BYTES, MOST_FILES, Sources, files_below
from energyprof.past.versions import versions_of

LONGEST_COMMAND: Final = 200
LONGEST_DATA: Final = 60
_STEP: Final = 1 << 20
_SCRIPTS: Final = (".py", ".pyw", ".sh")
"""Endings by which an argument names a part of the program: `torchrun train.py`."""


Kind = Literal["script", "module", "code", "other"]


class Asked(NamedTuple):
    """What is to be run."""

    kind: Kind
    words: tuple[str, ...]
    """Script, module, code or program, and its arguments."""
    flags: tuple[str, ...]
    """Of Python."""
    path: str
    """The interpreter or program that the system starts."""
    command: tuple[str, ...]
    """As a person would type it."""
    varied: str = ""
    """What a sweep varies besides the arguments."""


def work_of(asked: Asked, data: str, python_path: str, said: Sequence[str] = ()) -> Work:
    """Return the work; `data` is a digest of what was `said` of it.

    Raises InputError where it cannot be told, as of a script from a pipe.
    """
    command = " ".join(asked.command)
    return Work(
        program=_program(asked, python_path),
        arguments=_digest(map(_encoded, [asked.kind, *asked.flags, "", *_arguments(asked), "", asked.varied])),
        data=data,
        command=_shortened(command, LONGEST_COMMAND),
        versions=versions_of(asked.path) if asked.kind != "other" else (),
        data_name=_shortened(" ".join(said), LONGEST_DATA),
    )


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}\u2026"


def _arguments(asked: Asked) -> tuple[str, ...]:
    """Return the words that are no name of a file whose content counts."""
    return asked.words[1:] if asked.kind in {"script", "other"} else asked.words


def _program(asked: Asked, python_path: str) -> str:
    return _digest(
        part for file, content in sources_of(asked, python_path).contents() for part in (_encoded(file), content)
    )


def sources_of(
    asked: Asked, python_path: str, *, most_files: int = MOST_FILES, largest_bytes: int = LARGEST_BYTES
) -> Sources:
    """Return the files that it consists of; raises InputError where they cannot be told, or are too many."""
    name, paths = asked.words[0], [entry or os.curdir for entry in python_path.split(os.pathsep) if python_path]
    is_here = asked.kind in {"module", "code", "other"}
    roots = [os.curdir if is_here else _folder_of(name), *paths, *_own_path(asked.path)]
    sources = Sources(roots, most_files=most_files, largest_bytes=largest_bytes)
    if asked.kind == "script":
        _add_script(sources, name)
    elif asked.kind == "module":
        sources.add_module(name)
    elif asked.kind == "code":
        sources.add_code(name)
    else:
        sources.add_file(asked.path, "")
    for word in asked.words[1:]:
        if word.endswith(_SCRIPTS) and os.path.isfile(word):
            sources.add_file(word, f"<{os.path.basename(word)}>")
    return sources


def _add_script(sources: Sources, script: str) -> None:
    if os.path.isdir(script):
        sources.add_folder(script)
        return
    if script == "-" or not os.path.isfile(script):
        raise InputError("its script comes through a pipe, which can be read only once")
    sources.add_file(script, "")


def _folder_of(script: str) -> str:
    """Return the folder in which Python looks first."""
    return script if os.path.isdir(script) else os.path.dirname(os.path.realpath(script)) or os.curdir


def _own_path(interpreter: str) -> list[str]:
    """Return the further folders of its own code that this interpreter knows: those of editable installs."""
    if interpreter != sys.executable:
        return []
    fixed = tuple({os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix)})
    return [path for path in sys.path if os.path.isdir(path) and not os.path.realpath(path).startswith(fixed)]


def data_digest(said: Sequence[str]) -> str:
    """Return the digest of all that was said of the data: a name for it, or @FILE, whose content counts.

    Empty where nothing was said. Raises InputError for what cannot be read.
    """
    if not said:
        return ""
    parts = []
    for word in said:
        if not word.startswith("@"):
            parts += [b"text", _encoded(word)]
        elif os.path.isdir(word[1:]):
            for path, name in files_below(word[1:]):
                parts += [_encoded(name), _content(path)]
        else:
            parts += [b"file", _content(word[1:])]
    return _digest(parts)


def _content(path: str) -> bytes:
    digest = sha256()
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(
                f"the data {path} is no file or folder; name one, or write --data NAME for a name of yours"
            )
        with open(path, "rb") as stream:
            while chunk := stream.read(_STEP):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"the data {path} cannot be read ({error.strerror}); check the path behind the @") from error
    return digest.digest()


def _digest(parts: Iterable[bytes]) -> str:
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:32]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
