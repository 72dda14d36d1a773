"""Which functions have a loop that is not over the items of something, told from the raw bytecode in microseconds."""

from __future__ import annotations

from opcode import hasjabs, opmap
from sys import version_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_IS_ABSOLUTE = version_info < (3, 11)
"""Jumps back name a place there, and their names do not tell which way it lies."""
_BACK = frozenset(
    number
    for name, number in opmap.items()
    if "JUMP" in name
    and (number in hasjabs if _IS_ABSOLUTE else "BACKWARD" in name)
    and "NO_INTERRUPT" not in name  # an `await`
)
_CACHES = int(version_info >= (3, 13))
"""Words behind a jump back that belong to it: JUMP_BACKWARD has one there (CPython's bytecodes.c)."""
_FOR = opmap["FOR_ITER"]
_EXTENDED = opmap["EXTENDED_ARG"]
_CLEANUP = opmap.get("CLEANUP_THROW", -1)
"""After it Python 3.12 jumps back into an `await`, by a jump like any other."""


def has_while(code: CodeType) -> bool:
    """Return whether `code` may have a loop other than `for`; never False where it has one.

    Disassembling a function takes a thousand times as long, and few have such a loop.
    """
    raw = code.co_code
    words = raw[::2]
    if _BACK.isdisjoint(words):
        return False
    return any(word in _BACK and _is_while(raw, words, at) for at, word in enumerate(words))


def _is_while(raw: bytes, words: bytes, at: int) -> bool:
    """Return whether the jump at word `at` goes back, but not to the head of a `for` nor into an `await`."""
    where = raw[2 * at + 1]
    shift = 8
    before = at - 1
    while before >= 0 and words[before] == _EXTENDED:
        where |= raw[2 * before + 1] << shift
        shift += 8
        before -= 1
    target = where if _IS_ABSOLUTE else at + 1 + _CACHES - where
    if target > at or (before >= 0 and words[before] == _CLEANUP):
        return False
    while words[target] == _EXTENDED:
        target += 1
    return words[target] != _FOR
