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
_SPREAD_BYTES = 1 << 17
"""More than fits into the nearest cache of a core, 32 or 48 KiB nearly everywhere, less than into the next one."""


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


def pair_cost_ns() -> float:
    """Return what begin and end of an active stage cost this process, measured into a buffer of its own."""
    scratch = _local()
    scratch.ext = [].extend
    scope: dict[str, object] = {"local": scratch, "now_ns": now_ns}
    enter, leave = baked(begin, {}, scope), baked(end, {}, scope)

    def pair() -> None:
        enter()
        leave(None, None, None)

    return added_ns(pair, _idle)


def _idle() -> None:
    pass


def added_ns(recorded: Callable[[], object], bare: Callable[[], object], rounds: int = 15) -> float:
    """Return by how much one call of `recorded` takes longer than one of `bare` where other work lies in between.

    A call right after another finds all it needs in the nearest cache, and takes a third of the time (measured on an
    EPYC 7003). So memory is filled in between, as much as a small layer touches. Median: whatever interrupts counts
    for nothing.
    """
    spread = bytes(_SPREAD_BYTES)
    took: tuple[list[int], list[int]] = ([], [])
    for _ in range(rounds):
        for call, times in ((bare, took[0]), (recorded, took[1])):
            bytearray(spread)
            begun_ns = now_ns()
            call()
            times.append(now_ns() - begun_ns)
    without, with_it = (sorted(times)[rounds // 2] for times in took)
    return float(max(with_it - without, 1))
