"""A day of a busy service in some minutes: how the collector's memory and the file grow, and what counting costs.

The day is made up: a server that answers requests in tasks, threads and child processes which are born and die, its
spools written segment by segment and converted at once, a sensor and a CPU clock read 20 times a second. Time is that
of the events, so that a simulated hour takes seconds. Growth is that of `tracemalloc`'s traced memory from the end of
the first quarter to the end of the last.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from energyprof.capture.writer import CaptureWriter
from energyprof.collect.bursts import Bursts, lane_limit
from energyprof.collect.convert import Converter
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.collect.thinning import Thinning
from energyprof.model.domain import Domain
from energyprof.model.events import LANE, SPAWN
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, ThreadCpu
from energyprof.model.spool import END, EVENTS, HEAD, LANES, NAMES, pack_frame, pack_json
from energyprof.model.trace import RunFacts

S = 1_000_000_000
HOURS = 24.0
STEP_S = 60
LIMIT = 4 << 20
TASKS_PER_STEP = 20
SPANS_PER_TASK = 3
NAMES_OF = [{"code": code, "name": name, "kind": "stage"} for code, name in enumerate(("serve", "task", "read"), 1)]


class Day:
    """The server, step by step."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT) -> None:
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.segment = 0
        self.lane = 10
        self.children = 0
        self.spans = 0
        self.clock = [0]
        self.now_ns = S
        self.writer = CaptureWriter(folder / "day.eprof", lambda: self.clock[0], limit_bytes=limit_bytes)
        self.bursts = Bursts(limit_bytes, self.writer.size_bytes, seed=1)
        self.domain = Domain(DomainId("gpu:0"), "made up", "sensor", "energy", 1e-3, "device", period_ns=50_000_000)
        self.writer.add_domains([self.domain])
        self.thinning = Thinning(self.bursts)
        self.converter = Converter(
            SpoolWatcher(self.spool),
            self.writer,
            now_ns=lambda: self.now_ns,
            bursts=self.bursts,
            lane_limit=lane_limit(limit_bytes),
        )

    def step(self) -> None:
        """Let STEP_S seconds go by."""
        content = b""
        if not self.segment:
            content = self._head("7-1", 7) + pack_json(LANES, [{"lane": 1, "tid": 7, "kind": "thread", "name": "main"}])
        first, events = self.lane, [(1, self.now_ns)]
        for _ in range(TASKS_PER_STEP):
            events += self._task(self.lane)
            self.lane += 1
        numbers = list(range(first, self.lane))
        content += pack_json(LANES, [{"kind": "task", "lanes": numbers, "names": [f"Task-{n}" for n in numbers]}])
        thread, self.lane = self.lane, self.lane + 1
        child, self.lane = self.lane, self.lane + 1
        events += [(SPAWN + thread, self.now_ns), (SPAWN + child, self.now_ns + 1)]
        content += pack_json(LANES, [{"lane": thread, "tid": thread, "kind": "thread", "name": "worker"}])
        at = self.now_ns
        self.now_ns += S // 10
        events.append((-1, self.now_ns))
        content += pack_frame(EVENTS, 1, _packed(events))
        content += pack_frame(EVENTS, thread, _packed([(2, at + 10), (-2, at + S // 20)]))
        self.spans += 2
        self._write(f"7-1.{self.segment:06d}.spool", content)
        self.segment += 1
        self._child(child)
        self.now_ns += STEP_S * S - S // 10
        self._collect(at)

    def _task(self, number: int) -> list[tuple[int, int]]:
        events = [(SPAWN + number, self.now_ns), (LANE + number, self.now_ns + 100), (2, self.now_ns + 200)]
        for at in range(SPANS_PER_TASK):
            events += [(3, self.now_ns + 300 + at * 10_000_000), (-3, self.now_ns + 5_000_300 + at * 10_000_000)]
        self.now_ns += 40_000_000
        self.spans += 1 + SPANS_PER_TASK
        return [*events, (-2, self.now_ns), (LANE, self.now_ns + 100)]

    def _child(self, lane: int) -> None:
        self.children += 1
        pid, spool = 1000 + self.children, f"{1000 + self.children}-{self.now_ns}"
        content = self._head(spool, pid, parent_spool="7-1", parent_lane=lane)
        content += pack_json(LANES, [{"lane": 1, "tid": pid, "kind": "thread", "name": "main"}])
        content += pack_frame(EVENTS, 1, _packed([(2, self.now_ns), (-2, self.now_ns + S // 10)]))
        self.spans += 1
        self._write(f"{spool}.000000.spool", content + pack_frame(END, 0, struct.pack("<q", self.now_ns + S // 5)))

    def _head(self, spool: str, pid: int, **more: object) -> bytes:
        head = {"pid": pid, "spool": spool, "segment": 0, "monotonic_ns": 0, "perf_counter_ns": 0, **more}
        return pack_json(HEAD, head) + pack_json(NAMES, NAMES_OF)

    def _write(self, name: str, content: bytes) -> None:
        (self.spool / name).write_bytes(content)

    def finish(self) -> Path:
        """End the day; return the recording."""
        self.converter.finish(self.now_ns)
        self.writer.set_run(RunFacts(("day",), 0, 0, self.now_ns, 0))
        self.writer.set_recorder(self.converter.recorder_facts())
        self.writer.finish()
        return self.writer.path

    def _collect(self, since_ns: int) -> None:
        self.clock[0] = self.now_ns
        t_ns = np.arange(since_ns, self.now_ns, S // 20)
        readings = {self.domain.id: Readings(t_ns, t_ns, t_ns // 100_000, np.zeros(len(t_ns), np.uint8))}
        ids = np.full(len(t_ns), 7, np.int32)
        cpu = ThreadCpu(ids, ids, t_ns, t_ns // 3)
        self.bursts.look(self.now_ns)
        if self.bursts.is_counting:
            self.writer.readings_age_ns = self.bursts.period_ns
            readings, sums = self.thinning.readings({self.domain.id: self.domain}, readings)
            cpu = self.thinning.cpu(cpu)
            self.writer.add_power_sums(sums)
        self.writer.add_readings(readings)
        self.writer.add_cpu(cpu)
        while self.converter.step():
            pass
        self.converter.count_until(self.now_ns - 2 * S)
        if self.writer.commit():
            self.converter.release()


def simulated(hours: float) -> tuple[list[int], list[int], Day, tempfile.TemporaryDirectory[str]]:
    """Return traced bytes and file bytes at the end of each quarter of the day."""
    folder = tempfile.TemporaryDirectory()
    day = Day(Path(folder.name))
    steps = round(hours * 3600 / STEP_S)
    traced, size = [], []
    tracemalloc.start()
    for step in range(1, steps + 1):
        day.step()
        if step * 4 % steps < 4:
            traced.append(tracemalloc.get_traced_memory()[0])
            size.append(day.writer.path.stat().st_size)
    tracemalloc.stop()
    return traced, size, day, folder


def _packed(events: list[tuple[int, int]]) -> bytes:
    return np.array(events, "<i8").tobytes()


def _cost_us(spans: int, is_counted: bool) -> float:
    code = np.tile(np.array([1, 2, -2, 3, -3, -1], np.int64), spans // 3)
    events = np.stack((code, S + np.arange(len(code)) * 700), axis=1)
    content = pack_json(HEAD, {"pid": 7, "spool": "7-1", "segment": 0, "monotonic_ns": 0, "perf_counter_ns": 0})
    content += pack_json(NAMES, NAMES_OF) + pack_json(LANES, [{"lane": 1, "tid": 7, "kind": "thread", "name": "t"}])
    for at in range(0, len(events), 10_000):
        content += pack_frame(EVENTS, 1, events[at : at + 10_000].astype("<i8").tobytes())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "7-1.000000.spool").write_bytes(content)
        writer = CaptureWriter(Path(folder) / "x.eprof")
        bursts = Bursts(1 << 30, lambda: 1 << 30 if is_counted else 0, seed=0)
        bursts.saw(1)
        converter = Converter(SpoolWatcher(Path(folder)), writer, bursts=bursts)
        began_s = time.process_time()
        while converter.step():
            writer.commit()
        converter.finish(int(events[-1, 1]) + 1)
        writer.set_run(RunFacts((), 0, 0, int(events[-1, 1]) + 1, 0))
        writer.finish()
        return (time.process_time() - began_s) / spans * 1e6


def rows() -> list[tuple[str, float, str, float]]:
    """Return the figures of `make bench`."""
    traced, size, day, folder = simulated(HOURS)
    with folder:
        return [
            ("spans of a simulated day", day.spans, "", float("inf")),
            ("collector memory, first quarter", traced[0] / 1e6, "MB", 64),
            ("its growth until the end of the day", (traced[-1] - traced[0]) / 1e6, "MB", 2.0),
            ("file of the day, bound 4.19 MB", max(size) / 1e6, "MB", LIMIT / 1e6),
            ("counting a span, stored none", min(_cost_us(300_000, True) for _ in range(3)), "us", 1.5),
            ("storing a span", min(_cost_us(300_000, False) for _ in range(3)), "us", 1.5),
        ]


if __name__ == "__main__":
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else HOURS
    traced, size, day, folder = simulated(hours)
    print(traced, size, day.spans, day.bursts.period_ns / 1e9)
    folder.cleanup()
