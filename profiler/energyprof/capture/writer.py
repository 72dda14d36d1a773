"""Write a capture while the run goes: pieces in, compressed chunks out, never more lost than what the spool holds."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from energyprof.capture.chunk_buffer import ChunkBuffer
from energyprof.capture.columns import picked
from energyprof.capture.database import CHECKPOINT_BYTES, PAGE_BYTES, answered, continued, create, reopen
from energyprof.capture.facts import (
    cures_json,
    domains_json,
    domains_of,
    hosts_json,
    open_json,
    ranks_json,
    ranks_of,
    recorder_json,
    run_json,
    run_queue_json,
    sampling_json,
    to_ascii,
    told_json,
)
from energyprof.capture.open_file import opened, read_facts
from energyprof.capture.progress import drop_progress, forget_progress, store_progress
from energyprof.capture.schema import ChunkKind, named_crc
from energyprof.capture.sensor_rows import SensorRows
from energyprof.capture.span_codec import pack_spans
from energyprof.capture.stack_store import StackBuffer
from energyprof.capture.table_codec import (
    pack_lane_runs,
    pack_lanes,
    pack_origins,
    pack_stages,
)
from energyprof.capture.tallies import store_tallies
from energyprof.capture.waiting_chunks import WaitingChunks
from energyprof.model.cures import Cures
from energyprof.model.domain import Domain
from energyprof.model.hosts import Host
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, ThreadCpu, Use
from energyprof.model.ranks import RankProcess
from energyprof.model.recording import Announced, LaneOrigin, LaneRow, LocalStage, Progress, SpanChunk
from energyprof.model.run_queue import RunQueue
from energyprof.model.sampling import DomainFacts
from energyprof.model.span import LaneRuns
from energyprof.model.stacks import Function, Samples, StackNodes
from energyprof.model.tally import PowerSums, Tally
from energyprof.model.told import Told
from energyprof.model.trace import RecorderFacts, RunFacts

AGE_NS = 4_000_000_000
"""Small pieces are stored at the latest after this long; in a young file sooner, see `CaptureWriter._age_ns`."""
HELD_NS = 2_000_000_000
"""After a commit that somebody asked for, nothing is stored so long: it would leave out what is open, unread yet."""
_ROW_BYTES = 8
"""What a span or a run of a coroutine takes at most, as a rule."""


class CaptureWriter:
    """The one writer of a new `.eprof` file. Not thread-safe: the thread that made it uses it."""

    def __init__(
        self,
        path: str | Path,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        *,
        goes_on: bool = False,
        limit_bytes: int = 0,
    ) -> None:
        """Create the file, or with `goes_on` open one that was never finished, without what analysis found in it.

        A file that reaches `limit_bytes` (0: none) takes in no more of what can be long; the converter keeps it from
        getting there.

        Raises CaptureError if it exists already (does not exist), or if it or its folder cannot be written.
        """
        self.path = Path(path)
        self._now_ns = monotonic_ns
        self._began_ns = monotonic_ns()
        no_cost = recorder_json(RecorderFacts())
        self._facts: dict[str, object] = {"warnings": [], "domains": [], "open": [], "recorder": no_cost}
        self._changed = dict.fromkeys(self._facts)
        self._warnings: list[str] = []
        self._ranks: dict[int, RankProcess] = {}
        """By pid."""
        self._domains: list[Domain] = []
        self._stages: list[LocalStage] = []
        self._lanes: list[LaneRow] = []
        self._origins: list[LaneOrigin] = []
        self._spans = ChunkBuffer(SpanChunk, pack_spans, _spans_in_order)
        self._runs = ChunkBuffer(LaneRuns, pack_lane_runs)
        self._stacks = StackBuffer()
        self._sensed = SensorRows()
        self._waiting = WaitingChunks(limit_bytes)
        self._tallies: dict[int, Tally] = {}
        self._spans_part = 0
        """1 once all spans are among the calls of tallies."""
        self._has_facts = goes_on
        """Whether the file says which run it is of; its first commit says so, whatever else there is."""
        self._pages = 0
        self._held_until_ns = 0
        self.readings_age_ns = AGE_NS
        """How long readings wait until there are enough of them for a chunk."""
        self._progress: Callable[[], Progress] | None = None
        self._moved_ns = 0
        self._state: dict[str, Any] = {}
        self._announced: list[Announced] = []
        self._forgotten: list[str] = []
        if goes_on:
            self._take_up()
        self._db: sqlite3.Connection | None = reopen(self.path) if goes_on else create(self.path)
        if limit_bytes:
            checkpoint_bytes = min(CHECKPOINT_BYTES, limit_bytes // 8)
            with answered(self.path):
                self._db.execute(f"PRAGMA wal_autocheckpoint = {max(1, checkpoint_bytes // PAGE_BYTES)}")
        self._count_pages(self._db)

    @classmethod
    def over_claim(cls, path: Path, limit_bytes: int = 0) -> CaptureWriter:
        """Create the file in place of the empty one by which its name was claimed; raises CaptureError as above."""
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        return cls(path, limit_bytes=limit_bytes)

    def _take_up(self) -> None:
        """Take over what the file says already."""
        with opened(self.path) as db:
            facts = read_facts(db)
            (self._waiting.stored,) = db.execute("SELECT count(*) FROM chunk").fetchone()
            self._stacks.take_up(db)
        self._facts.update(facts)
        self._warnings = [*facts.get("warnings", ())]
        self._domains = [*domains_of(facts.get("domains", ()))]
        self._ranks = {process.pid: process for process in ranks_of(facts.get("ranks", ()))}

    def set_run(self, run: RunFacts) -> None:
        """State the facts of the run; may be called again as more is known."""
        self._set("run", run_json(run))

    def set_recorder(self, recorder: RecorderFacts) -> None:
        """State what recording cost and lost so far."""
        self._set("recorder", recorder_json(recorder))

    def set_hosts(self, hosts: Sequence[Host]) -> None:
        """State of which hosts a merged run is."""
        self._set("hosts", hosts_json(hosts))

    def set_sampling(self, sampling: Mapping[DomainId, DomainFacts]) -> None:
        """State how well each domain could be read so far, and what its device told besides power."""
        self._set("sampling", sampling_json(sampling))

    def set_cures(self, cures: Cures | None) -> None:
        """State what was delayed and repeated so far so that stages can be told apart; None: nothing was."""
        if cures is not None:
            self._set("cures", cures_json(cures))

    def set_told(self, told: Told) -> None:
        """State what the program has told of its work so far."""
        if told:
            self._set("told", told_json(told))

    def set_run_queue(self, queue: RunQueue | None) -> None:
        """State how long threads have waited for processors so far; None: not known."""
        if queue is not None:
            self._set("run_queue", run_queue_json(queue))

    def warn(self, message: str) -> None:
        """Keep a warning for the report; the same one only once."""
        if message not in self._warnings:
            self._warnings.append(message)
            self._set("warnings", self._warnings)

    def add_domains(self, domains: Sequence[Domain]) -> None:
        """Add power domains; those known already are left as they are."""
        known = {domain.id for domain in self._domains}
        self._domains += [domain for domain in domains if domain.id not in known]
        self._set("domains", domains_json(self._domains))

    def add_readings(self, readings: Mapping[DomainId, Readings]) -> None:
        """Add readings, each domain's in order of time; their domains have been added before."""
        numbers = {domain.id: number for number, domain in enumerate(self._domains)}
        for domain, rows in readings.items():
            if domain not in numbers:
                raise ValueError(f"readings of {domain!r} came before the domain was added")
            self._sensed.add_readings(numbers[domain], rows, self._now_ns())

    def add_use(self, use: Use, domain: DomainId | None = None) -> None:
        """Add who used the host's processors, or a domain that has been added, in order of time."""
        if not len(use):
            return
        part = 0 if domain is None else 1 + [known.id for known in self._domains].index(domain)
        self._sensed.add_use(part, use, self._now_ns())

    def add_host_use(self, number: int, use: Use) -> None:
        """Add who used the processors of the host with this number of a merged run."""
        self._sensed.add_use(-1 - number, use, self._now_ns())

    def add_power_sums(self, sums: Mapping[DomainId, PowerSums]) -> None:
        """Add what stands for readings left out, each domain's in order of time; as with `add_readings`."""
        numbers = {domain.id: number for number, domain in enumerate(self._domains)}
        for domain, rows in sums.items():
            self._sensed.add_power_sums(numbers[domain], rows, self._now_ns())

    def add_cpu(self, cpu: ThreadCpu) -> None:
        """Add CPU times of threads, in any order."""
        self._sensed.add_cpu(cpu, self._now_ns())

    def add_rank(self, process: RankProcess) -> None:
        """Add which rank a process is; the last word on a process counts."""
        self._ranks[process.pid] = process
        self._set("ranks", ranks_json(self._ranks.values()))

    def add_stages(self, stages: Sequence[LocalStage]) -> None:
        """Add lane-relative stages; a row of an index seen before replaces it."""
        self._stages += stages

    def add_lanes(self, lanes: Sequence[LaneRow]) -> None:
        """Add lanes; a row of an index seen before replaces it."""
        self._lanes += lanes

    def add_origins(self, origins: Sequence[LaneOrigin]) -> None:
        """Add origins of lanes; the first of a lane counts."""
        self._origins += origins

    def add_spans(self, spans: SpanChunk) -> None:
        """Add spans; their stages and lanes have been added before."""
        self._spans.add(spans, self._now_ns())

    def set_open(self, spans: SpanChunk) -> None:
        """State which spans are open at the next `commit`, cut off at that instant; after it, none is."""
        self._set("open", open_json(spans))
        self._held_until_ns = self._now_ns() + HELD_NS

    def add_lane_runs(self, runs: LaneRuns) -> None:
        """Add stretches in which coroutine lanes ran."""
        self._runs.add(runs, self._now_ns())

    def set_stacks(self, mode: str) -> None:
        """State how functions are sampled: `on`, or by itself: `whole`, or `auto`, which counts without stages only."""
        self._set("stacks", mode)

    def add_functions(self, functions: Sequence[Function]) -> None:
        """Add functions, counted on from those added before."""
        self._stacks.add_functions(functions)

    def add_stack_nodes(self, nodes: StackNodes) -> None:
        """Add calls of functions, counted on from those added before."""
        self._stacks.add_nodes(nodes)

    def add_samples(self, samples: Samples) -> None:
        """Add samples of stacks."""
        self._stacks.add_samples(samples, self._now_ns())

    def count_from_here(self) -> None:
        """Take note that all spans added from now on are among the calls of tallies."""
        self._pack_recording()
        self._spans_part = 1

    def size_bytes(self) -> int:
        """Return how large the file is, with what waits to be stored, as far as it can be told before it is packed."""
        buffered = len(self._spans) + len(self._runs)
        return self._pages * PAGE_BYTES + self._waiting.size_bytes() + buffered * _ROW_BYTES

    def keep_progress(self, progress: Callable[[], Progress]) -> None:
        """Have `progress()` stored together with all that came out of spools so far; it is asked once, just then."""
        if self._progress is None:
            self._moved_ns = self._now_ns()
        self._progress = progress

    def commit(self, force: bool = False) -> bool:
        """Store what makes full chunks or has waited long enough; with `force` everything.

        Returns True if everything that came out of spools is stored now, so that those may be deleted. Raises
        CaptureError where the disk refuses; nothing is lost by that, the next call tries again.
        """
        now_ns = self._now_ns()
        if not force and now_ns < self._held_until_ns:
            return False
        age_ns, readings_age_ns = self._age_ns(now_ns, AGE_NS), self._age_ns(now_ns, self.readings_age_ns)
        moved = self._progress is not None and now_ns - self._moved_ns >= age_ns
        spooled = (self._spans, self._runs, self._stacks)
        if force or moved or any(part.is_due(now_ns, age_ns) for part in spooled):
            self._pack_recording()
        for kind, packed, part in self._sensed.take_due(now_ns, readings_age_ns, force):
            self._waiting.add(kind, packed, part)
        is_new = not self._has_facts and bool(self._changed)
        if self._waiting or self._state or self._tallies or is_new or force:
            with answered(self.path):
                self._store()
        waiting = (*spooled, self._stages, self._lanes, self._origins)
        return self._progress is None and not any(len(part) for part in waiting)

    def _age_ns(self, now_ns: int, age_ns: int) -> int:
        """Return how long small pieces wait now: while the file is young no longer than half of its own age.

        So a kill costs at most half of a short run, for six commits more than the steady rhythm has.
        """
        return min(age_ns, (now_ns - self._began_ns) // 2)

    def finish(self) -> None:
        """Store everything, mark the file finished, close it; a second call does nothing."""
        if self._db is None:
            return
        self.commit(force=True)
        if self._waiting.rows_left_out:
            self.warn(
                f"{self._waiting.rows_left_out:,} rows found no room below the bound of the file and were left out; "
                "raise --max-size"
            )
        self._set("finished", {"chunks": self._waiting.stored})
        with answered(self.path):
            self._store()
            self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()
        self._db = None

    def move(self, path: Path) -> None:
        """Go on in a new file with all that is stored and waits, where the present one takes no more, and leave that.

        Raises CaptureError if the new one cannot be written either; then it stands where it stood.
        """
        if self._db is None:
            raise ValueError(f"{self.path} is finished")
        db = continued(self._db, path)
        with suppress(sqlite3.Error):  # what SQLite would tidy up on a disk that is full
            self._db.close()
        self.path, self._db = path, db

    def _set(self, name: str, value: object) -> None:
        self._facts[name] = value
        self._changed[name] = None

    def _pack_recording(self) -> None:
        """Pack all that came out of spools; spans never before the stages and lanes they refer to."""
        if self._stages:
            self._waiting.add(ChunkKind.STAGES, [(len(self._stages), pack_stages(self._stages))])
        if self._lanes:
            self._waiting.add(ChunkKind.LANES, [(len(self._lanes), pack_lanes(self._lanes))])
        if self._origins:
            self._waiting.add(ChunkKind.ORIGINS, [(len(self._origins), pack_origins(self._origins))])
        self._stages, self._lanes, self._origins = [], [], []
        self._waiting.add(ChunkKind.SPANS, self._spans.take(), self._spans_part)
        self._waiting.add(ChunkKind.LANE_RUNS, self._runs.take())
        self._waiting.extend(self._stacks.take())
        if self._progress is not None:
            progress = self._progress()
            self._state.update(progress.state)
            self._announced += progress.announced
            self._tallies.update(progress.tallies)
            self._forgotten += progress.forgotten
            self._progress = None

    def _store(self) -> None:
        """Store chunks and changed facts in one transaction."""
        db = self._db
        if db is None:
            raise ValueError(f"{self.path} is finished")
        rows = self._waiting.rows(self._pages * PAGE_BYTES, self.size_bytes())
        facts = [(name, to_ascii(self._facts[name])) for name in self._changed]
        with db:
            db.executemany("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.executemany(
                "INSERT OR REPLACE INTO fact VALUES (?, ?, ?)",
                [(name, named_crc(name, 0, value), value) for name, value in facts],
            )
            store_tallies(db, self._tallies)
            if "finished" in self._changed:
                forget_progress(db)
            else:
                store_progress(db, self._state, self._announced)
                drop_progress(db, self._forgotten)
        self._has_facts = True
        self._waiting.has_stored()
        self._announced, self._forgotten = [], []
        self._changed, self._state, self._tallies = {}, {}, {}
        self._count_pages(db)
        if self._facts.get("open"):
            self._set("open", [])  # by the next time they may have ended

    def _count_pages(self, db: sqlite3.Connection) -> None:
        """See how large the file is; on a disk that is full even that may fail, and the last figure stands."""
        with suppress(sqlite3.Error):
            (self._pages,) = db.execute("PRAGMA page_count").fetchone()


def _spans_in_order(spans: SpanChunk) -> SpanChunk:
    return picked(spans, np.lexsort((spans.depth, spans.start_ns, spans.lane)))
