"""How long it takes from a finished recording of a large run to its report in the terminal, files and all.

Run it by hand (`python tests/benchmarks/bench_report.py`); it ends with 1 where a figure misses its bound. Wall time of
the command itself, from the start of its interpreter to its end, with the file in the system's cache and the modules
compiled, as an installation leaves them; the best of several repetitions is least disturbed, and the median is said
beside it. Where a fit is included, the stored one is deleted before each repetition.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from bench_attribution import large_trace

from energyprof.capture.writer import CaptureWriter
from energyprof.model.recording import LaneRow, LocalStage, SpanChunk
from energyprof.model.span import LANE_KINDS
from energyprof.model.trace import Trace

CHUNK = 100_000
PAGE = ["--format", "html"]


def rows() -> list[tuple[str, float, str, float]]:
    """Return (what, figure, unit, upper bound)."""
    report, anew, stored = spent_s([]), spent_s(PAGE), spent_s(PAGE, is_stored=True)
    return [
        ("energyprof report, fit included, 1e6 spans x 1e5 readings", min(report), "s", 3.0),
        ("energyprof report --format html, fit included, the same run", min(anew), "s", 5.0),
        ("the same, median", statistics.median(anew), "s", 5.0),
        ("energyprof report --format html, fit stored, the same run", min(stored), "s", 5.0),
    ]


def spent_s(options: list[str], *, is_stored: bool = False, repetitions: int = 5) -> list[float]:
    """Return the times of `energyprof report`: start, read, attribute, store, build graph and report, render."""
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "large.eprof", Path(folder) / "report"
        write_capture(path, large_trace())
        command = [sys.executable, "-m", "energyprof", "report", str(path), *options, "-o", str(output)]
        compiled = {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(Path(folder) / "compiled"),
        }
        spent = []
        for _ in range(1 + repetitions):
            if not is_stored:
                forget_fit(path)
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=os.environ | compiled)
            spent.append(time.perf_counter() - began)
        said = output.read_text(encoding="utf-8")
        if "leaf" not in said:
            raise AssertionError(f"that is no report of the run:\n{said}")
        return spent[1:]  # the first compiles, and fits what is then stored


def forget_fit(path: Path) -> None:
    """Take the stored results out of a recording."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM result")


def write_capture(path: Path, trace: Trace) -> None:
    """Store a trace as the collector does, in chunks."""
    writer = CaptureWriter(path)
    writer.set_run(trace.run)
    writer.set_recorder(trace.recorder)
    writer.add_domains(trace.domains)
    writer.add_stages(
        [
            LocalStage(index, -1 if stage.parent is None else stage.parent, stage.name, stage.kind)
            for index, stage in enumerate(trace.stages)
        ]
    )
    lanes = trace.lanes
    writer.add_lanes(
        [LaneRow(at, int(lanes.pid[at]), int(lanes.number[at]), int(lanes.tid[at]), LANE_KINDS.index("thread"), "")
         for at in range(len(lanes))]
    )  # fmt: skip
    spans = trace.spans
    depth = (spans.parent >= 0).astype(np.int32)
    for at in range(0, len(spans), CHUNK):
        here = slice(at, at + CHUNK)
        columns = (spans.stage, spans.lane, spans.start_ns, spans.end_ns, depth, spans.is_open)
        writer.add_spans(SpanChunk(*(column[here] for column in columns)))
        writer.commit(force=True)
    writer.add_readings(trace.readings)
    writer.add_cpu(trace.cpu)
    writer.finish()


if __name__ == "__main__":
    missed = 0
    for what, figure, unit, bound in rows():
        missed += figure > bound
        print(f"{what:62} {figure:8.3g} {unit:8} at most {bound:g}{'' if figure <= bound else '  MISSED'}")
    sys.exit(1 if missed else 0)
