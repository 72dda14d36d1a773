"""What runs at the two ends of a stage, and what that costs. Small: every recorded program imports it at its start."""

from __future__ import annotations

from _thread import _local
from time import perf_counter_ns as now_ns

from energyprof.record.lanes import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType
else:
    FunctionType = type(lambda: None)  # `types` is imported for its sake by nobody else at the start

CODE = -1001
STAGE = -1002
"""Stand among the constants of the two templates for a stage's code and for the stage itself."""


def begin() -> object:
    """Be the template of a stage's `__enter__`."""
    local.ext((-1001, now_ns()))
    return -1002


def end(_kind: object, _error: object, _traceback: object) -> None:
    """Be the template of a stage's `__exit__`."""
    local.ext((-1001, now_ns()))


def baked(
    template: Callable[..., object], constants: dict[object, object], scope: dict[str, object] | None = None
) -> Callable[..., object]:
    """Return the template as a function of its own with other constants in its code."""
    code = template.__code__
    values = tuple([constants.get(value, value) for value in code.co_consts])
    return FunctionType(code.replace(co_consts=values), globals() if scope is None else scope)


def pair_cost_ns(rounds: int = 5, pairs: int = 100) -> float:
    """Return what begin and end of an active stage cost this process, measured into a buffer of its own."""
    scratch = _local()
    scratch.ext = [].extend
    scope: dict[str, object] = {"local": scratch, "now_ns": now_ns}
    enter, leave = baked(begin, {}, scope), baked(end, {}, scope)
    costs = []
    for _ in range(rounds):
        begun_ns = now_ns()
        for _ in range(pairs):
            enter()
            leave(None, None, None)
        costs.append((now_ns() - begun_ns) / pairs)
    return min(costs)
