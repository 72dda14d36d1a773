"""Which functions have a loop that is not over the items of something, told from the raw bytecode in microseconds."""

from __future__ import annotations

from opcode import opmap
from sys import version_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_IS_ABSOLUTE = version_info < (3, 11)
"""Jumps name a place there, and their names do not tell which way it lies."""
_BACK = frozenset(
    number
    for name, number in opmap.items()
    if "JUMP" in name and (_IS_ABSOLUTE or "BACKWARD" in name) and "NO_INTERRUPT" not in name  # the last: an `await`
)
_CACHES = int(version_info >= (3, 13))
"""Words behind a jump back that belong to it: JUMP_BACKWARD has one there (CPython's bytecodes.c)."""
_FOR = opmap["FOR_ITER"]
_EXTENDED = opmap["EXTENDED_ARG"]


def has_while(code: CodeType) -> bool:
    """Return whether `code` may have a loop other than `for`; never False where it has one.

    Disassembling a function takes a thousand times as long, and few have such a loop. Python before 3.11 is asked for
    any jump at all.
    """
    raw = code.co_code
    words = raw[::2]
    if _BACK.isdisjoint(words):
        return False
    return _IS_ABSOLUTE or any(word in _BACK and not _is_for(raw, words, at) for at, word in enumerate(words))


def _is_for(raw: bytes, words: bytes, at: int) -> bool:
    """Return whether the jump back at word `at` goes to the head of a `for`."""
    distance = raw[2 * at + 1]
    shift = 8
    while at - shift // 8 >= 0 and words[at - shift // 8] == _EXTENDED:
        distance |= raw[2 * (at - shift // 8) + 1] << shift
        shift += 8
    target = at + 1 + _CACHES - distance
    while words[target] == _EXTENDED:
        target += 1
    return words[target] == _FOR
