"""Loops that do nothing but ask: what the time is, or whether somebody else has changed something.

A loop that stores nothing, calls nothing but clocks and what only asks, and computes nothing but a comparison can only
end by what happens elsewhere: it waits. `while time.time() < end: pass` is one, `while not self.is_ready: pass` and
`while not lock.acquire(blocking=False): pass` are others; so are the rounds of a loop that ask for something, are told
by an exception that it is not there, and ask again (`failed_asks`). A loop that counts its rounds, or does anything
else between two looks at the clock, is none. Clocks of CPU time are none that anybody could wait by: who reads them
means to compute.
"""

from __future__ import annotations

from energyprof.record.asking_names import ASKING, ASKING_ALONE, CLOCKS, TRYING
from energyprof.record.call_sites import callee, changes_in_place, is_call, read
from energyprof.record.failed_asks import failed_rounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from dis import Instruction
    from types import CodeType

_QUIET = ("LOAD_", "COMPARE_", "BINARY_", "UNARY_", "CONTAINS_", "IS_OP", "TO_BOOL", "JUMP_", "POP_JUMP_", "PUSH_NULL")
_QUIET_WORDS = frozenset({
    "NOP", "CACHE", "RESUME", "EXTENDED_ARG", "PRECALL", "KW_NAMES", "POP_TOP", "COPY", "SWAP", "NOT_TAKEN",
    "RETURN_VALUE", "RETURN_CONST", "DUP_TOP", "ROT_TWO", "ROT_THREE",
})  # fmt: skip
_STORES = frozenset({"STORE_FAST", "STORE_NAME", "STORE_GLOBAL"})


def asking_lines(code: CodeType) -> tuple[int, ...]:
    """Return the lines of `code` on which it does nothing but ask, each time round a loop; none: it is not plain."""
    try:
        return _asking_lines(code)
    except (AttributeError, IndexError, KeyError, ValueError):  # an interpreter with other instructions
        return ()


def _asking_lines(code: CodeType) -> tuple[int, ...]:
    instructions = read(code)
    places = {one.offset: index for index, one in enumerate(instructions)}
    line_at = _lines(code)
    lines: set[int] = set()
    for index, one in enumerate(instructions):
        if "JUMP" not in one.opname or not isinstance(one.argval, int) or one.argval > one.offset:
            continue
        start = places.get(one.argval)
        if start is not None and _only_asks(instructions, start, index):
            lines.update(line_at.get(each.offset, 0) for each in instructions[start : index + 1])
    failed, passed = failed_rounds(instructions, code, lambda at: _asks(instructions, at))
    lines |= {line_at.get(instructions[at].offset, 0) for at in failed} - {
        line_at.get(instructions[at].offset, 0) for at in passed
    }
    return tuple(sorted(lines - {0}))


def _only_asks(instructions: Sequence[Instruction], start: int, end: int) -> bool:
    is_with_clock = is_with_call = False
    for index in range(start, end + 1):
        one = instructions[index]
        if is_call(one):
            named = callee(instructions, index)
            name = instructions[named].argval if named >= start else ""
            if name not in CLOCKS and name not in ASKING and not _tries(instructions, named, index):
                return False
            is_with_call = is_with_call or not _asks(instructions, index)
            is_with_clock = is_with_clock or name in CLOCKS
        elif one.opname in _STORES:
            if index == start or not is_call(instructions[index - 1]):
                return False
        elif not _is_quiet(one):
            return False
    return is_with_clock or not is_with_call


def _asks(instructions: Sequence[Instruction], index: int) -> bool:
    """Return whether an instruction does nothing but ask, with or without a clock beside it."""
    one = instructions[index]
    if not is_call(one):
        return _is_quiet(one)
    named = callee(instructions, index)
    name = instructions[named].argval if named >= 0 else ""
    return name in ASKING_ALONE or name in CLOCKS or _tries(instructions, named, index)


def _tries(instructions: Sequence[Instruction], named: int, index: int) -> bool:
    """Return whether a call is one of `acquire` that does not wait: its first argument, or `blocking`, is False."""
    if named < 0 or instructions[named].argval != TRYING:
        return False
    given = [one.argval for one in instructions[named:index] if one.opname.startswith("LOAD_CONST")]
    return len(given) > 0 and given[0] is False


def _is_quiet(one: Instruction) -> bool:
    return not changes_in_place(one) and (one.opname.startswith(_QUIET) or one.opname in _QUIET_WORDS)


def _lines(code: CodeType) -> dict[int, int]:
    """Return the line of each offset."""
    return {offset: line for start, end, line in code.co_lines() if line is not None for offset in range(start, end, 2)}
