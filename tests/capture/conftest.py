"""A small capture with something of everything, as a fixture and as a way to make variants of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from energyprof.capture import CaptureWriter
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, ThreadCpu
from energyprof.model.recording import LaneOrigin, LaneRow, LocalStage, SpanChunk
from energyprof.model.span import LaneRuns
from energyprof.model.trace import RecorderFacts, RunFacts

RUN = RunFacts(("python", "x.py"), 1_700_000_000_000_000_000, 5, 1000, -9, "host", 2, {"energyprof": "0.1.0"})
RECORDER = RecorderFacts(0.25, 0.5, 0.125, 100, 1, 5, 3)
CPU_DOMAIN = Domain(DomainId("cpu"), "load_model (x)", "model", "energy", 1e-6, "cpu", gain_error=(0.3, 0.4))
GPU_DOMAIN = Domain(DomainId("gpu:0"), "nvml", "sensor", "power", 0.001, "device", wrap=2**32, lag_ns=(1, 9))


def spans_of(*rows: tuple[int, int, int, int, int]) -> SpanChunk:
    """Make spans of (stage, lane, start, end, depth)."""
    table = np.array(rows, np.int64).reshape(-1, 5)
    narrow = [table[:, at].astype(np.int32) for at in (0, 1, 4)]
    open_ = np.zeros(len(table), np.bool_)
    return SpanChunk(narrow[0], narrow[1], table[:, 2].copy(), table[:, 3].copy(), narrow[2], open_)


def readings_of(*rows: tuple[int, int, int, int]) -> Readings:
    """Make readings of (before, after, raw, status)."""
    table = np.array(rows, np.int64).reshape(-1, 4)
    return Readings(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), table[:, 3].astype(np.uint8))


def fill(writer: CaptureWriter) -> None:
    """Write a run: a main thread, a thread it started inside a stage, a task, two domains."""
    writer.set_run(RUN)
    writer.set_recorder(RECORDER)
    writer.add_domains([CPU_DOMAIN, GPU_DOMAIN])
    writer.add_stages(
        [
            LocalStage(0, -1, "train", "stage", "x.py", 3),
            LocalStage(1, 0, "forward", "function"),
            LocalStage(2, -1, "load", "loader", after=("forward",)),
        ]
    )
    writer.add_lanes([LaneRow(0, 7, 1, 7, 0, "main"), LaneRow(1, 7, 2, 8, 0, "worker"), LaneRow(2, 7, 3, 0, 1, "task")])
    writer.add_origins([LaneOrigin(1, 0, 0, 15), LaneOrigin(2, 1, 2, 45)])
    writer.add_spans(spans_of((1, 0, 20, 30, 1), (1, 0, 40, 50, 1)))
    writer.add_spans(spans_of((0, 0, 10, 60, 0), (2, 1, 20, 50, 0), (2, 2, 46, 49, 0)))
    writer.add_lane_runs(LaneRuns(np.array([2], np.int32), np.array([46]), np.array([48])))
    writer.add_readings({CPU_DOMAIN.id: readings_of((10, 12, 500, 0), (20, 23, 900, 0), (30, 31, 0, 3))})
    writer.add_readings({GPU_DOMAIN.id: readings_of((11, 11, -4, 0))})
    cpu = np.array([[7, 8, 12, 5], [7, 0, 12, 9], [7, 8, 10, 4]])
    writer.add_cpu(ThreadCpu(cpu[:, 0].astype(np.int32), cpu[:, 1].astype(np.int32), cpu[:, 2], cpu[:, 3]))
    writer.warn("something was odd")


@pytest.fixture(scope="session")
def finished_capture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a finished capture."""
    path = tmp_path_factory.mktemp("capture") / "run.eprof"
    writer = CaptureWriter(path)
    fill(writer)
    writer.finish()
    return path.read_bytes()


@pytest.fixture
def capture(tmp_path: Path, finished_capture: bytes) -> Path:
    """A finished capture of one's own, alone in its folder."""
    path = tmp_path / "run.eprof"
    path.write_bytes(finished_capture)
    return path


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Callable[[CaptureWriter], None]], Path]:
    """Write a capture with a function of your own."""

    def written(by: Callable[[CaptureWriter], None]) -> Path:
        path = tmp_path / "made.eprof"
        writer = CaptureWriter(path)
        by(writer)
        writer.finish()
        return path

    return written
