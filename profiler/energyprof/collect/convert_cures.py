"""Gather what processes tell of delays and repeated calls: sums over processes, names for codes, one clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energyprof.collect.convert_process import Process
from energyprof.model.cures import Cures, Dephasing, Repeats, Thing, Visit


class CureLog:
    """What has been told so far; read again from the start by whoever goes on, as announcements are."""

    def __init__(self) -> None:
        self._dephase: dict[str, Mapping[str, int]] = {}
        self._first = ""
        """Spool of the process that the run began with."""
        self._repeat: Mapping[str, Any] = {}
        self._things: dict[int, Thing] = {}
        """By code; only the first process repeats anything."""
        self._visits: list[tuple[int, int, int, int]] = []

    def take(self, process: Process, content: Mapping[str, Any]) -> None:
        """Take the content of a CURES frame."""
        if "dephase" in content:
            self._dephase[process.spool] = content["dephase"]
            if process.parent_spool is None:
                self._first = process.spool
        for code, start_ns, end_ns, calls in content.get("visits", ()):
            self._know(process, code, 0)
            self._visits.append((code, process.monotonic_ns(start_ns), process.monotonic_ns(end_ns), calls))
        if "repeat" in content:
            self._repeat = content["repeat"]
            for code, seen_ns in self._repeat["seen"]:
                self._know(process, code, process.monotonic_ns(seen_ns))

    def _know(self, process: Process, code: int, seen_ns: int) -> None:
        name = process.stage_name(code)
        if name is not None and (seen_ns or code not in self._things):
            self._things[code] = Thing(name.name, name.kind, seen_ns)

    def cures(self) -> Cures | None:
        """Return all of it; None: nothing was told."""
        if not self._dephase and not self._repeat and not self._visits:
            return None
        return Cures(self._dephasing(), self._repeats())

    def _dephasing(self) -> Dephasing | None:
        told = list(self._dephase.values())
        if not told:
            return None
        return Dephasing(
            low_ns=told[0]["low_ns"],
            high_ns=told[0]["high_ns"],
            delays=sum(one["delays"] for one in told),
            delay_ns=sum(one["delay_ns"] for one in told),
            main_ns=self._dephase.get(self._first, {"main_ns": 0})["main_ns"],
        )

    def _repeats(self) -> Repeats | None:
        if not self._repeat and not self._visits:
            return None
        index = {code: at for at, code in enumerate(self._things)}
        return Repeats(
            visit_ns=int(self._repeat.get("visit_ns", 0)),
            rounds=int(self._repeat.get("rounds", 0)),
            things=tuple(self._things.values()),
            visits=tuple(Visit(index[code], *rest) for code, *rest in self._visits if code in index),
            skipped=tuple((str(name), str(reason)) for name, reason in self._repeat.get("skipped", ())),
            is_cut=bool(self._repeat.get("is_cut", True)),  # a phase that never told its end was cut off
        )
