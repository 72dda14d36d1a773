"""Tallies in a capture: what was counted between bursts, stored with replacement, read back as columns of the trace."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from energyprof.capture.codec import pack_columns, unpack_columns
from energyprof.capture.first_begins import NEVER_NS
from energyprof.errors import CaptureError
from energyprof.model.events import WORK_UNITS
from energyprof.model.ids import DomainId
from energyprof.model.span import Flags, Index, Ints
from energyprof.model.tally import CALLS, ORDER, SELVES, WIDTH, WORK, Counted, PowerSums, Tally

_HAS_TABLE = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'tally'"
_LANE, _SOURCE, _STAGE = 0, 1, 2


def store_tallies(db: sqlite3.Connection, tallies: Mapping[int, Tally]) -> None:
    """Store tallies by number, replacing earlier ones, within the caller's transaction."""
    packed = [
        (number, tally.kind, tally.start_ns, tally.end_ns, _pack(tally.columns)) for number, tally in tallies.items()
    ]
    db.executemany(
        "INSERT OR REPLACE INTO tally VALUES (?, ?, ?, ?, ?, ?)",
        [(*row[:4], _crc(*row), row[4]) for row in packed],
    )


def read_tallies(db: sqlite3.Connection) -> list[Tally]:
    """Return all tallies, stretches in order of time; raises CaptureError where one does not check out."""
    if not db.execute(_HAS_TABLE).fetchone()[0]:
        return []  # written before there were any
    tallies = []
    for row in db.execute("SELECT id, kind, start_ns, end_ns, crc, content FROM tally ORDER BY start_ns, id"):
        number, kind, start_ns, end_ns, crc, content = row
        whole = all(isinstance(value, int) for value in row[:-1]) and isinstance(content, bytes)
        if not whole or kind not in WIDTH or _crc(number, kind, start_ns, end_ns, content) != crc:
            raise CaptureError("a tally does not match its checksum")
        columns = unpack_columns(content, WIDTH[kind])
        if len({len(column) for column in columns}) != 1:
            raise CaptureError("a tally does not fit together")
        tallies.append(Tally(kind, start_ns, end_ns, tuple(columns)))
    return tallies


def _pack(columns: Sequence[Ints]) -> bytes:
    return pack_columns(columns, (0,) * len(columns))


