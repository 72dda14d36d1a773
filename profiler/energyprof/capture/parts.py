"""One capture as a part of a merged one: what it holds, moved into the clock, the numbers and the names of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from energyprof.capture.content import Content
from energyprof.capture.open_file import opened
from energyprof.capture.schema import ChunkKind
from energyprof.capture.span_codec import unpack_spans
from energyprof.capture.table_codec import unpack_lane_runs, unpack_lanes, unpack_origins
from energyprof.capture.writer import CaptureWriter
from energyprof.model.domain import Domain
from energyprof.model.hosts import HOST_SHIFT, Host, hosted_id
from energyprof.model.ids import OWN_READING, DomainId
from energyprof.model.power import ThreadCpu, Use
from energyprof.model.ranks import RankProcess
from energyprof.model.recording import LaneOrigin, LaneRow, Progress
from energyprof.model.sampling import DomainFacts
from energyprof.model.span import LANE_KINDS, Index, Ints
from energyprof.model.stacks import StackNodes
from energyprof.model.tally import FLOWS, GIVEN, WORK, Tally
from energyprof.model.told import Told
from energyprof.model.trace import RecorderFacts, RunFacts

_DEVICE = LANE_KINDS.index("device")
_PID_MASK = (1 << HOST_SHIFT) - 1
_PLACES = {FLOWS: ((0, 2), (1, 3)), GIVEN: ((0,), (1,)), WORK: ((0,), (1,))}
"""Of the tallies that every recording may have: which columns are lanes, and which are stages."""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What a capture says of itself, enough to see whether and how it can be merged."""

    path: Path
    run: RunFacts
    recorder: RecorderFacts
    hosts: tuple[Host, ...]
    """Where it was merged itself."""
    domains: tuple[Domain, ...]
    sampling: Mapping[DomainId, DomainFacts]
    ranks: tuple[RankProcess, ...]
    warnings: tuple[str, ...]
    is_finished: bool
    is_counted: bool
    """It came near its bound, and a part of it was counted and not stored."""
    stacks: str
    """How functions were sampled, as in `CaptureWriter.set_stacks`."""
    told: Told
    has_cures: bool
    """Iterations were delayed, or layers repeated after the run."""


@dataclass(frozen=True, slots=True)
class Move:
    """How one part is moved into the whole."""

    shift_ns: Mapping[int, int]
    """By number of a host within the part: what is added to its times."""
    number: Mapping[int, int]
    """By number of a host within the part: its number in the whole."""
    names: Mapping[DomainId, DomainId]
    """The new ids of its domains."""


@dataclass(slots=True)
class Base:
    """How many rows the parts before have had."""

    stages: int = 0
    lanes: int = 0
    functions: int = 0
    nodes: int = 0
    tallies: int = 0
    with_use: set[int] = field(default_factory=set)
    """Hosts of whose processors the use is known."""

    def next_tally(self) -> int:
        """Return the number of the next tally."""
        self.tallies += 1
        return self.tallies


def part_facts(path: Path) -> PartFacts:
    """Return the facts of a capture; raises CaptureError if it cannot be read."""
    with _content(path) as content:
        return PartFacts(
            path=path,
            run=content.run,
            recorder=content.recorder,
            hosts=content.hosts,
            domains=content.domains,
            sampling=content.sampling,
            ranks=content.ranks,
            warnings=content.warnings,
            is_finished=content.finished,
            is_counted=any(tally.kind not in _PLACES for tally in content.tallies),
            stacks=content.stacks_mode,
            told=content.told,
            has_cures=content.cures is not None,
        )


def moved_domain(domain: Domain, host: str) -> Domain:
    """Return a domain as one of a host in a merged run."""
    if domain.host:
        return domain
    parent, shaped = (None if id_ is None else hosted_id(host, id_) for id_ in (domain.parent, domain.shape_of))
    return replace(domain, id=hosted_id(host, domain.id), parent=parent, shape_of=shaped, host=host)


