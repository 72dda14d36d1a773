"""Loops that ask for something, are told by an exception that it is not there, and ask again at once.

`while True: try: item = queue.get_nowait() except Empty: continue` is one. Looked for are calls that do not wait, from
whose handler a way leads back to the same call on which nothing is done but asking. The lines of that way are of rounds
that brought nothing; lines that every round passes are none of them.
"""

from __future__ import annotations

from dis import Bytecode

from energyprof.record.asking_names import MAY_WAIT, NOT_WAITING, NOTHING_THERE
from energyprof.record.call_sites import callee, is_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from dis import Instruction
    from types import CodeType

_ENDS = ("RETURN_", "RERAISE", "RAISE_")
_MATCHES = frozenset({"CHECK_EXC_MATCH", "JUMP_IF_NOT_EXC_MATCH"})
_HANDLING = frozenset({"PUSH_EXC_INFO", "POP_EXCEPT", "SETUP_FINALLY", *_MATCHES})


def failed_rounds(
    instructions: Sequence[Instruction], code: CodeType, is_quiet: Callable[[int], bool]
) -> tuple[set[int], set[int]]:
    """Return the indexes of the instructions on such ways back, and of those that any round passes.

    `is_quiet` tells of an index whether what stands there does nothing but ask.
    """
    places = {one.offset: index for index, one in enumerate(instructions)}
    failed: set[int] = set()
    passed: set[int] = set()
    for index, one in enumerate(instructions):
        if not is_call(one):
            continue
        named = callee(instructions, index)
        name = instructions[named].argval if named >= 0 else None
        if name not in NOT_WAITING and name not in MAY_WAIT:
            continue
        handler = _handler(instructions, code, places, index)
        if handler < 0 or (name in MAY_WAIT and not _says_nothing_is_there(instructions, handler)):
            continue
        back = _way_back(instructions, places, handler, index, is_quiet)
        if back:
            failed |= back
            passed |= {index, *_reached(instructions, places, index + 1, lambda _at: True)}
    return failed - passed, passed


def _handler(instructions: Sequence[Instruction], code: CodeType, places: Mapping[int, int], at: int) -> int:
    """Return the index where what the instruction at index `at` raises is dealt with; -1: nowhere here."""
    offset = instructions[at].offset
    for entry in getattr(Bytecode(code), "exception_entries", ()):  # from Python 3.11 on
        if entry.start <= offset < entry.end:
            return places.get(entry.target, -1)
    depth = 0
    for index in range(at - 1, -1, -1):
        name = instructions[index].opname
        depth += (name == "POP_BLOCK") - (name == "SETUP_FINALLY")
        if depth < 0:
            return places.get(instructions[index].argval, -1)
    return -1


def _says_nothing_is_there(instructions: Sequence[Instruction], handler: int) -> bool:
    """Return whether the first exception that a handler is for is one of `NOTHING_THERE`."""
    for index in range(handler, min(handler + 8, len(instructions))):
        if instructions[index].opname in _MATCHES:
            return instructions[index - 1].argval in NOTHING_THERE
    return False


def _way_back(
    instructions: Sequence[Instruction],
    places: Mapping[int, int],
    start: int,
    goal: int,
    is_quiet: Callable[[int], bool],
) -> set[int]:
    """Return the indexes between `start` and `goal` on ways where each instruction is quiet."""
    after = _reached(instructions, places, start, lambda at: instructions[at].opname in _HANDLING or is_quiet(at), goal)
    if goal not in after:
        return set()
    leading = {goal}
    is_growing = True
    while is_growing:
        more = {at for at, nexts in after.items() if at not in leading and not leading.isdisjoint(nexts)}
        leading |= more
        is_growing = bool(more)
    return leading - {goal}


def _reached(
    instructions: Sequence[Instruction],
    places: Mapping[int, int],
    start: int,
    goes_on: Callable[[int], bool],
    goal: int = -1,
) -> dict[int, tuple[int, ...]]:
    """Return what is reached from an index, exceptions aside, with what comes after it."""
    after: dict[int, tuple[int, ...]] = {}
    waiting = [start]
    while waiting:
        at = waiting.pop()
        if at in after or at >= len(instructions):
            continue
        after[at] = () if at == goal or not goes_on(at) else tuple(_nexts(instructions, places, at))
        waiting += after[at]
    return after


def _nexts(instructions: Sequence[Instruction], places: Mapping[int, int], at: int) -> Iterable[int]:
    one = instructions[at]
    if one.opname.startswith(_ENDS):
        return
    is_jump = "JUMP" in one.opname or one.opname == "FOR_ITER"
    if is_jump and one.argval in places:
        yield places[one.argval]
    if not one.opname.startswith(("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE", "JUMP_NO_INTERRUPT")):
        yield at + 1
