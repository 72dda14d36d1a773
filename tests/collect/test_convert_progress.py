"""A collector killed at any moment: another one goes on from what was stored, no span twice and none lost."""

from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from energyprof.capture import CaptureWriter, read_trace
from energyprof.capture.progress import read_stored
from energyprof.collect.convert import Converter
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.model.events import LANE, SPAWN, work_code
from energyprof.model.spool import END, EVENTS, FACTS, HEAD, LANES, LOSS, NAMES, pack_frame, pack_json
from energyprof.model.trace import RunFacts, Trace

END_NS = 10**9
NAMES_OF = ["train", "step", "load", "score"]


def events(lane: int, *pairs: tuple[int, int]) -> bytes:
    return pack_frame(EVENTS, lane, b"".join(struct.pack("<qq", *pair) for pair in pairs))


def frames_of(rng: random.Random) -> list[bytes]:
    """Return the frames of a process with two threads, a task that wanders, and stages open across many frames."""
    t_ns = 100
    frames = [
        pack_json(NAMES, [{"code": code, "name": name} for code, name in enumerate(NAMES_OF[:2], 1)]),
        pack_json(LANES, [{"lane": 1, "tid": 7, "kind": "thread", "name": "Main"}]),
        events(1, (1, t_ns), (SPAWN + 2, t_ns + 1), (SPAWN + 3, t_ns + 2)),
    ]
    for round_ in range(30):
        if round_ == 10:  # announced long after the first segments are gone
            frames.append(pack_json(NAMES, [{"code": 3, "name": "load"}, {"code": 4, "name": "score"}]))
        lane = rng.choice((1, 2))
        rows = []
        for _ in range(rng.randint(1, 4)):
            t_ns += rng.randint(1, 50)
            code = rng.choice((2, 3, 4) if round_ > 10 else (2,))
            guest = rng.random() < 0.3
            if guest:
                rows.append((LANE + 3, t_ns))
            rows += [(code, t_ns + 1), (-code, t_ns + 9)] if rng.random() < 0.8 else [(code, t_ns + 3)]
            if rng.random() < 0.3:
                rows.append((work_code("tokens", rng.randint(1, 9)), t_ns + 9))
            t_ns += 10
            if guest and rng.random() < 0.5:
                rows.append((LANE, t_ns))
        frames.append(events(lane, *rows))
    frames.append(pack_json(LOSS, {"dropped": 3, "reason": "full"}))
    frames.append(pack_json(FACTS, {"recorder_ns": 5_000_000, "events": 100, "warnings": ["said once"]}))
    return frames


def write_spools(folder: Path, seed: int) -> list[tuple[Path, list[bytes]]]:
    """Return the segments of three processes, not written yet, in the order in which they come to be."""
    rng = random.Random(seed)
    segments = []
    for pid in (7, 8, 9):
        frames = frames_of(rng) + ([pack_frame(END, 0, struct.pack("<q", 900_000))] if pid == 8 else [])
        parent = {"parent_spool": "7-1", "parent_lane": 2} if pid == 9 else {}
        for number, at in enumerate(range(0, len(frames), 6)):
            head = {"pid": pid, "spool": f"{pid}-1", "segment": number, "monotonic_ns": 50, "perf_counter_ns": 0}
            path = folder / f"{pid}-1.{number:06}.spool"
            segments.append((path, [pack_json(HEAD, {**head, **parent}), *frames[at : at + 6]]))
    return sorted(segments, key=lambda segment: segment[0].name.split(".")[1])


def rows_of(trace: Trace) -> dict[str, Any]:
    """Return what two conversions of the same spools must agree on."""
    spans = trace.spans
    columns = (spans.lane, spans.start_ns, spans.end_ns, spans.parent, spans.is_open)
    stages = [trace.stages[stage].id for stage in spans.stage.tolist()]
    runs = trace.lane_runs
    return {
        "stages": [stage.id for stage in trace.stages],
        "work": {stage.id: dict(stage.facts) for stage in trace.stages},
        "spans": list(zip(stages, *(column.tolist() for column in columns), strict=True)),
        "runs": list(zip(runs.lane.tolist(), runs.start_ns.tolist(), runs.end_ns.tolist(), strict=True)),
        "lanes": list(
            zip(trace.lanes.pid.tolist(), trace.lanes.number.tolist(), trace.lanes.parent.tolist(), strict=True)
        ),
        "recorder": (trace.recorder.spans, trace.recorder.dropped, trace.recorder.recorder_s),
        "warnings": trace.warnings,
    }


