"""Functions that declare themselves repeatable: one recent call of each is kept, to be made again.

`@stage("name", repeatable=True)` promises that a call with the same arguments does the same work again and changes
nothing that matters: no output, no file, no argument. The arguments are kept as they are, not copied. Kept is the
1st, 2nd, 4th, 8th ... call, so that what is repeated is recent and keeping costs next to nothing.
"""

from __future__ import annotations

from time import perf_counter_ns as now_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from energyprof.interfaces import Repeatable

MOST_KEPT = 1_000


class KeptCall:
    """One call of a function."""

    def __init__(self, code: int, name: str, function: Callable[..., Any]) -> None:
        self.code = code
        self.name = name
        self.seen_ns = 0
        self.count = 0
        self._function = function
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}

    def offer(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep this call if it is one of those to keep; it is about to be made."""
        self.count += 1
        if not self.count & (self.count - 1):
            self.seen_ns, self._args, self._kwargs = now_ns(), args, kwargs

    def why_not(self) -> str:
        """Return nothing: it was declared repeatable."""
        return ""

    def call(self, times: int) -> None:
        """Make the call again, so many times."""
        function, args, kwargs = self._function, self._args, self._kwargs
        for _ in range(times):
            function(*args, **kwargs)


class KeptCalls:
    """The calls kept in this process."""

    def __init__(self) -> None:
        self._calls: dict[int, KeptCall] = {}
        self._refused: dict[str, str] = {}

    def keeper(self, code: int, name: str, function: Callable[..., Any]) -> Callable[..., None]:
        """Return what a wrapper hands each call's arguments to."""
        kept = KeptCall(code, name, function)
        if code not in self._calls and len(self._calls) >= MOST_KEPT:
            self._refused[name] = f"more than {MOST_KEPT:,} functions are declared repeatable"
        else:
            self._calls[code] = kept

        def keep(*args: Any, **kwargs: Any) -> None:
            kept.offer(args, kwargs)

        return keep

    def refuse(self, name: str, reason: str) -> None:
        """Have it told that a function that declares itself repeatable is not repeated."""
        self._refused[name] = reason

    def begin(self) -> tuple[Sequence[Repeatable], Mapping[str, str]]:
        """Return what was called and kept, and what cannot be repeated with the reasons."""
        return [kept for kept in self._calls.values() if kept.count], self._refused

    def end(self) -> None:
        """Let go of all arguments."""
        self._calls.clear()


KEPT = KeptCalls()
