"""Between bursts readings are thinned, so that a day of them fits: energy counters and CPU times lose nothing by it.

Of a stretch the readings near its ends are kept, by which windows of bursts are found as ever. In between, a counter
needs a reading now and then, so that no wrap is missed. What a power sensor said is added up over time instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Final

import numpy as np

from energyprof.collect.bursts import Bursts
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, ThreadCpu, Use
from energyprof.model.span import Flags, Ints
from energyprof.model.tally import PowerSums

EDGE_NS: Final = 250_000_000
"""Readings nearer to the ends of a stretch are kept; of a slower sensor those of two periods."""
LONGEST_EDGE_NS: Final = 2_000_000_000
WRAPS: Final = 4
"""A counter is kept so often in each of its wraps."""
USES_PER_PERIOD: Final = 4
USUAL_PERIOD_NS: Final = 100_000_000
_LARGEST: Final = 1 << 60
LONGEST_HOLD: Final = 3
"""A power reading holds for so many periods at most; beyond them power is not known."""


class Thinning:
    """What is left out of the readings of one recording."""

    def __init__(self, bursts: Bursts) -> None:
        self._bursts = bursts
        self._sums: dict[DomainId, _Adding] = {}
        self._last_raw: dict[DomainId, int] = {}
        self._last_use_ns: dict[str, int] = {}
        self._last_rows: dict[DomainId, Readings] = {}
        """The last readings of counters that were left out, where none was kept after them."""
        self._last_cpu: dict[tuple[int, int], tuple[int, int, int]] = {}
        """By pid and tid the row left out last: its place, time and value."""

    def readings(
        self, domains: Mapping[DomainId, Domain], readings: Mapping[DomainId, Readings]
    ) -> tuple[dict[DomainId, Readings], dict[DomainId, PowerSums]]:
        """Return the readings to be stored, and what stands for those left out as far as it is over."""
        kept: dict[DomainId, Readings] = {}
        sums: dict[DomainId, PowerSums] = {}
        for id_, rows in readings.items():
            domain = domains[id_]
            keep = self._near_an_end(rows.t_after_ns, domain.period_ns)
            if domain.quantity == "energy":
                keep |= self._wraps(domain, rows, keep)
                keep |= rows.status == ReadStatus.RESET
                self._hold_last(id_, rows, keep)
            elif len(rows):
                adding = self._sums.setdefault(id_, _Adding(domain.period_ns or USUAL_PERIOD_NS))
                done = adding.take(rows, keep)
                if len(done):
                    sums[id_] = done
            if keep.any():
                kept[id_] = _picked(rows, np.flatnonzero(keep))
        return kept, sums

    def cpu(self, rows: ThreadCpu) -> ThreadCpu:
        """Return the CPU times to be stored: those of bursts, and near the ends of stretches."""
        keep = self._near_an_end(rows.t_ns, None)
        place = self._bursts.place(rows.t_ns)
        held: list[tuple[int, int, int, int]] = []
        last: dict[tuple[int, int], int] = {}
        for row in np.flatnonzero(~keep).tolist():
            last[int(rows.pid[row]), int(rows.tid[row])] = row
        # Of a thread that ends in the middle of a stretch the last value counts: it is kept back until that is over.
        current = int(place.max(initial=-1))
        for key, (at_place, t_ns, cpu_ns) in list(self._last_cpu.items()):
            if at_place < current:
                held.append((*key, t_ns, cpu_ns))
                del self._last_cpu[key]
        for key, row in last.items():
            self._last_cpu[key] = int(place[row]), int(rows.t_ns[row]), int(rows.cpu_ns[row])
        for row in np.flatnonzero(keep).tolist():
            self._last_cpu.pop((int(rows.pid[row]), int(rows.tid[row])), None)
        return _with_rows(rows, keep, held)

    def use(self, rows: Use, of: str) -> Use:
        """Return what to store of the use of the host or a device (`of`): bursts whole, and some rows a period."""
        keep = self._near_an_end(rows.t_ns, None)
        last_ns = self._last_use_ns.get(of, 0)
        for row, t_ns in enumerate(rows.t_ns.tolist()):
            if keep[row] or t_ns - last_ns >= self._bursts.period_ns // USES_PER_PERIOD:
                keep[row], last_ns = True, t_ns
        self._last_use_ns[of] = last_ns
        return Use(*(getattr(rows, column.name)[keep] for column in fields(Use)))

    def _hold_last(self, id_: DomainId, rows: Readings, keep: Flags) -> None:
        usable = np.flatnonzero(rows.status == ReadStatus.OK)
        if keep.any():
            self._last_rows.pop(id_, None)
        if len(usable) and not keep[usable[-1] :].any():
            self._last_rows[id_] = _picked(rows, usable[-1:])

    def rest(self) -> tuple[dict[DomainId, Readings], ThreadCpu, dict[DomainId, PowerSums]]:
        """Return what was kept back until now, for somebody who wants to know all there is."""
        readings, self._last_rows = self._last_rows, {}
        held = [(*key, t_ns, cpu_ns) for key, (_, t_ns, cpu_ns) in self._last_cpu.items()]
        self._last_cpu.clear()
        narrow, wide = np.zeros(0, np.int32), np.zeros(0, np.int64)
        nothing = ThreadCpu(narrow, narrow, wide, wide)
        sums = {id_: adding.rest() for id_, adding in self._sums.items()}
        cpu = _with_rows(nothing, np.zeros(0, np.bool_), held)
        return readings, cpu, {id_: rows for id_, rows in sums.items() if len(rows)}

    def _near_an_end(self, t_ns: Ints, period_ns: int | None) -> Flags:
        place = self._bursts.place(t_ns)
        keep: Flags = (place < 0) | (place % 2 == 1)
        edge_ns = min(max(EDGE_NS, 2 * (period_ns or 0)), LONGEST_EDGE_NS)
        for at in np.unique(place[~keep]).tolist():
            start_ns, end_ns = self._bursts.bounds(at)
            keep |= (place == at) & ((t_ns < start_ns + edge_ns) | (t_ns > end_ns - edge_ns))
        return keep

    def _wraps(self, domain: Domain, rows: Readings, keep: Flags) -> Flags:
        """Return the rows by which a counter has gone a part of its wrap since one was kept."""
        more = np.zeros(len(rows), np.bool_)
        step = None if domain.wrap is None else domain.wrap // WRAPS
        last = self._last_raw.get(domain.id)
        for row in np.flatnonzero(rows.status == ReadStatus.OK).tolist() if step else ():
            raw = int(rows.raw[row])
            if keep[row] or last is None or (raw - last) % int(domain.wrap or 1) >= int(step or 1):
                more[row], last = True, raw
        if last is not None:
            self._last_raw[domain.id] = last
        return more


def _picked(rows: Readings, at: Ints) -> Readings:
    return Readings(*(getattr(rows, column.name)[at] for column in fields(Readings)))


class _Adding:
    """The integral of one sensor's power over the rows that are left out."""

    def __init__(self, period_ns: int) -> None:
        self._hold_ns = LONGEST_HOLD * period_ns
        self._last_ns: int | None = None
        """Time of the reading before, left out or not."""
        self._was_kept = True
        self._sum: list[int] | None = None
        """start_ns, end_ns and the integral in raw microseconds."""

    def take(self, rows: Readings, keep: Flags) -> PowerSums:
        done: list[list[int]] = []
        middle = (rows.t_before_ns + rows.t_after_ns) // 2
        columns = (middle.tolist(), rows.raw.tolist(), rows.status.tolist(), keep.tolist())
        for t_ns, raw, status, is_kept in zip(*columns, strict=True):
            last_ns = self._last_ns
            if status != ReadStatus.OK:
                continue
            if last_ns is not None and not (is_kept and self._was_kept):
                if t_ns - last_ns <= self._hold_ns:
                    if self._sum is None:
                        self._sum = [last_ns, last_ns, 0]
                    self._sum[1] = t_ns
                    self._sum[2] += raw * ((t_ns - last_ns) // 1000)
                elif self._sum is not None:
                    done.append(self._sum)
                    self._sum = None
            if self._sum is not None and (is_kept or self._sum[2] > _LARGEST):
                done.append(self._sum)
                self._sum = None
            self._last_ns, self._was_kept = t_ns, is_kept
        return _sums(done)

    def rest(self) -> PowerSums:
        done = [] if self._sum is None else [self._sum]
        self._sum = None
        return _sums(done)


def _sums(rows: list[list[int]]) -> PowerSums:
    start_ns, end_ns, raw_us = np.array(rows, np.int64).reshape(-1, 3).T.copy()
    return PowerSums(start_ns, end_ns, raw_us)


def _with_rows(rows: ThreadCpu, keep: Flags, more: list[tuple[int, int, int, int]]) -> ThreadCpu:
    pid, tid, t_ns, cpu_ns = np.array(more, np.int64).reshape(-1, 4).T
    return ThreadCpu(
        np.concatenate((pid.astype(np.int32), rows.pid[keep])),
        np.concatenate((tid.astype(np.int32), rows.tid[keep])),
        np.concatenate((t_ns, rows.t_ns[keep])),
        np.concatenate((cpu_ns, rows.cpu_ns[keep])),
    )
