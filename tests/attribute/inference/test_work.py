"""What lanes did between edges: the same whether all of it is looked at or what lies near, and whatever the chunks."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from energyprof.attribute.cpu_shares import CpuShares
from energyprof.attribute.cpu_time import cpu_times
from energyprof.attribute.inference.bootstrap import moving_block_sd
from energyprof.attribute.inference.columns import Columns
from energyprof.attribute.inference.design import Timing, design
from energyprof.attribute.inference.rows import Rows
from energyprof.attribute.inference.workload import Workload
from energyprof.attribute.segments import Segments
from energyprof.attribute.timeline import timeline
from energyprof.attribute.weights import presence
from energyprof.model.power import ThreadCpu
from energyprof.model.span import LANE_KINDS, Lanes, Stage

MS = 1e6
LENGTH_MS = 4000
STAGES = 3


def lanes_of(pids):
    count, none = len(pids), np.full(len(pids), -1, np.int32)
    kind = np.full(count, LANE_KINDS.index("thread"), np.uint8)
    tid = np.arange(1, count + 1, dtype=np.int32)
    return Lanes(np.array(pids, np.int32), tid, tid.astype(np.int64), kind, none, none, none)


def segments_of(rng, lanes):
    """Return lanes that run stages of 0.2 to 8 ms with pauses, and one that lasts from start to end."""
    parts = []
    for lane in range(lanes):
        cuts = np.cumsum(0.2 + rng.exponential(1.5, 6000))
        cuts = cuts[cuts < LENGTH_MS]
        start, end = cuts[: len(cuts) // 2 * 2 : 2], cuts[1::2][: len(cuts) // 2]
        parts.append((rng.integers(0, STAGES, len(start)), np.full(len(start), lane), start, end))
    parts.append((np.array([STAGES - 1]), np.array([lanes]), np.array([1.0]), np.array([LENGTH_MS - 1.0])))
    stage, lane, start, end = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(start, kind="stable")
    return Segments(stage[order].astype(np.int32), lane[order].astype(np.int32), start[order] * MS, end[order] * MS)


def cpu_of(rng, pids):
    """Return counters read every 20 ms: one for each lane, and of each process what other threads used on top."""
    t_ns = np.arange(20, LENGTH_MS + 20, 20, dtype=np.int64) * 1_000_000
    rows = []
    for pid in sorted(set(pids)):
        mine = [lane for lane, of in enumerate(pids) if of == pid]
        used = [np.cumsum(rng.integers(0, 20_000_000, len(t_ns))) for _ in mine]
        more = np.cumsum(rng.integers(0, 5_000_000, len(t_ns)))
        rows += [(pid, lane + 1, one) for lane, one in zip(mine, used, strict=True)]
        rows.append((pid, 0, np.sum(used, axis=0) + more))
    rows.sort(key=lambda row: row[:2])
    column = (
        [np.full(len(t_ns), row[0], np.int32) for row in rows],
        [np.full(len(t_ns), row[1], np.int32) for row in rows],
    )
    return ThreadCpu(
        np.concatenate(column[0]),
        np.concatenate(column[1]),
        np.tile(t_ns, len(rows)),
        np.concatenate([row[2] for row in rows]),
    )


def workload_of(seed=0, pids=(7, 7, 7), by_cpu=False):
    rng = np.random.default_rng(seed)
    segments = segments_of(rng, len(pids) - 1)
    names = tuple(Stage(str(k), str(k), (str(k),), None) for k in range(STAGES))
    time = np.bincount(segments.stage, segments.end_ns - segments.start_ns, STAGES)
    line, lanes = timeline(segments), lanes_of(pids)
    shares = CpuShares.of(segments, lanes, cpu_times(cpu_of(rng, pids), 0, lanes), line) if by_cpu else None
    return Workload.of(segments, line, shares, Columns.of(names, time))


def rows_apart():
    """Return two groups of rows, 2.5 s apart, with a short gap within the second."""
    edge = np.concatenate((np.arange(200, 500, 10), np.arange(3000, 3200, 10), np.arange(3230, 3400, 10))) * MS
    kept = np.flatnonzero(np.diff(edge) < 20 * MS)
    count = len(kept)
    return Rows(edge[kept], edge[kept + 1], np.ones(count), np.zeros(count, np.bool_), False, 1e5, (2e4, 6e5), 1e-6)


@pytest.mark.parametrize("response_ns", [0.0, 5 * MS])
@pytest.mark.parametrize("by_cpu", [False, True])
def test_rows_know_nothing_of_work_far_from_them(response_ns, by_cpu):
    workload, rows = workload_of(by_cpu=by_cpu), rows_apart()
    timing = Timing(3 * MS, 1e5, response_ns)

    near = workload.near(np.array([50.0, 2850.0]) * MS, np.array([550.0, 3450.0]) * MS)

    assert len(near.work.longer) < len(workload.work.longer) / 2
    found, expected = design(near, rows, timing), design(workload, rows, timing)
    for column in ("occupied", "carried", "stretched"):
        np.testing.assert_allclose(getattr(found, column), getattr(expected, column), rtol=1e-12, atol=1e-15)


def test_a_response_remembers_the_work_of_a_gap_between_rows():
    workload, rows = workload_of(), rows_apart()
    timing = Timing(0.0, 2e4, 40 * MS)
    after = int(np.flatnonzero(rows.start_ns == 3230 * MS)[0])

    found = design(workload, rows, timing)
    alone = design(workload, rows.at(np.arange(after, after + 1)), timing)

    np.testing.assert_allclose(found.occupied[after], alone.occupied[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("pids", [(7, 7, 7), (7, 8, 8)])
def test_cpu_time_is_divided_as_windows_divide_it(pids):
    workload = workload_of(1, pids, by_cpu=True)
    edge = np.arange(100.0, LENGTH_MS - 100, 7.3) * MS
    cells = presence(workload.parts, edge[:-1], edge[1:], STAGES)

    found = workload.occupancy(edge, np.ones(len(edge) - 1, np.bool_)).time.toarray()

    expected = np.zeros((len(edge) - 1, STAGES + 1))
    expected[cells.window, cells.stage] = workload.work.shares.weights(cells, edge[:-1], edge[1:]) * 1e-9
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_chunks_of_any_size_give_the_same_sums():
    workload = workload_of(2, by_cpu=True)
    edge = np.arange(100.0, LENGTH_MS - 100, 3.7) * MS
    asked = np.arange(len(edge) - 1) % 5 > 0

    found = workload.work.between(edge, asked, 4 * MS, chunk=100)

    expected = workload.work.between(edge, asked, 4 * MS)
    assert found.bin.tolist() == expected.bin.tolist()
    assert found.column.tolist() == expected.column.tolist()
    for one, other in zip(found.amounts, expected.amounts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-18)


def test_the_bootstrap_is_what_very_many_draws_of_blocks_come_to():
    rng = np.random.default_rng(0)
    residual = np.convolve(rng.standard_t(4, 203), np.ones(3))[:203]
    to_energy, block = rng.standard_normal((5, 203)), 8

    found = moving_block_sd(residual, to_energy, block)

    starts = rng.integers(0, 203 - block + 1, (20_000, 203 // block + 1))
    drawn = (residual - residual.mean())[(starts[:, :, None] + np.arange(block)).reshape(20_000, -1)[:, :203]]
    np.testing.assert_allclose(found, (to_energy @ drawn.T).std(1), rtol=0.03)


def test_memory_of_a_design_does_not_grow_with_the_spans():
    edge = np.linspace(1.0, 3999.0, 301) * MS
    rows = Rows(
        edge[:-1], edge[1:], np.ones(300), np.append(False, np.ones(299, np.bool_)), False, 1e5, (2e4, 6e5), 1e-6
    )

    def most_bytes(spans):
        at = np.linspace(0.0, LENGTH_MS * MS, spans + 1)
        stage = np.random.default_rng(0).integers(0, STAGES, spans).astype(np.int32)
        segments = Segments(stage, np.zeros(spans, np.int32), at[:-1], at[1:])
        names = tuple(Stage(str(k), str(k), (str(k),), None) for k in range(STAGES))
        time = np.bincount(segments.stage, segments.end_ns - segments.start_ns, STAGES)
        workload = Workload.of(segments, timeline(segments), None, Columns.of(names, time))
        tracemalloc.start()
        design(workload, rows, Timing(1 * MS, 1e5))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    most_bytes(1000)  # what is allocated once
    assert most_bytes(800_000) < 1.1 * most_bytes(200_000)


def test_sums_are_never_held_twice_while_they_are_made():
    edge = np.linspace(0.0, LENGTH_MS, 300_001) * MS
    at = np.linspace(0.0, LENGTH_MS, 300_002) * MS
    count = len(at) - 1
    stage = np.random.default_rng(0).integers(0, STAGES, count).astype(np.int32)
    segments = Segments(stage, np.zeros(count, np.int32), at[:-1], at[1:])
    names = tuple(Stage(str(k), str(k), (str(k),), None) for k in range(STAGES))
    time = np.bincount(segments.stage, segments.end_ns - segments.start_ns, STAGES)
    work = Workload.of(segments, timeline(segments), None, Columns.of(names, time)).work
    asked = np.ones(len(edge) - 1, np.bool_)
    work.between(edge[:100], asked[:99])  # what is allocated once

    tracemalloc.start()
    found = work.between(edge, asked, 1 * MS, chunk=4096)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 1.7 * sum(column.nbytes for column in (found.bin, found.column, *found.amounts))
