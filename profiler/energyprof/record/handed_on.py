"""Whether all that a program makes of a call's result is to hand it to stages: what none of them received is unused.

Told from the bytecode of the calling function: the result stands among the arguments of a call of a stage, or goes into
a name of which each reading does. Where anything else reads that name, or might, plain code has the result.
"""

from __future__ import annotations

from types import CodeType

from energyprof.record.call_sites import callee, is_call, pushed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from dis import Instruction

_STORING = frozenset({"STORE_FAST", "STORE_NAME"})
_LOOKING = frozenset({"locals", "globals", "vars", "dir", "eval", "exec", "_getframe", "currentframe"})
"""By these a function may read a name that no instruction of its own reads."""


def is_only_handed_on(
    instructions: Sequence[Instruction], at: int, code: CodeType, is_stage: Callable[[Instruction], bool]
) -> bool:
    """Return whether the result of the call at index `at` goes to stages alone; `is_stage`: of what names a callee."""
    handed = set(_arguments_of_stages(instructions, is_stage))
    if at in handed:
        return True
    store = instructions[at + 1] if at + 1 < len(instructions) else None
    if store is None or store.opname not in _STORING or _LOOKING.intersection(code.co_names):
        return False
    name = store.argval
    if store.opname == "STORE_NAME" and (code.co_name != "<module>" or _names(code.co_consts, name)):
        return False
    if name in code.co_cellvars:
        return False
    readings = [index for index, one in enumerate(instructions) if _reads(one, name)]
    return bool(readings) and handed.issuperset(readings)


def _arguments_of_stages(instructions: Sequence[Instruction], is_stage: Callable[[Instruction], bool]) -> Iterator[int]:
    for index, one in enumerate(instructions):
        if not is_call(one) or one.opname == "CALL_FUNCTION_EX":
            continue
        named = callee(instructions, index)
        if named >= 0 and is_stage(instructions[named]):
            keywords = one.opname in {"CALL_KW", "CALL_FUNCTION_KW"}  # whose names lie on top
            for depth in range(one.arg or 0):
                yield pushed(instructions, index, depth + keywords)


def _reads(one: Instruction, name: str) -> bool:
    named = one.argval
    if isinstance(named, tuple):  # two at once
        return name in named and "LOAD" in one.opname
    return bool(named == name) and one.opname.startswith("LOAD_") and not one.opname.startswith("LOAD_CONST")


def _names(constants: Sequence[object], name: str) -> bool:
    """Return whether code inside this one reads a global name."""
    inner = [one for one in constants if isinstance(one, CodeType)]
    return any(name in one.co_names or _names(one.co_consts, name) for one in inner)