class Collector:
    """Writer and converter as the collector has them, begun or gone on with."""

    def __init__(self, folder: Path) -> None:
        path = folder / "run.eprof"
        stored = read_stored(path) if path.exists() else None
        self.writer = CaptureWriter(path, goes_on=stored is not None)
        self.writer.set_run(RunFacts(("x",), 0, 0, END_NS, 0))
        self.converter = Converter(SpoolWatcher(folder / "spool", bytes_per_step=200), self.writer)
        if stored is not None:
            self.converter.go_on(stored.stages, stored.lanes, stored.progress)

    def store(self) -> None:
        if self.writer.commit(force=True):
            self.converter.release()

    def finish(self) -> None:
        self.converter.finish(END_NS)
        self.writer.set_recorder(self.converter.recorder_facts())
        self.writer.finish()
        self.converter.release()

    def die(self) -> None:
        """Leave as a kill does: what was not stored is gone."""
        assert self.writer._db is not None
        self.writer._db.close()


def record(folder: Path, seed: int, chance_of_death: float) -> dict[str, Any]:
    """Convert spools that grow meanwhile, the collector dying now and then; return the finished trace's rows."""
    (folder / "spool").mkdir(parents=True)
    rng = random.Random(seed + 1000)
    collector = Collector(folder)
    for path, frames in write_spools(folder / "spool", seed):
        for frame in frames:
            with path.open("ab") as file:
                file.write(frame)
            for _ in range(rng.randint(0, 2)):
                collector.converter.step()
            if rng.random() < 0.3:
                collector.store()
            if rng.random() < chance_of_death:
                collector.die()
                collector = Collector(folder)
    collector.finish()
    assert list((folder / "spool").iterdir()) == []
    found = rows_of(read_trace(folder / "run.eprof"))
    shutil.rmtree(folder)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_whoever_goes_on_gets_what_an_undisturbed_collector_gets(tmp_path: Path, seed: int) -> None:
    undisturbed = record(tmp_path / "a", seed, 0.0)

    disturbed = record(tmp_path / "b", seed, 0.15)

    # Pieces read in another order number lanes and stages in another order; their rows are the same.
    assert len(undisturbed["spans"]) > 60
    assert canonical(disturbed) == canonical(undisturbed)


def canonical(rows: dict[str, Any]) -> dict[str, Any]:
    """Return the rows with lanes named by process and number."""
    lanes = [(pid, number) for pid, number, _ in rows["lanes"]]
    return {
        **rows,
        "spans": sorted((stage, lanes[lane], *rest[:2], rest[3]) for stage, lane, *rest in rows["spans"]),
        "runs": sorted((lanes[lane], *rest) for lane, *rest in rows["runs"]),
        "lanes": sorted((*lanes[at], lanes[up] if up >= 0 else None) for at, (*_, up) in enumerate(rows["lanes"])),
        "warnings": sorted(rows["warnings"]),
    }


def test_a_finished_file_holds_nothing_to_go_on_with(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    for path, frames in write_spools(tmp_path / "spool", 1):
        path.write_bytes(b"".join(frames))
    collector = Collector(tmp_path)

    collector.finish()

    stored = read_stored(tmp_path / "run.eprof")
    assert stored.finished
    assert (stored.progress.state, stored.progress.announced) == ({}, ())


def test_segments_stay_until_what_they_began_is_stored(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    begin = pack_json(HEAD, {"pid": 7, "spool": "7-1", "segment": 0, "monotonic_ns": 0, "perf_counter_ns": 0})
    begin += pack_json(NAMES, [{"code": 1, "name": "a"}]) + events(1, (1, 5))
    (tmp_path / "spool" / "7-1.000000.spool").write_bytes(begin)
    (tmp_path / "spool" / "7-1.000001.spool").write_bytes(begin[:0])
    collector = Collector(tmp_path)
    while collector.converter.step():
        pass

    stored_at_once = collector.writer.commit()  # too young to be worth a chunk

    assert not stored_at_once
    assert collector.writer.commit(force=True)
