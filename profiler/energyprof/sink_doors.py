"""Doors that a sink of spans may have besides those of `interfaces.SpanSink`; an instrument asks with `isinstance`.

Standard library only: instruments import it inside the profiled program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable


class FlowWatch(Protocol):
    """Watches which stage hands out an object and which one receives it, by identity; never raises."""

    readers: dict[type, Callable[[Any], tuple[int, int]]]
    """By exact type: returns by which number the memory of an object is known, if several objects may show it (0: none
    is known; negative, as ids are not), and its bytes.
    """

    def gives(self, result: object) -> None:
        """Take note that the innermost stage open in this thread hands `result` out."""
        ...

    def takes(self, arguments: Sequence[object]) -> None:
        """Take note that it receives these."""
        ...


@runtime_checkable
class FlowSink(Protocol):
    """A `SpanSink` that watches the flow of data; ask with `isinstance`, others know nothing of it."""

    def flow(self) -> FlowWatch | None:
        """Return who watches; None: nobody is asked to."""
        ...
