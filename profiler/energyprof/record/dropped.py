"""Results that the line which called a stage drops: `step(x)` as a statement, `_ = step(x)`.

Counted where the call stands, of plain functions that are stages, called by their own name. A result is no waste, and
not counted, where it is None, a number or a text (what was written, how well it went), one of the arguments, or where
the function is called for what it does (`acting`); nor are results of functions that others call for the program
(`map`, `sorted`, a cache, a decorator around the stage), of generators and of coroutines. The bytecode of a place is
looked at once; a later call there costs 0.4 us (EPYC, Python 3.11).
"""

from __future__ import annotations

import sys
from time import perf_counter_ns as now_ns
from types import FunctionType

from energyprof.model.events import work_code
from energyprof.record.flow import UNFOLLOWED
from energyprof.record.lanes import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from dis import Instruction
    from types import CodeType, FrameType

PLACES = 4_096
"""Known at most; at later ones nothing is told."""
_PLAIN = UNFOLLOWED | {str, bytes}
_DROPPED = work_code("dropped_results", 1)


class DroppedResults:
    """Knows of each place that calls a stage whether it drops what comes back. Takes no lock: single steps on dicts."""

    def __init__(self) -> None:
        self.calls = 0
        self.learning_ns = 0
        self._places: dict[tuple[int, int], tuple[CodeType, bool]] = {}
        """By the id of the calling code, which is kept so that the id stays its own, and the offset into it."""
        self._read: tuple[CodeType, list[Instruction]] | None = None
        """The code read last: its next place is likely to be asked for soon."""

    def returned(self, result: object, function: object, arguments: Sequence[object]) -> None:
        """Take note that `function`, called with `arguments` by a stage's wrapper, has returned; never raises."""
        if type(result) in _PLAIN:
            return
        self.calls += 1
        try:
            caller = sys._getframe(2)
            known = self._places.get((id(caller.f_code), caller.f_lasti))
            drops = self._learn(caller, function, arguments) if known is None else known[1]
            if drops and not any(result is each for each in arguments):
                local.buffer.extend((_DROPPED, now_ns()))
        except Exception:  # the program must not notice: a thread without a caller, its buffer just emptied
            return

    def _learn(self, caller: FrameType, function: object, arguments: Sequence[object]) -> bool:
        if len(self._places) >= PLACES:
            return False
        began_ns = now_ns()
        code, offset = caller.f_code, caller.f_lasti
        drops = self._drops(caller, function, arguments, sys._getframe(2).f_code)
        self._places[id(code), offset] = code, drops
        self.learning_ns += now_ns() - began_ns
        return drops

    def _drops(self, caller: FrameType, function: object, arguments: Sequence[object], wrapper: CodeType) -> bool:
        from energyprof.record.acting import acts  # with `dis`, which takes 4 ms
        from energyprof.record.call_sites import call_at, callee, is_call, is_dropped, read

        code = caller.f_code
        if self._read is None or self._read[0] is not code:
            self._read = code, read(code)
        instructions = self._read[1]
        at = call_at(instructions, caller.f_lasti) if instructions else -1
        if at < 0 or not is_call(instructions[at]) or not is_dropped(instructions, at, code):
            return False
        named = callee(instructions, at)
        if named < 0 or not _is_called(instructions[named], caller, function, arguments, wrapper):
            return False
        return not acts(function)


def _is_called(
    one: Instruction, caller: FrameType, function: object, arguments: Sequence[object], wrapper: CodeType
) -> bool:
    """Return whether a place calls the wrapper of a stage, not something that calls it in turn."""
    if one.opname in {"LOAD_ATTR", "LOAD_METHOD"}:
        owner = type(arguments[0]) if arguments else None
        names = () if owner is None else type.__dict__["__mro__"].__get__(owner)
        found = next((vars(kind)[one.argval] for kind in names if one.argval in vars(kind)), None)
        return type(found) is FunctionType and found.__code__ is wrapper
    if one.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
        found = caller.f_globals.get(one.argval)
        return type(found) is FunctionType and found.__code__ is wrapper
    # Of a local name only that is known: what it stands for cannot be asked without keeping all locals alive.
    return bool(one.argval == getattr(function, "__name__", None))


def _call_cost_ns(rounds: int = 5, calls: int = 50) -> float:
    dropped, costs, result = DroppedResults(), [], [None]
    for _ in range(rounds):
        begun_ns = now_ns()
        for _ in range(calls):
            dropped.returned(result, None, ())
        costs.append((now_ns() - begun_ns) / calls)
    return min(costs)


def watching_ns() -> int:
    """Return about how long this process has spent here so far."""
    if not DROPPED.calls:
        return 0
    if not _cost:
        _cost.append(_call_cost_ns())
    return int(DROPPED.calls * _cost[0]) + DROPPED.learning_ns


_cost: list[float] = []
DROPPED = DroppedResults()
"""Those of this process."""
