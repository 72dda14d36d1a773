"""What bytecode says of a call: who is called, and whether anybody keeps what comes back.

Read with `dis`, once per place, never while anything is timed. Where the answer is not plain (a conditional expression
among the arguments, an interpreter with other instructions), there is none.
"""

from __future__ import annotations

from bisect import bisect_right
from dis import get_instructions, hasjabs, hasjrel, stack_effect
from opcode import opmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from dis import Instruction
    from types import CodeType

LONGEST_CODE = 20_000
"""Bytes; of longer code nothing is said: 10,000 instructions take 20 ms to read."""
NAMING = frozenset({
    "LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF", "LOAD_ATTR",
    "LOAD_METHOD",
})  # fmt: skip
_JUMPS = frozenset({*hasjrel, *hasjabs})
_ENDS = frozenset(
    {"POP_TOP", "STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR", "STORE_SUBSCR", "SWAP"}
)
"""Where a statement ends, or the order of values is no longer plain."""
_ADDING = frozenset({
    "KW_NAMES", "PRECALL", "NOP", "CACHE", "RESUME", "EXTENDED_ARG", "LIST_EXTEND", "LIST_APPEND", "SET_ADD",
    "SET_UPDATE", "DICT_UPDATE", "DICT_MERGE", "MAP_ADD",
})  # fmt: skip
"""Leave no value of their own on the stack."""
_IN_PLACE = range(13, 26)
"""Arguments of BINARY_OP by which a value is changed (NB_INPLACE_ADD to NB_INPLACE_XOR of CPython's opcode.h)."""
_PAIRS = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
"""Two instructions in one, from Python 3.13 on."""


def read(code: CodeType) -> list[Instruction]:
    """Return the instructions of `code`, pairs as two each; none where it is too long."""
    if len(code.co_code) > LONGEST_CODE:
        return []
    return [half for one in get_instructions(code) for half in halves(one)]


def halves(one: Instruction) -> Iterator[Instruction]:
    """Yield an instruction, or the two that it stands for; the second lies at an odd offset, to which nothing jumps."""
    names = _PAIRS.get(one.opname)
    if names is None:
        yield one
        return
    first, second = (
        one._replace(opname=name, opcode=opmap[name], arg=0, argval=variable)
        for name, variable in zip(names, one.argval, strict=True)
    )
    yield first
    is_target = {"label": None} if hasattr(one, "label") else {"is_jump_target": False}
    yield second._replace(offset=one.offset + 1, **is_target)


def call_at(instructions: Sequence[Instruction], offset: int) -> int:
    """Return the index of the instruction that a frame with this `f_lasti` stands in; -1: there is none."""
    return bisect_right([one.offset for one in instructions], offset) - 1


def is_call(one: Instruction) -> bool:
    """Return whether an instruction calls something."""
    return one.opname.startswith("CALL") and not one.opname.startswith("CALL_INTRINSIC")


def changes_in_place(one: Instruction) -> bool:
    """Return whether an instruction is one of `x += 1` and its kin; from Python 3.14 on `x[0]` is a BINARY_OP too."""
    return (one.opname == "BINARY_OP" and one.arg in _IN_PLACE) or one.opname.startswith("INPLACE_")


def callee(instructions: Sequence[Instruction], at: int) -> int:
    """Return the index of what named the thing that the call at index `at` calls; -1: it is not plain."""
    one = instructions[at]
    arguments = one.arg or 0
    if one.opname == "CALL_FUNCTION_EX":
        arguments = 2 if one.arg is None else 1 + (arguments & 1)  # from Python 3.14 on both are always there
    elif one.opname in {"CALL_KW", "CALL_FUNCTION_KW"}:
        arguments += 1
    found = pushed(instructions, at, arguments)
    if found > 0 and instructions[found].opname == "PUSH_NULL":  # from Python 3.13 on it comes after what is called
        found -= 1
    return found if found >= 0 and instructions[found].opname in NAMING else -1


def pushed(instructions: Sequence[Instruction], at: int, depth: int) -> int:
    """Return the index of what left the value `depth` below the top of the stack before index `at`; -1: not plain."""
    needed = depth + 1
    for index in range(at - 1, -1, -1):
        one = instructions[index]
        if one.opcode in _JUMPS or instructions[index + 1].is_jump_target or one.opname in _ENDS:
            return -1
        if one.opname == "PRECALL" and index == at - 1:
            continue  # of Python 3.11, where it is half of the call
        effect = _effect(one)
        if needed - max(effect, 0) <= 0 or (needed == 1 and one.opname not in _ADDING):
            return index
        needed -= effect
    return -1


def _effect(one: Instruction) -> int:
    try:
        return stack_effect(one.opcode, one.arg, jump=False)
    except ValueError:  # it takes no argument, but says a number
        return stack_effect(one.opcode)


def is_dropped(instructions: Sequence[Instruction], at: int, code: CodeType) -> bool:
    """Return whether what the call at index `at` returns is dropped: popped at once, or put where nobody looks."""
    if at + 1 >= len(instructions):
        return False
    after = instructions[at + 1]
    if after.opname == "POP_TOP":
        return True
    if after.opname == "STORE_FAST" or (after.opname == "STORE_NAME" and after.argval == "_"):
        return after.argval not in code.co_cellvars and not any(
            one.argval == after.argval or (isinstance(one.argval, tuple) and after.argval in one.argval)
            for one in instructions
            if one.opname.startswith(("LOAD_FAST", "LOAD_NAME"))
        )
    return False
