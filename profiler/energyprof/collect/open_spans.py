"""What is open on each lane: spans that have begun and not ended, and which stage its outermost one was last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from energyprof.collect.convert_spans import OpenSpan
from energyprof.model.events import RESUME
from energyprof.model.recording import SpanChunk
from energyprof.model.span import Index


class OpenSpans:
    """Stacks of open spans by lane, outermost first; a lane on which nothing is open has none."""

    def __init__(self) -> None:
        self._stacks: dict[int, list[OpenSpan]] = {}
        self._last_outermost: dict[int, int] = {}
        """Stage of the outermost span that began last, per lane."""

    def __contains__(self, lane: int) -> bool:
        return lane in self._stacks

    def lanes(self) -> list[int]:
        """Return the lanes that have a stack, ascending."""
        return sorted(self._stacks)

    def since_ns(self) -> int | None:
        """Return when the first of what is open anywhere began; None: nothing is open."""
        return min((stack[0].start_ns for stack in self._stacks.values() if stack), default=None)

    def innermost(self, lane: int) -> int:
        """Return the innermost open stage of a lane; -1: none."""
        stack = self._stacks.get(lane)
        return stack[-1].stage if stack else -1

    def last_outermost(self, lane: int) -> int:
        """Return the stage of the outermost span that began last on a lane; -1: none did."""
        return self._last_outermost.get(lane, -1)

    def take(self, lanes: Iterable[int]) -> list[list[OpenSpan]]:
        """Return the stacks of some lanes, which have none until `put`."""
        return [self._stacks.pop(lane, []) for lane in lanes]

    def put(self, stacks: Mapping[int, list[OpenSpan]], last_outermost: Mapping[int, int]) -> None:
        """Have these stacks open, and remember which stage was outermost last."""
        self._stacks.update(stacks)
        self._last_outermost.update(last_outermost)

    def forget(self, lane: int) -> None:
        """Forget a lane whose process has ended."""
        self._stacks.pop(lane, None)
        self._last_outermost.pop(lane, None)

    def cut(self, lanes: Sequence[int], end_ns: int) -> SpanChunk:
        """Return what is open on some lanes as spans cut off at `end_ns`, lane by lane, outermost first."""
        rows = [
            (span.stage, lane, span.start_ns, max(end_ns, span.start_ns), depth, span.code > RESUME)
            for lane in lanes
            for depth, span in enumerate(self._stacks.get(lane, ()))
        ]
        stage, lane_column, start_ns, end_column_ns, depth, resumed = np.array(rows, np.int64).reshape(-1, 6).T
        narrow = [column.astype(np.int32) for column in (stage, lane_column, depth)]
        is_open = np.ones(len(rows), np.bool_)
        return SpanChunk(narrow[0], narrow[1], start_ns, end_column_ns, narrow[2], is_open, resumed.astype(np.bool_))

    def around(self, lanes: Sequence[int]) -> tuple[Index, Index]:
        """Return for each span of `cut` the stage that encloses it and the one before it on its lane; -1: none."""
        stacks = [self._stacks.get(lane, []) for lane in lanes]
        enclosing = [stage for stack in stacks for stage in (-1, *(span.stage for span in stack[:-1]))[: len(stack)]]
        previous = [span.previous for stack in stacks for span in stack]
        return np.array(enclosing, np.int32), np.array(previous, np.int32)

    def state(self) -> dict[str, Any]:
        """Return all of it as JSON values, for `go_on`."""
        return {
            "open": [(lane, *astuple(span)) for lane, stack in self._stacks.items() for span in stack],
            "last_outermost": list(self._last_outermost.items()),
        }

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` has told."""
        for lane, *span in state["open"]:
            self._stacks.setdefault(lane, []).append(OpenSpan(*span))
        self._last_outermost = dict(state["last_outermost"])
