"""What the line that called a stage makes of its result: drops it, hands it to stages alone, or keeps it.

Dropped is the result of `step(x)` as a statement, and of `_ = step(x)`. Counted where the call stands, of plain
functions that are stages, called by their own name. A result is no waste, and not counted, where it is None, a number
or a text (what was written, how well it went), one of the arguments, or where the function is called for what it does
(`acting`); nor are results of functions that others call for the program (`map`, `sorted`, a cache, a decorator around
the stage), of generators and of coroutines. What callers make of the others is told as facts of the stage, once a
place. The bytecode of a place is looked at once; a later call there costs 0.4 us (EPYC, Python 3.11).
"""

from __future__ import annotations

import sys
from time import perf_counter_ns as now_ns
from types import FunctionType

from energyprof.model.events import work_code
from energyprof.record.flow import UNFOLLOWED
from energyprof.record.lanes import local
from energyprof.record.names import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from dis import Instruction
    from types import CodeType, FrameType

PLACES = 4_096
"""Known at most; at later ones nothing is told."""
_TEXTS = frozenset({str, bytes})
_DROPPED = work_code("dropped_results", 1)
DROPS = "drops"
HANDS_ON = "results_only_handed_on"
"""Fact of a stage: at a place at least all that its caller makes of a result is to hand it to stages."""
KEEPS = "results_kept_by_callers"
"""Fact of a stage: at a place at least plain code gets a result, or the stage is called for what it does."""
UNSEEN = "results_out_of_sight"
"""Fact of a stage: at a place at least nobody can tell what becomes of a result."""
_STAGE_FILE = "<energyprof.stage>"


class DroppedResults:
    """Knows of each place that calls a stage what it makes of what comes back. Takes no lock: single steps on dicts."""

    def __init__(self, tell: Callable[[int, dict[str, str | int]], None] = NAMES.tell) -> None:
        self.calls = 0
        self.learning_ns = 0
        self._tell = tell
        self._places: dict[tuple[int, int, int], tuple[CodeType, str]] = {}
        """By the id of the calling code, which is kept so that the id stays its own, the offset into it, and stage."""
        self._read: tuple[CodeType, list[Instruction]] | None = None
        """The code read last: its next place is likely to be asked for soon."""

    def returned(self, stage: int, result: object, function: object, arguments: Sequence[object]) -> None:
        """Take note that `function`, called with `arguments` by a stage's wrapper, has returned; never raises."""
        if type(result) in UNFOLLOWED:
            return
        self.calls += 1
        try:
            caller = sys._getframe(2)
            known = self._places.get((id(caller.f_code), caller.f_lasti, stage))
            fate = self._learn(stage, caller, function, arguments) if known is None else known[1]
            if fate is DROPS and type(result) not in _TEXTS and not any(result is each for each in arguments):
                local.buffer.extend((_DROPPED, now_ns()))
        except Exception:  # the program must not notice: a thread without a caller, its buffer just emptied
            return

    def _learn(self, stage: int, caller: FrameType, function: object, arguments: Sequence[object]) -> str:
        if len(self._places) >= PLACES:
            self._tell(stage, {UNSEEN: 1})
            return UNSEEN
        began_ns = now_ns()
        code, offset = caller.f_code, caller.f_lasti
        fate = self._fate(caller, function, arguments, sys._getframe(2).f_code)
        self._places[id(code), offset, stage] = code, fate
        if fate is not DROPS:
            self._tell(stage, {fate: 1})
        self.learning_ns += now_ns() - began_ns
        return fate

    def _fate(self, caller: FrameType, function: object, arguments: Sequence[object], wrapper: CodeType) -> str:
        """Return what becomes of a result: `DROPS`, `HANDS_ON`, `KEEPS` or `UNSEEN`."""
        from energyprof.record.acting import acts  # with `dis`, which takes 4 ms
        from energyprof.record.call_sites import call_at, callee, is_call, is_dropped, read
        from energyprof.record.handed_on import is_only_handed_on

        code = caller.f_code
        if self._read is None or self._read[0] is not code:
            self._read = code, read(code)
        instructions = self._read[1]
        at = call_at(instructions, caller.f_lasti) if instructions else -1
        if at < 0 or not is_call(instructions[at]):
            return UNSEEN
        drops = is_dropped(instructions, at, code)
        named = callee(instructions, at)
        if named < 0 or not _is_called(instructions[named], caller, function, arguments, wrapper):
            return UNSEEN if drops else KEEPS
        if not drops and not is_only_handed_on(instructions, at, code, lambda one: _is_a_stage(one, caller)):
            return KEEPS
        return KEEPS if acts(function) else DROPS if drops else HANDS_ON


def _is_a_stage(one: Instruction, caller: FrameType) -> bool:
    """Return whether a name is that of a function that is a stage."""
    if one.opname not in {"LOAD_GLOBAL", "LOAD_NAME"}:
        return False
    found = caller.f_globals.get(one.argval)
    return type(found) is FunctionType and found.__code__.co_filename == _STAGE_FILE


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
    dropped, costs, result = DroppedResults(tell=lambda _code, _facts: None), [], [None]
    for _ in range(rounds):
        begun_ns = now_ns()
        for _ in range(calls):
            dropped.returned(1, result, None, ())
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
