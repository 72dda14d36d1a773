"""What a command starts, and what it tells that program: the interpreter and its own options are neither."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from energyprof.model.report import Report
from energyprof.model.shell import in_shell

INTERPRETER: Final = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?")
_WITH_VALUE: Final = frozenset({"-X", "-W", "--check-hash-based-pycs"})
"""Options of Python whose value is a word of its own (python --help)."""
LONGEST: Final = 80
"""Characters that are shown of the arguments of a side."""


def program_and_arguments(command: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the script, module (`-m pack`), code (`-c`) or program that a command starts, and the words after it."""
    words = list(command)
    if words and INTERPRETER.fullmatch(Path(words[0]).name):
        del words[0]
        while words and words[0].startswith("-") and words[0] not in {"-", "-m", "-c"}:
            del words[: 2 if words[0] in _WITH_VALUE else 1]
    if not words:
        return Path(command[0]).name if command else "", ()
    if words[0] in {"-m", "-c"}:
        return (f"-m {words[1]}" if words[0] == "-m" and len(words) > 1 else words[0]), tuple(words[2:])
    return Path(words[0]).name, tuple(words[1:])


def other_arguments(before: Sequence[Report], after: Sequence[Report]) -> str:
    """Return in which arguments one program was told otherwise before and after; nothing where in none.

    Nothing, too, where the runs are of several programs, or those of one side were told different things.
    """
    sides = [{program_and_arguments(report.run.command) for report in side} for side in (before, after)]
    if sides[0] == sides[1] or any(len(side) > 1 for side in sides):
        return ""
    ((program, old),), ((other, new),) = sides
    if program != other:
        return ""
    gone, come = Counter(_told(old)), Counter(_told(new))
    only = [list(gone - come), list(come - gone)]
    if not any(only):
        return "the order of the arguments differs"
    said = " and ".join(
        f"{_shown(words)} {when}" for words, when in zip(only, ("only before", "only after"), strict=True) if words
    )
    return f"the program was told otherwise ({said})"


def programs_and_arguments_apart(reports: Sequence[Report]) -> list[str]:
    """Return what each kind of these runs was told that not all were, in their order; nothing where all are alike."""
    kinds = list(dict.fromkeys(program_and_arguments(report.run.command) for report in reports))
    if len(kinds) < 2:
        return []
    if len({program for program, _ in kinds}) > 1:
        return list(dict.fromkeys(program for program, _ in kinds))
    told = [Counter(_told(arguments)) for _, arguments in kinds]
    common = told[0]
    for one in told[1:]:
        common = common & one
    return [_shown(list(one - common)) or "without" for one in told]


def _told(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Return options with the word after them, which most often is their value, and the other words."""
    told: list[tuple[str, ...]] = []
    for at, word in enumerate(words):
        has_option = bool(told) and at > 0 and len(told[-1]) == 1 and _is_bare_option(told[-1][0])
        if has_option and not word.startswith("-"):
            told[-1] = (*told[-1], word)
        else:
            told.append((word,))
    return told


def _is_bare_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and "=" not in word


def _shown(told: Sequence[tuple[str, ...]]) -> str:
    text = " ".join(in_shell(word) for words in told for word in words)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
