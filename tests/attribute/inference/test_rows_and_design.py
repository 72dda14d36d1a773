"""Rows, and what the design expects of them, against answers known by hand or by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.attribute.counter import counter_windows
from energyprof.attribute.inference.columns import Columns
from energyprof.attribute.inference.design import Timing, design
from energyprof.attribute.inference.rows import Rows, counter_rows
from energyprof.attribute.inference.search import golden
from energyprof.attribute.inference.workload import Workload
from energyprof.attribute.segments import Segments
from energyprof.attribute.timeline import timeline
from energyprof.attribute.windows import Polls
from energyprof.model.domain import Domain
from energyprof.model.grid import fit_grid
from energyprof.model.ids import DomainId
from energyprof.model.span import Stage

MS = 1e6


def rows_of(edges_ms, energy=None, is_power=False):
    edge = np.array(edges_ms) * MS
    count = len(edge) - 1
    energy = np.ones(count) if energy is None else np.array(energy, float)
    joined = np.append(False, np.ones(count - 1, np.bool_))
    return Rows(edge[:-1], edge[1:], energy, joined & (not is_power), is_power, 1e5, (2e4, 6e5), 1e-6)


def workload_of(spans_ms, stages):
    spans = sorted(spans_ms, key=lambda span: span[1])
    stage, start, end = (np.array(column) for column in zip(*spans, strict=True))
    segments = Segments(stage.astype(np.int32), np.zeros(len(stage), np.int32), start * MS, end * MS)
    names = tuple(Stage(str(k), str(k), (str(k),), None) for k in range(stages))
    time = np.bincount(stage, end - start, stages)
    return Workload.of(segments, timeline(segments), None, Columns.of(names, time))


def test_rows_hold_the_time_of_each_stage_and_the_rest_is_outside():
    workload = workload_of([(0, 5, 12), (1, 12, 30)], 2)

    found = design(workload, rows_of([0, 10, 20, 40]), Timing(0.0, 2e4))

    np.testing.assert_allclose(found.occupied * 1e3, [[5, 0, 5], [2, 8, 0], [0, 10, 10]], atol=1e-9)


def test_an_uncertain_edge_gives_each_side_what_it_expects():
    workload = workload_of([(0, 0, 10), (1, 10, 20)], 2)

    found = design(workload, rows_of([0.5, 10.0, 19.5]), Timing(0.0, 0.2 * MS))

    # E|e| / 2 of a normal error by three nodes: 3**0.5 / 6 of its deviation.
    spill = 0.2 * 3**0.5 / 6
    np.testing.assert_allclose(found.occupied[:, :2] * 1e3, [[9.5 - spill, spill], [spill, 9.5 - spill]], atol=1e-6)


def test_a_lag_moves_the_rows_back():
    workload = workload_of([(0, 5, 12), (1, 12, 30)], 2)

    found = design(workload, rows_of([3, 13, 23]), Timing(3 * MS, 2e4))

    np.testing.assert_allclose(found.occupied * 1e3, [[5, 0, 5], [2, 8, 0]], atol=1e-9)


def test_a_first_order_response_shows_what_the_filter_lets_through():
    spans = [(k % 3, 4.0 * k, 4.0 * k + 3.0) for k in range(40)]
    edges, response = np.arange(0, 160, 13.0), 5.0

    found = design(workload_of(spans, 3), rows_of(edges), Timing(0.0, 2e4, response * MS))

    step = 0.002
    t = np.arange(0, 170, step)
    for stage in range(3):
        on = sum(((t >= start) & (t < end)).astype(float) for which, start, end in spans if which == stage)
        level, shown = 0.0, np.zeros(len(t))
        for row, now in enumerate(on):
            level += (now - level) * (1 - np.exp(-step / response))
            shown[row] = level
        until = np.append(0.0, np.cumsum(shown * step))
        expected = np.diff(np.interp(edges, np.append(t, t[-1] + step), until))
        np.testing.assert_allclose(found.occupied[:, stage] * 1e3, expected, atol=0.02)


def test_neighbouring_rows_are_put_together_but_never_over_a_gap():
    rows = rows_of([0, 10, 20, 30, 40, 50, 60], [1, 2, 3, 4, 5, 6])
    apart = rows.at(np.array([0, 1, 2, 4, 5]))

    found = apart.capped(3)

    assert (found.start_ns / MS).tolist() == [0, 20, 40]
    assert (found.end_ns / MS).tolist() == [20, 30, 60]
    assert found.energy_j.tolist() == [3, 3, 11]
    assert found.joined.tolist() == [False, True, False]


def test_stages_beyond_the_columns_share_one_below_their_parent():
    parent = Stage("p", "p", ("p",), None)
    stages = (parent, *(Stage(f"p/{k}", str(k), ("p", str(k)), 0) for k in range(12)))
    time = np.array([50.0, *range(12, 0, -1)])

    columns = Columns.of(stages, time, most=10)

    assert columns.count == 10
    assert len(np.unique(columns.of_stage)) == 10
    shared = columns.part < 1
    assert columns.part[shared].sum() == pytest.approx(1.0)
    assert time[shared].max() <= time[~shared].min()


def test_power_that_seldom_changes_still_tells_the_grid_of_its_updates():
    poll = np.arange(0, 30_000, 4.0)
    update = np.array([7 + 20 * slot for slot in (10, 75, 76, 160, 300, 301, 420, 640, 800, 950, 1111, 1300)], float)
    high = poll[np.searchsorted(poll, update)]

    grid = fit_grid((high - 4) * MS, high * MS, 20 * MS, may_repeat=True)

    assert grid is not None
    assert grid.period_ns == pytest.approx(20 * MS, rel=1e-4)
    assert (grid.offset_ns / MS - 7 + 10) % 20 - 10 == pytest.approx(0, abs=2.0)


def test_an_update_before_its_slot_that_a_poll_saw_at_once_is_dated_by_that_poll(make):
    update = 7.0 + 20.0 * np.arange(100)
    update[50] -= 0.3
    poll = np.unique(np.append(np.arange(0, 2000, 4.0), update[50] + 0.1))
    raw = np.searchsorted(update, poll, "right") * 1000
    polls = Polls(poll * MS, poll * MS + 1, raw.astype(np.int64), *(np.zeros(len(poll) - 1, np.bool_),) * 2)

    found = counter_windows(make.domain(period_ns=20 * make.ms, driver="device"), polls)

    np.testing.assert_allclose(np.diff(found.end_ns) / MS, 20.0, atol=1.0)


def test_golden_section_finds_a_peak():
    assert golden(lambda x: -((x - 0.7) ** 2), 0.0, 2.0, 20) == pytest.approx(0.7, abs=1e-3)


@pytest.mark.parametrize(
    ("strays_ms", "least_ms", "most_ms"), [(0.0, 5.0, 10.0), (3.0, 0.0, 2.0)], ids=["in step", "straying"]
)
def test_polls_in_step_with_a_counter_do_not_tell_when_it_moves(strays_ms, least_ms, most_ms):
    poll_ms = np.arange(0.0, 6000.0, 10.0) + np.random.default_rng(1).uniform(-strays_ms, strays_ms, 600)
    raw = np.floor(poll_ms / 100.0 + 1e-9).astype(np.int64) * 1000
    never = np.zeros(599, np.bool_)
    polls = Polls(poll_ms * MS, poll_ms * MS, raw, never, never)
    domain = Domain(DomainId("gpu:0"), "log", "sensor", "energy", 1e-3, "device", period_ns=100_000_000)

    rows = counter_rows(domain, polls, counter_windows(domain, polls))

    assert least_ms * MS <= rows.shift_ns <= most_ms * MS


def test_polls_hardly_more_frequent_than_updates_still_tell_their_grid():
    rng = np.random.default_rng(4)
    period = 20 * MS * (1 + 1.5e-4)
    update = 3 * MS + period * np.arange(3000) + 0.2 * MS * rng.standard_normal(3000)
    poll = np.cumsum(12.4 * MS * rng.uniform(0.8, 1.2, 4800))
    new = 1 + np.flatnonzero(np.diff(np.searchsorted(update, poll)) > 0)

    grid = fit_grid(poll[new - 1], poll[new], 20e6, may_repeat=True)

    assert grid is not None
    off = (grid.slots(update[100], update[-100]) - 3 * MS + period / 2) % period - period / 2
    assert np.abs(off).max() < 0.6 * MS
    assert np.abs(off).max() < 3 * grid.error_ns


def test_updates_five_times_as_frequent_as_they_should_be_have_no_grid():
    at = 20 * MS * np.arange(1.0, 41.0)

    assert fit_grid(at - 5 * MS, at, 100 * MS, may_repeat=True) is None


def test_updates_at_random_gather_at_no_period():
    rng = np.random.default_rng(5)
    at = np.cumsum(rng.exponential(30 * MS, 2000))

    assert fit_grid(at - 12 * MS, at, 20e6, may_repeat=True) is None
