"""What stages hand to each other and are handed to work off: data flow, samples and tokens, and what goes backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from energyprof.collect.convert_backward import BackwardCalls, Found
from energyprof.collect.convert_flow import FlowSums
from energyprof.collect.convert_process import Process
from energyprof.collect.convert_spans import Converted
from energyprof.collect.convert_work import WorkCount
from energyprof.model.events import CALL
from energyprof.model.tally import Tally


class HandedOver:
    """The sums of one recording; `parent` returns the stage around a lane-relative one, -1: none."""

    def __init__(self, parent: Callable[[int], int]) -> None:
        self._flows = FlowSums(parent)
        self._work = WorkCount()
        self._backward = BackwardCalls()

    def take(self, process: Process, done: Converted, stored: Callable[[int], int]) -> None:
        """Count what one piece of events tells; `stored` gives the lane under which one is stored."""
        is_call = done.objects.code >= CALL
        self._flows.take(process.spool, process.parent_spool, done.objects.where(~is_call), stored)
        self._work.add(done.handed, stored)
        self._count(self._backward.take(process.spool, done.objects.where(is_call), stored))

    def forget(self, spool: str) -> None:
        """Forget the objects of a process that ended."""
        self._flows.forget(spool)
        self._count(self._backward.forget(spool))

    def tallies(self) -> dict[int, Tally]:
        """Return all sums that have changed, by number; they replace those returned before."""
        self._count(self._backward.settle())
        return {**self._flows.tallies(), **self._work.take()}

    def _count(self, found: Iterable[Found]) -> None:
        for place, unit, count in found:
            self._work.count(place, unit, count)

    def state(self) -> dict[str, Any]:
        """Return what it takes to go on, all tallies having been taken."""
        return {"flows": self._flows.state(), "work": self._work.state()}

    def go_on(self, state: dict[str, Any]) -> None:
        """Go on beside the tallies taken until `state` was returned."""
        self._flows.go_on(state["flows"])
        self._work.go_on(state["work"])
