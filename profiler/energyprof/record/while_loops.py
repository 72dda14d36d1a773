"""Which functions have a loop that is not over the items of something, told from the raw bytecode in microseconds."""

from __future__ import annotations

from opcode import hasjabs, opmap
from sys import version_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
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
_DOING = frozenset(
    number
    for name, number in opmap.items()
    if name.startswith(("CALL", "STORE_")) and not name.startswith("CALL_INTRINSIC")
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
    return any(True for _ in _whiles(code.co_code))


def has_idle_while(code: CodeType) -> bool:
    """Return whether `code` may have such a loop that calls and stores nothing; never False where it has one."""
    words = code.co_code[::2]
    return any(_DOING.isdisjoint(words[start:end]) for start, end in _whiles(code.co_code))


def _whiles(raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield the first and the last word of each such loop."""
    words = raw[::2]
    for number in _BACK.intersection(words):
        at = words.find(number)
        while at >= 0:
            start = _start(raw, words, at)
            if start >= 0:
                yield start, at
            at = words.find(number, at + 1)


def _start(raw: bytes, words: bytes, at: int) -> int:
    """Return where the jump at word `at` goes back to; -1: forward, to the head of a `for`, or into an `await`."""
    where = raw[2 * at + 1]
    shift = 8
    before = at - 1
    while before >= 0 and words[before] == _EXTENDED:
        where |= raw[2 * before + 1] << shift
        shift += 8
        before -= 1
    target = where if _IS_ABSOLUTE else at + 1 + _CACHES - where
    if target > at or (before >= 0 and words[before] == _CLEANUP):
        return -1
    while words[target] == _EXTENDED:
        target += 1
    return -1 if words[target] == _FOR else target