def _crc(number: int, kind: int, start_ns: int, end_ns: int, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(struct.pack("<4q", number, kind, start_ns, end_ns)))


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """All tallies of a capture as columns; stages are lane-relative."""

    start_ns: Ints
    end_ns: Ints
    stretch: Ints
    selves: tuple[Ints, ...]
    calls: tuple[Ints, ...]
    order: tuple[Ints, ...]
    work: tuple[Ints, ...]

    @staticmethod
    def of(tallies: Sequence[Tally], run_end_ns: int) -> Columns:
        """Put tallies together; a stretch that was still going on ends with the run."""
        selves = [tally for tally in tallies if tally.kind == SELVES]
        start_ns = np.array([tally.start_ns for tally in selves], np.int64)
        end_ns = np.array([tally.end_ns for tally in selves], np.int64)
        starts, at = np.unique(start_ns, return_inverse=True)
        ends = np.full(len(starts), np.iinfo(np.int64).max)
        np.minimum.at(ends, at, end_ns)  # a burst that ended early moves the start of the next stretch, never its end
        ends = np.minimum(ends, np.append(starts[1:], np.iinfo(np.int64).max))
        ends = np.maximum(np.minimum(ends, run_end_ns), starts)
        stretch = np.repeat(at, [len(tally.columns[0]) for tally in selves]).astype(np.int64)
        return Columns(
            starts,
            ends,
            stretch,
            joined_tallies(tallies, SELVES),
            joined_tallies(tallies, CALLS),
            joined_tallies(tallies, ORDER),
            joined_tallies(tallies, WORK),
        )

    def places(self) -> tuple[Index, Index, Ints]:
        """Return stages and lanes that have to be placed in the tree, all that occur, and the spans each stands for."""
        parts = [(columns[_LANE], columns[at]) for columns, stages in self._with_stages() for at in stages]
        lane, stage = (np.concatenate(column) for column in zip(*parts, strict=True))
        calls = np.zeros(len(stage), np.int64)
        first = len(self.selves[0]) + len(self.calls[0])
        calls[first : first + len(self.calls[0])] = self.calls[3] + self.calls[4]
        held = stage >= 0
        return stage[held].astype(np.int32), lane[held].astype(np.int32), calls[held]

    def since_ns(self) -> Ints:
        """Return when what `places()` returns began: in which stretch stages ran is known, of the rest nothing."""
        since_ns = [self.start_ns[self.stretch][self.selves[1] >= 0]]
        for columns, stages in self._with_stages()[1:]:
            since_ns += [np.full(np.count_nonzero(columns[at] >= 0), NEVER_NS) for at in stages]
        return np.concatenate(since_ns)

    def _with_stages(self) -> tuple[tuple[tuple[Ints, ...], tuple[int, ...]], ...]:
        """Return the columns of each kind and which of them hold stages, always in this order."""
        return (
            (self.selves, (1,)),
            (self.calls, (_SOURCE, _STAGE)),
            (self.order, (_SOURCE, _STAGE)),
            (self.work, (1,)),
        )

    def work_of(self, placed: Index) -> dict[int, dict[str, int]]:
        """Return per stage of the trace what it was handed, by unit; `placed` are those of `places()`."""
        _, _, unit, count = self.work
        handed: dict[int, dict[str, int]] = {}
        last = placed[len(placed) - len(unit) :]
        for stage, which, many in zip(last.tolist(), unit.tolist(), count.tolist(), strict=True):
            if 0 <= which < len(WORK_UNITS):
                of_stage = handed.setdefault(stage, {})
                of_stage[WORK_UNITS[which]] = of_stage.get(WORK_UNITS[which], 0) + many
        return handed

    def counted(self, placed: Index, is_merged: Flags, is_counted: Flags, power: dict[DomainId, PowerSums]) -> Counted:
        """Return the same with the stages of the trace; `placed` and `is_merged` those of `places()`."""
        full: list[list[Ints]] = []
        at = 0
        for columns, stages in self._with_stages():
            own = [*columns]
            for column in stages:
                held = np.flatnonzero(own[column] >= 0)
                stage = np.full(len(own[column]), -1, np.int64)
                stage[held] = placed[at : at + len(held)]
                at += len(held)
                own[column] = stage
            full.append(own)
        selves, calls, order, _ = full
        first = len(selves[1][self.selves[1] >= 0]) + int(np.count_nonzero(self.calls[_SOURCE] >= 0))
        calls_merged = is_merged[first : first + len(calls[_STAGE])]
        calls[4] = calls[4] + np.where(calls_merged, calls[3], 0)
        calls[3] = np.where(calls_merged, 0, calls[3])
        by_stretch = np.argsort(self.stretch, kind="stable")
        narrow = [column[by_stretch].astype(np.int32) for column in selves[:2]]
        return Counted(
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            stretch=self.stretch[by_stretch],
            lane=narrow[0],
            stage=narrow[1],
            self_ns=selves[2][by_stretch],
            under_ns=selves[3][by_stretch],
            call_lane=calls[_LANE].astype(np.int32),
            call_source=calls[_SOURCE].astype(np.int32),
            call_stage=calls[_STAGE].astype(np.int32),
            calls=calls[3],
            resumes=calls[4],
            # A stage inside one that goes by the same name, another kind of it, is the same stage of the trace.
            wall_ns=np.where(calls[_SOURCE] == calls[_STAGE], 0, calls[5]),
            order_source=order[_SOURCE].astype(np.int32),
            order_target=order[_STAGE].astype(np.int32),
            order_count=order[3],
            is_counted=is_counted,
            power=power,
        )


def joined_tallies(tallies: Sequence[Tally], kind: int) -> tuple[Ints, ...]:
    """Return the columns of all tallies of one kind end to end."""
    nothing, of_kind = np.zeros(0, np.int64), [tally for tally in tallies if tally.kind == kind]
    return tuple(np.concatenate([nothing, *(tally.columns[at] for tally in of_kind)]) for at in range(WIDTH[kind]))
