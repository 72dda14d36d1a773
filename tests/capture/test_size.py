"""A capture is small: at most 6 bytes a span where every time has noise of its own, whatever the pace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energyprof.capture import CaptureWriter, read_trace
from energyprof.model.recording import LaneRow, LocalStage, SpanChunk
from energyprof.model.trace import RunFacts

STAGES = 51
LANES = 4
LEAVES = 10


def noisy_steps(spans: int, seed: int) -> list[SpanChunk]:
    """Return steps of ten leaves each, lane by lane: lognormal durations and gaps, stages in random order."""
    rng = np.random.default_rng(seed)
    median_ns = rng.lognormal(np.log(60e3), 1.0, STAGES)
    chunks = []
    for lane in range(LANES):
        steps = spans // LANES // (LEAVES + 1)
        leaf = rng.integers(1, STAGES, (steps, LEAVES))
        run_ns = (median_ns[leaf] * rng.lognormal(0, 0.25, leaf.shape)).astype(np.int64)
        gap_ns = rng.lognormal(np.log(1500), 0.4, (steps, LEAVES + 1)).astype(np.int64)
        per_leaf = gap_ns[:, :-1] + run_ns
        per_step = per_leaf.sum(axis=1) + gap_ns[:, -1] + 2000
        began = 10**12 + np.cumsum(per_step) - per_step
        ended = began[:, None] + np.cumsum(per_leaf, axis=1)
        start_ns = np.column_stack((began, ended - run_ns)).ravel()
        end_ns = np.column_stack((began + per_step - 2000, ended)).ravel()
        stage = np.column_stack((np.zeros(steps, np.int64), leaf)).ravel().astype(np.int32)
        lane_column = np.full(len(stage), lane, np.int32)
        depth = np.tile([0] + [1] * LEAVES, steps).astype(np.int32)
        chunks.append(SpanChunk(stage, lane_column, start_ns, end_ns, depth, np.zeros(len(stage), np.bool_)))
    return chunks


def cut(chunk: SpanChunk, rows: int) -> list[SpanChunk]:
    columns = (chunk.stage, chunk.lane, chunk.start_ns, chunk.end_ns, chunk.depth, chunk.is_open)
    return [SpanChunk(*(column[at : at + rows] for column in columns)) for at in range(0, len(chunk), rows)]


@pytest.mark.parametrize("pace", ["fast", "slow"])
def test_a_span_costs_at_most_six_bytes(tmp_path: Path, pace: str) -> None:
    # Given 200,000 spans, arriving in large pieces, or 250 at a time every quarter of a second
    path = tmp_path / "x.eprof"
    now = [0]
    writer = CaptureWriter(path, monotonic_ns=lambda: now[0])
    writer.set_run(RunFacts(("x",), 0, 0, 1, 0))
    writer.add_stages([LocalStage(0, -1, "step", "stage")])
    writer.add_stages([LocalStage(at, 0, f"operation {at}", "stage") for at in range(1, STAGES)])
    writer.add_lanes([LaneRow(at, 7, at, at, 0, f"Thread-{at}") for at in range(LANES)])

    # When they are stored
    for chunk in noisy_steps(200_000, seed=3):
        for piece in cut(chunk, 250 if pace == "slow" else 30_000):
            writer.add_spans(piece)
            now[0] += 250_000_000
            writer.commit()
    writer.finish()

    # Then the whole file is small
    spans = len(read_trace(path).spans)
    assert spans > 199_000
    assert path.stat().st_size / spans <= 6.0