def copy_part(writer: CaptureWriter, path: Path, move: Move, base: Base, progress: Callable[[float], None]) -> None:
    """Add all that a capture holds to the whole, whose domains have been added; `progress` is told the part done."""
    with _content(path) as content:
        mover = _Mover(writer, content, move, base)
        mover.tables()
        writer.commit(force=True)
        progress(0.2)
        mover.spans()
        writer.commit(force=True)
        progress(0.6)
        mover.sensed()
        writer.commit(force=True)
        progress(0.9)
        mover.stacks()
        writer.commit(force=True)
        progress(1.0)


@contextmanager
def _content(path: Path) -> Iterator[Content]:
    with opened(path) as db:
        yield Content(db)


class _Mover:
    """Moves one kind of rows after the other."""

    def __init__(self, writer: CaptureWriter, content: Content, move: Move, base: Base) -> None:
        self._writer = writer
        self._content = content
        self._move = move
        self._base = base
        self._pid, _, self._tid, self._kind, _ = content.lanes()
        count = len(content.hosts) or 1
        self._shift_ns = np.array([move.shift_ns[number] for number in range(count)], np.int64)
        self._added = np.array([move.number[number] << HOST_SHIFT for number in range(count)], np.int64)
        self._lane_shift_ns = self._shift_ns[self._pid >> HOST_SHIFT]

    def tables(self) -> None:
        """Add stages, lanes, origins and flows."""
        base, content = self._base, self._content
        stages = content.stages()
        self._writer.add_stages(
            [
                replace(stage, index=stage.index + base.stages, parent=_moved(stage.parent, base.stages))
                for stage in stages
            ]
        )
        lanes = 0
        for packed in content.take(ChunkKind.LANES):
            columns = [column.tolist() for column in unpack_lanes(packed)]
            rows = [self._lane(*row) for row in zip(*columns, strict=True)]
            self._writer.add_lanes(rows)
            lanes = max([lanes, *(index + 1 for index in columns[0])])
        for packed in content.take(ChunkKind.ORIGINS):
            columns = [column.tolist() for column in unpack_origins(packed)]
            self._writer.add_origins([self._origin(*row) for row in zip(*columns, strict=True)])
        tallies = {base.next_tally(): self._tally(tally) for tally in content.tallies}
        if tallies:
            self._writer.keep_progress(lambda: Progress(tallies=tallies))
        for process in content.ranks:
            pid = self._id(process.pid, process.pid)
            self._writer.add_rank(replace(process, pid=pid))
        self._next = (len(stages), lanes)

    def spans(self) -> None:
        """Add spans and the runs of coroutines."""
        stages, lanes = self._base.stages, self._base.lanes
        for packed in self._content.take(ChunkKind.SPANS):
            spans = unpack_spans(packed)
            shift_ns = self._lane_shift_ns[spans.lane]
            stage, lane = _placed(spans.stage, stages), _placed(spans.lane, lanes)
            start_ns, end_ns = spans.start_ns + shift_ns, spans.end_ns + shift_ns
            self._writer.add_spans(replace(spans, stage=stage, lane=lane, start_ns=start_ns, end_ns=end_ns))
        for packed in self._content.take(ChunkKind.LANE_RUNS):
            runs = unpack_lane_runs(packed)
            shift_ns = self._lane_shift_ns[runs.lane]
            lane, start_ns, end_ns = _placed(runs.lane, lanes), runs.start_ns + shift_ns, runs.end_ns + shift_ns
            self._writer.add_lane_runs(replace(runs, lane=lane, start_ns=start_ns, end_ns=end_ns))
        self._base.stages += self._next[0]
        self._base.lanes += self._next[1]

    def sensed(self) -> None:
        """Add readings, CPU times and use."""
        writer, content = self._writer, self._content
        numbers = {host.name: number for number, host in enumerate(content.hosts)}
        shift_of = {domain.id: int(self._shift_ns[numbers.get(domain.host, 0)]) for domain in content.domains}
        for id_, rows in content.readings().items():
            before_ns, after_ns = rows.t_before_ns + shift_of[id_], rows.t_after_ns + shift_of[id_]
            writer.add_readings({self._move.names[id_]: replace(rows, t_before_ns=before_ns, t_after_ns=after_ns)})
        cpu = content.cpu()
        host = cpu.pid >> HOST_SHIFT
        pid, tid = self._ids(cpu.pid, cpu.pid), self._cpu_tids(cpu)
        writer.add_cpu(ThreadCpu(pid, tid, cpu.t_ns + self._shift_ns[host], cpu.cpu_ns))
        whole, devices = content.use()
        for id_, use in devices.items():
            writer.add_use(_later(use, shift_of[id_]), self._move.names[id_])
        for number, use in enumerate(content.hosts_use() if content.hosts else (whole,)):
            new = self._move.number[number]
            if len(use) and new not in self._base.with_use:
                self._base.with_use.add(new)
                writer.add_host_use(new, _later(use, int(self._shift_ns[number])))

    def stacks(self) -> None:
        """Add sampled stacks."""
        stacks, base = self._content.stacks(), self._base
        if not len(stacks.samples):
            return
        self._writer.add_functions(stacks.functions)
        parent = np.where(stacks.nodes.parent >= 0, stacks.nodes.parent + base.nodes, -1).astype(np.int32)
        self._writer.add_stack_nodes(StackNodes(parent, _placed(stacks.nodes.function, base.functions)))
        rows = stacks.samples
        shift_ns = self._shift_ns[rows.pid >> HOST_SHIFT]
        self._writer.add_samples(
            replace(
                rows,
                pid=self._ids(rows.pid, rows.pid),
                tid=self._ids(rows.tid, rows.pid),
                start_ns=rows.start_ns + shift_ns,
                end_ns=rows.end_ns + shift_ns,
                node=_placed(rows.node, base.nodes),
            )
        )
        base.functions += len(stacks.functions)
        base.nodes += len(stacks.nodes)

    def _tally(self, tally: Tally) -> Tally:
        """Return sums of what stages handed over, with lanes and stages moved."""
        columns: list[Ints] = [*tally.columns]
        lanes, stages = _PLACES[tally.kind]
        for at in lanes:
            columns[at] = columns[at] + self._base.lanes
        for at in stages:
            columns[at] = columns[at] + self._base.stages
        return replace(tally, columns=tuple(columns))

    def _lane(self, index: int, pid: int, number: int, tid: int, kind: int, host: int) -> LaneRow:  # noqa: PLR0913, PLR0917 - a row
        tid = tid if kind == _DEVICE or tid <= 0 else self._id(tid, pid)
        lanes = self._base.lanes
        return LaneRow(index + lanes, self._id(pid, pid), number, tid, kind, "", _moved(host, lanes))

    def _origin(self, lane: int, parent_lane: int, parent_stage: int, t_ns: int) -> LaneOrigin:
        base, shift_ns = self._base, int(self._lane_shift_ns[lane])
        stage = _moved(parent_stage, base.stages)
        return LaneOrigin(lane + base.lanes, _moved(parent_lane, base.lanes), stage, t_ns + shift_ns)

    def _id(self, id_: int, pid: int) -> int:
        """Return the id, in the whole, of a thread or process of the host that `pid` belongs to."""
        return (id_ & _PID_MASK) + int(self._added[pid >> HOST_SHIFT])

    def _ids(self, id_: Index, pid: Index) -> Index:
        moved: Index = ((id_ & _PID_MASK) + self._added[pid >> HOST_SHIFT]).astype(np.int32)
        return moved

    def _cpu_tids(self, cpu: ThreadCpu) -> Index:
        """Return what stands in place of a thread's id, with the ids that it is made of moved."""
        tid, away = cpu.tid.astype(np.int64), np.int64(OWN_READING)
        moved = np.where(tid > 0, (tid & _PID_MASK) + self._added[cpu.pid >> HOST_SHIFT], tid)
        is_own = tid < OWN_READING // 2
        added = self._added[cpu.pid >> HOST_SHIFT]
        own_thread = away + ((tid - away) & _PID_MASK) + added
        own_child = away - (((away - tid) & _PID_MASK) + added)
        own: Ints = np.where(tid > away, own_thread, own_child)
        new: Index = np.where(is_own, own, moved).astype(np.int32)
        return new


def _moved(index: int, by: int) -> int:
    return index + by if index >= 0 else -1


def _placed(column: Index, by: int) -> Index:
    return (column + by).astype(np.int32)


def _later(use: Use, by_ns: int) -> Use:
    columns: dict[str, Ints] = {column.name: getattr(use, column.name) for column in fields(Use)}
    return Use(**{**columns, "t_ns": use.t_ns + by_ns})
