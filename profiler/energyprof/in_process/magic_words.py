"""What stands behind `%%energyprof` and `%energyprof`: options, then the statement of the latter."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final

from energyprof.errors import InputError

OPTIONS: Final = "[-o FILE] [-s NAME] [--source NAME]... [-q]"
CELL_USAGE: Final = f"%%energyprof {OPTIONS}"
LINE_USAGE: Final = f"%energyprof {OPTIONS} STATEMENT"
_TAKE_A_WORD: Final = {"-o": "output", "--output": "output", "-s": "store", "--store": "store", "--source": "source"}
_OPTION: Final = re.compile(r"(--?[A-Za-z][\w-]*|--)(?=[\s=]|$)")
_WORD: Final = re.compile(r"""[\s=]\s*((?:"[^"]*"|'[^']*'|[^\s"'])+)""")


@dataclass(frozen=True, slots=True)
class Words:
    """The options of a magic."""

    output: str | None
    store: str | None
    """The variable that the profile is bound to."""
    sources: tuple[str, ...]
    is_quiet: bool


def cell_words(line: str) -> Words:
    """Return the options of a cell; raises InputError."""
    words, rest = _read(line, CELL_USAGE)
    if rest:
        raise InputError(f"{rest.split()[0]!r} is no option, and the code begins on the next line; use {CELL_USAGE}")
    return words


def line_words(line: str) -> tuple[Words, str]:
    """Return the options of a line, and its statement; raises InputError."""
    words, rest = _read(line, LINE_USAGE)
    if not rest:
        raise InputError(f"there is no statement to profile; use {LINE_USAGE}, or {CELL_USAGE} at the top of a cell")
    return words, rest


def _read(line: str, usage: str) -> tuple[Words, str]:
    found: dict[str, list[str]] = {"output": [], "store": [], "source": []}
    is_quiet, rest = False, line.strip()
    while (option := _OPTION.match(rest)) is not None:
        named, rest = option[1], rest[option.end() :]
        if named == "--":
            break
        if named in {"-q", "--quiet"}:
            is_quiet, rest = True, rest.lstrip()
            continue
        if named not in _TAKE_A_WORD:
            raise InputError(f"there is no option {named}; use {usage}")
        word = _WORD.match(rest)
        if word is None:
            raise InputError(f"{named} needs a word after it; use {usage}")
        found[_TAKE_A_WORD[named]].append("".join(shlex.split(word[1])))
        rest = rest[word.end() :].lstrip()
    output, store = (found[name][-1] if found[name] else None for name in ("output", "store"))
    if store is not None and not store.isidentifier():
        raise InputError(f"{store!r} is no name of a variable; use {usage}")
    return Words(output, store, tuple(found["source"]), is_quiet), rest.strip()
