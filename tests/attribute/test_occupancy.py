"""The overlap kernel against counting one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energyprof.attribute import occupancy as kernel
from energyprof.attribute.measure import Measure
from energyprof.attribute.occupancy import Bins, normal_equations, occupancy
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import sum_by, sum_by_sorting

STAGES = 4
pieces = st.lists(st.tuples(st.integers(-50, 150), st.integers(1, 80), st.integers(0, STAGES - 1)), max_size=40)
cuts = st.lists(st.integers(0, 120), max_size=25, unique=True).map(sorted)


def segments_of(rows):
    rows = sorted(rows)
    start = np.array([row[0] for row in rows], np.float64)
    length = np.array([row[1] for row in rows], np.float64)
    stage = np.array([row[2] for row in rows], np.int32)
    return Segments(stage, np.zeros(len(rows), np.int32), start, start + length)


def one_by_one(segments, start, end, measure):
    table = np.zeros((len(start), STAGES))
    for w in range(len(start)):
        for k in range(len(segments)):
            low, high = max(start[w], segments.start_ns[k]), min(end[w], segments.end_ns[k])
            if high > low:
                table[w, segments.stage[k]] += measure(high) - measure(low)
    return table


def dense(found, windows):
    table = np.zeros(windows * STAGES)
    table[found.key] = found.amount
    return table.reshape(windows, STAGES)


@pytest.mark.parametrize("chunk", [1, 3, 1 << 16])
@given(rows=pieces, edges=cuts, gaps=st.sets(st.integers(0, 24)))
@settings(max_examples=40, deadline=None)
def test_kernel_agrees_with_counting(chunk, rows, edges, gaps):
    segments = segments_of(rows)
    keep = [k for k in range(max(len(edges) - 1, 0)) if k not in gaps]
    start, end = np.array([edges[k] for k in keep], float), np.array([edges[k + 1] for k in keep], float)
    measure = Measure(np.array([-60.0, 20.0, 70.0, 300.0]), np.array([0.0, 5.0, 105.0, 106.0]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "CHUNK", chunk)
        plain = occupancy(segments, Bins.of(start, end), STAGES)
        weighed = occupancy(segments, Bins.of(start, end), STAGES, measure)

    np.testing.assert_allclose(dense(plain, len(start)), one_by_one(segments, start, end, float), atol=1e-9)
    expected = one_by_one(segments, start, end, lambda t: float(measure.at(np.array([t]))[0]))
    np.testing.assert_allclose(dense(weighed, len(start)), expected, atol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 99), st.floats(0, 10)), max_size=90))
def test_sums_by_sorting_are_the_sums_in_a_table(rows):
    key = np.array([row[0] for row in rows], np.int64)
    amount = np.array([row[1] for row in rows], np.float64)

    found, total = sum_by_sorting(key, amount)

    table = sum_by(key, amount, 100)
    assert found.tolist() == np.flatnonzero(table > 0).tolist()
    np.testing.assert_allclose(total, table[table > 0])


@pytest.mark.parametrize("chunk", [1, 3, 1 << 16])
@given(rows=pieces, edges=cuts, gaps=st.sets(st.integers(0, 24)), sorts=st.booleans())
@settings(max_examples=40, deadline=None)
def test_pieces_ascend_and_normal_equations_are_those_of_the_matrix(chunk, rows, edges, gaps, sorts):
    segments = segments_of(rows)
    keep = [k for k in range(max(len(edges) - 1, 0)) if k not in gaps]
    start, end = np.array([edges[k] for k in keep], float), np.array([edges[k + 1] for k in keep], float)
    value = np.sin(np.arange(len(start)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "CHUNK", chunk)
        patch.setattr(kernel, "_SPARE_CELLS", -(1 << 40) if sorts else 1 << 16)
        found = [part.key for part in kernel.pieces(segments, Bins.of(start, end), STAGES)]
        products, moments = normal_equations(segments, Bins.of(start, end), STAGES, value)

    key = np.concatenate(found) if found else np.zeros(0)
    matrix = one_by_one(segments, start, end, float)
    assert (np.diff(key) > 0).all()
    np.testing.assert_allclose(products, matrix.T @ matrix, atol=1e-9)
    np.testing.assert_allclose(moments, matrix.T @ value, atol=1e-9)


def test_occupancy_of_all_windows_is_the_length_of_the_spans():
    rng = np.random.default_rng(1)
    end = np.cumsum(np.rint(rng.exponential(1000, 200_000)) + 1)
    start = np.append(0.0, end[:-1])
    segments = Segments(rng.integers(0, STAGES, len(end)).astype(np.int32), np.zeros(len(end), np.int32), start, end)
    edges = np.linspace(0, end[-1], 3001)

    found = occupancy(segments, Bins.of(edges[:-1], edges[1:]), STAGES)

    assert found.amount.sum() == pytest.approx(end[-1], rel=1e-12)
    np.testing.assert_allclose(dense(found, 3000).sum(axis=1), np.diff(edges), rtol=1e-9)
