"""What a capture's tables hold, checked row by row; each kind of chunk is unpacked by whoever needs it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import numpy as np

from energyprof.capture.columns import joined
from energyprof.capture.facts import (
    cures_of,
    domains_of,
    hosts_of,
    open_of,
    ranks_of,
    recorder_of,
    run_of,
    run_queue_of,
    sampling_of,
    told_of,
)
from energyprof.capture.open_file import read_facts
from energyprof.capture.schema import ChunkKind, chunk_crc
from energyprof.capture.stack_store import read_stacks
from energyprof.capture.table_codec import (
    unpack_cpu,
    unpack_lane_runs,
    unpack_lanes,
    unpack_origins,
    unpack_power_sums,
    unpack_readings,
    unpack_stages,
    unpack_use,
)
from energyprof.capture.tallies import read_tallies
from energyprof.errors import CaptureError
from energyprof.model.domain import ReadStatus
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, ThreadCpu, Use
from energyprof.model.recording import LocalStage
from energyprof.model.span import Ints, LaneRuns
from energyprof.model.stacks import Stacks
from energyprof.model.tally import PowerSums
from energyprof.model.trace import RunFacts

_NEEDED = ("run", "recorder", "domains", "warnings")
_STATUSES = max(ReadStatus) + 1


class Content:
    """The rows of one capture; raises CaptureError where they do not check out."""

    def __init__(self, db: sqlite3.Connection) -> None:
        facts = read_facts(db)
        self.finished = "finished" in facts
        missing = [name for name in _NEEDED if name not in facts]
        if missing and self.finished:
            raise CaptureError(f"the fact {missing[0]!r} is missing")
        self.run = run_of(facts["run"]) if "run" in facts else RunFacts((), 0, 0, 0, None)
        self.recorder = recorder_of(facts.get("recorder", {}))
        self.domains = domains_of(facts.get("domains", []))
        self.sampling = sampling_of(facts.get("sampling", {}))
        self.hosts = hosts_of(facts.get("hosts", []))
        if {domain.host for domain in self.domains} - {"", *(host.name for host in self.hosts)}:
            raise CaptureError("a domain belongs to no host")
        self.ranks = ranks_of(facts.get("ranks", []))
        self.cures = cures_of(facts.get("cures"))
        self.told = told_of(facts.get("told"))
        self.run_queue = run_queue_of(facts.get("run_queue"))
        self.warnings: tuple[str, ...] = tuple(facts.get("warnings", ()))
        self.open_spans = open_of([] if self.finished else facts.get("open", []))
        """Spans that were open when the file was last written, cut off at that instant."""
        self.tallies = read_tallies(db)
        self.stacks_mode = str(facts.get("stacks", "off"))
        self._chunks: dict[int, list[tuple[int, bytes]]] = {}
        stored = self._read_chunks(db)
        if self.finished and facts["finished"] != {"chunks": stored}:
            raise CaptureError("blocks are missing from it")

    def _read_chunks(self, db: sqlite3.Connection) -> int:
        count = 0
        for row in db.execute("SELECT id, kind, part, rows, crc, content FROM chunk ORDER BY id"):
            count += 1
            number, kind, part, rows, crc, content = row
            whole = all(isinstance(value, int) for value in row[:-1]) and isinstance(content, bytes)
            if not whole or number != count or chunk_crc(number, kind, part, rows, content) != crc:
                raise CaptureError(f"block {count} does not match its checksum")
            self._chunks.setdefault(kind, []).append((part, content))
        return count

    def take(self, kind: ChunkKind) -> Iterator[bytes]:
        """Yield the packed chunks of a kind in the order in which they were stored."""
        for _, packed in self._chunks.get(kind, ()):
            yield packed

    def parts(self, kind: ChunkKind) -> Iterator[tuple[int, bytes]]:
        """Yield the same with the part of each."""
        yield from self._chunks.get(kind, ())

    def stages(self) -> list[LocalStage]:
        """Return the lane-relative stages, row = index; the last row of one counts."""
        rows = {stage.index: stage for packed in self.take(ChunkKind.STAGES) for stage in unpack_stages(packed)}
        stages = [rows[index] for index in sorted(rows)]
        if any(stage.index != at or not -1 <= stage.parent < at for at, stage in enumerate(stages)):
            raise CaptureError("its stages make no tree")
        return stages

    def lanes(self) -> tuple[Ints, ...]:
        """Return the columns pid, number, tid, kind, host, row = lane; the last row of one counts."""
        index, *columns = _columns([unpack_lanes(packed) for packed in self.take(ChunkKind.LANES)], 6)
        count = int(index.max(initial=-1)) + 1
        if len(np.unique(index)) != count:
            raise CaptureError("lanes are missing from it")
        table = np.zeros((len(columns), count), np.int64)
        for row, column in zip(table, columns, strict=True):
            row[index] = column
        if int(table[4].max(initial=-1)) >= count:
            raise CaptureError("lanes run on threads that are missing from it")
        return tuple(table)

    def origins(self) -> dict[int, tuple[int, int]]:
        """Return creating lane and stage per created lane; the first row of a lane counts."""
        columns = _columns([unpack_origins(packed) for packed in self.take(ChunkKind.ORIGINS)], 4)
        origins: dict[int, tuple[int, int]] = {}
        for lane, creator, stage in zip(*(column.tolist() for column in columns[:3]), strict=True):
            origins.setdefault(lane, (creator, stage))
        return origins

    def readings(self) -> dict[DomainId, Readings]:
        """Return every domain's readings in order of time."""
        pieces: list[list[Readings]] = [[] for _ in self.domains]
        for part, packed in self._chunks.get(ChunkKind.READINGS, ()):
            if not 0 <= part < len(pieces):
                raise CaptureError("readings belong to no domain")
            pieces[part].append(unpack_readings(packed))
        readings = {domain.id: joined(Readings, part) for domain, part in zip(self.domains, pieces, strict=True)}
        for rows in readings.values():
            if int(rows.status.max(initial=0)) >= _STATUSES or (np.diff(rows.t_before_ns) < 0).any():
                raise CaptureError("readings are out of order")
        return readings

    def power_sums(self) -> dict[DomainId, PowerSums]:
        """Return per domain what stands for the readings left out between bursts, in order of time."""
        pieces: list[list[PowerSums]] = [[PowerSums.none()] for _ in self.domains]
        for part, packed in self._chunks.get(ChunkKind.POWER_SUMS, ()):
            if not 0 <= part < len(pieces):
                raise CaptureError("readings belong to no domain")
            pieces[part].append(unpack_power_sums(packed))
        return {domain.id: joined(PowerSums, part) for domain, part in zip(self.domains, pieces, strict=True)}

    def cpu(self) -> ThreadCpu:
        """Return CPU times in the order in which they were stored."""
        return joined(ThreadCpu, [unpack_cpu(packed) for packed in self.take(ChunkKind.CPU)])

    def use(self) -> tuple[Use, dict[DomainId, Use]]:
        """Return who used the host's processors, and the devices."""
        whole = self._use_by_part()
        devices = {self.domains[part - 1].id: use for part, use in whole.items() if part > 0}
        return whole.get(0, Use.none()), devices

    def hosts_use(self) -> tuple[Use, ...]:
        """Return who used the processors of each host of a merged run."""
        whole = self._use_by_part()
        return tuple(whole.get(-1 - number, Use.none()) for number in range(len(self.hosts)))

    def _use_by_part(self) -> dict[int, Use]:
        pieces: dict[int, list[Use]] = {}
        for part, packed in self._chunks.get(ChunkKind.USE, ()):
            if not -len(self.hosts) <= part <= len(self.domains):
                raise CaptureError("a block of use belongs to no domain")
            pieces.setdefault(part, []).append(unpack_use(packed))
        whole = {part: joined(Use, found) for part, found in pieces.items()}
        if any((np.diff(use.t_ns) < 0).any() for use in whole.values()):
            raise CaptureError("rows of use are out of order")
        return whole

    def lane_runs(self) -> LaneRuns:
        """Return lane runs in the order in which they were stored."""
        return joined(LaneRuns, [unpack_lane_runs(packed) for packed in self.take(ChunkKind.LANE_RUNS)])

    def stacks(self) -> Stacks:
        """Return what sampling has seen."""
        kinds = (ChunkKind.FUNCTIONS, ChunkKind.STACK_NODES, ChunkKind.SAMPLES)
        return read_stacks(*map(self.take, kinds))


def _columns(pieces: list[list[Ints]], count: int) -> list[Any]:
    """Return the pieces' columns end to end."""
    none = np.zeros(0, np.int64)
    return [np.concatenate([none, *(piece[at] for piece in pieces)]) for at in range(count)]
