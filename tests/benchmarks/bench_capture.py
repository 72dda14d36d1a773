"""What a span costs: microseconds to convert it from the spool, bytes in the capture, seconds to load a million.
Times are CPU times, and the least of a few rounds: other programs on the machine hardly change them.

The recording is made up but noisy as real ones are: 51 stages in four threads, a step of load, forward (11 blocks of 3
operations), backward and optimizer, run again and again. Durations are lognormal (a stage's median between about 10 us
and 0.5 ms, spread 25 %), gaps between events lognormal around 1.5 us, so that every time has its own low bits.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from energyprof.capture import CaptureWriter, read_trace
from energyprof.collect.convert import Converter
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings
from energyprof.model.spool import EVENTS, HEAD, LANES, NAMES, pack_frame, pack_json
from energyprof.model.trace import RunFacts

SPANS = 1_000_000
THREADS = 4
EVENTS_PER_FRAME = 10_000
ROUNDS = 3


def step_of_codes() -> np.ndarray:
    """Return the codes of one step of the pipeline: 51 stages, each begun and ended once."""
    codes = [1, 2, -2, 3]
    code = 6
    for _ in range(11):
        block, code = code, code + 1
        codes.append(block)
        for _ in range(3):
            codes += [code, -code]
            code += 1
        codes.append(-block)
    codes += [-3, 4, -4, 5]
    for leaf in range(code, 52):
        codes += [leaf, -leaf]
    return np.array([*codes, -5, -1], np.int64)


def thread_events(spans: int, rng: np.random.Generator) -> np.ndarray:
    """Return (code, t_ns) rows of one thread."""
    step = step_of_codes()
    code = np.tile(step, spans // (len(step) // 2) + 1)
    is_leaf = np.append(False, code[1:] == -code[:-1])
    median_ns = rng.lognormal(np.log(60e3), 1.0, 52)
    run_ns = median_ns[np.abs(code)] * rng.lognormal(0, 0.25, len(code))
    gap_ns = rng.lognormal(np.log(1500), 0.4, len(code))
    t_ns = 10**12 + np.cumsum(np.where(is_leaf, run_ns, gap_ns).astype(np.int64) + 60)
    return np.stack((code, t_ns), axis=1)


def write_spool(folder: Path, spans: int, seed: int = 1) -> None:
    """Write the spool of one process, frames of all threads in order of time."""
    rng = np.random.default_rng(seed)
    frames = []
    for lane in range(1, THREADS + 1):
        events = thread_events(spans // THREADS, rng)
        for at in range(0, len(events), EVENTS_PER_FRAME):
            part = events[at : at + EVENTS_PER_FRAME]
            frames.append((int(part[0, 1]), pack_frame(EVENTS, lane, part.tobytes())))
    head = {"pid": 7, "spool": "7-1", "segment": 0, "monotonic_ns": 5, "perf_counter_ns": 0}
    names = [{"code": code, "name": f"stage {code}", "kind": "stage"} for code in range(1, 52)]
    lanes = [{"lane": lane, "tid": 6 + lane, "kind": "thread", "name": ""} for lane in range(1, THREADS + 1)]
    start = pack_json(HEAD, head) + pack_json(NAMES, names) + pack_json(LANES, lanes)
    (folder / "7-1.000000.spool").write_bytes(start + b"".join(frame for _, frame in sorted(frames)))


def noisy_readings(count: int, seed: int = 2) -> Readings:
    """Return readings as a sampler at 100 Hz makes them: jittered poll times, a counter in microjoules."""
    rng = np.random.default_rng(seed)
    before_ns = 10**12 + np.arange(count) * 10_000_000 + rng.lognormal(np.log(60e3), 0.8, count).astype(np.int64)
    after_ns = before_ns + rng.lognormal(np.log(40e3), 0.5, count).astype(np.int64)
    raw = np.cumsum(rng.normal(400_000, 90_000, count).clip(0)).astype(np.int64)
    return Readings(before_ns, after_ns, raw, np.zeros(count, np.uint8))


class Counted:
    """A sink that only counts spans."""

    spans = 0

    def add_spans(self, spans: object) -> None:
        self.spans += len(spans)  # type: ignore[arg-type]  # a SpanChunk

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def convert_s(folder: Path) -> float:
    """Return the CPU seconds to convert the spool, nothing stored."""
    began_s = time.process_time()
    Converter(SpoolWatcher(folder), Counted()).finish(10**15)
    return time.process_time() - began_s


def capture(folder: Path, path: Path) -> float:
    """Convert the spool into a capture; return the CPU seconds."""
    began_s = time.process_time()
    writer = CaptureWriter(path)
    writer.set_run(RunFacts(("bench",), 0, 10**12, 10**15, 0))
    converter = Converter(SpoolWatcher(folder), writer)
    while converter.step():
        writer.commit()
    converter.finish(10**15)
    writer.finish()
    return time.process_time() - began_s


def load_s(path: Path) -> float:
    """Return the CPU seconds to read the whole trace."""
    began_s = time.process_time()
    read_trace(path)
    return time.process_time() - began_s


def bytes_per_reading(folder: Path) -> float:
    """Return what a reading adds to a capture."""
    sizes = []
    for count in (1, 36_000):
        path = folder / f"readings-{count}.eprof"
        writer = CaptureWriter(path)
        writer.set_run(RunFacts((), 0, 0, 1, 0))
        writer.add_domains([Domain(DomainId("cpu"), "x", "sensor", "energy", 1e-6, "cpu")])
        readings = noisy_readings(count)
        for at in range(0, count, 400):  # four seconds' worth, as a commit finds them
            columns = (readings.t_before_ns, readings.t_after_ns, readings.raw, readings.status)
            writer.add_readings({DomainId("cpu"): Readings(*(column[at : at + 400] for column in columns))})
            writer.commit(force=True)
        writer.finish()
        sizes.append(path.stat().st_size)
    return (sizes[1] - sizes[0]) / 36_000


def rows() -> list[tuple[str, float, str, float]]:
    """Return (what, figure, unit, upper bound)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_spool(folder, SPANS)
        path = folder / "bench.eprof"
        stored_s = capture(folder, path)
        return [
            ("capture: bytes per span, whole file", path.stat().st_size / SPANS, "B", 6.0),
            ("capture: bytes per reading at 100 Hz", bytes_per_reading(folder), "B", 10.0),
            ("convert: spool to columns", min(convert_s(folder) for _ in range(ROUNDS)), "us/span", 1.0),
            ("convert and store", stored_s, "us/span", 1.5),
            ("capture: load 1,000,000 spans", min(load_s(path) for _ in range(ROUNDS)), "s", 0.5),
        ]


def main() -> int:
    """Print the figures; return 1 if a bound is missed."""
    figures = rows()
    for what, figure, unit, bound in figures:
        print(f"{what:40} {figure:8.3f} {unit:8} (at most {bound})")
    return int(any(figure > bound for _, figure, _, bound in figures))


if __name__ == "__main__":
    sys.exit(main())
