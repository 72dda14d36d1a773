"""The load: planned so that every window shows, really put on, and never left behind."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from energyprof.probe.load_course import Course, planned
from energyprof.probe.load_process import LoadProcess

MS = 1_000_000


@pytest.mark.parametrize("period_ms", [None, 1, 20, 100, 1000])
def test_plan_fills_its_time_half_with_load_and_has_long_and_short_stretches(period_ms):
    plan = np.array(planned(None if period_ms is None else period_ms * MS, 25_000 * MS))

    on, off = plan[:, 1] - plan[:, 0], plan[1:, 0] - plan[:-1, 1]
    assert plan.min() > 0
    assert plan.max() <= 25_000 * MS
    assert min(on.min(), off.min()) >= 8 * MS
    assert 0.35 < on.sum() / 25e9 < 0.65
    assert on.max() > 1_000 * MS
    assert on.min() <= max(8, (period_ms or 100) / 2) * MS


def test_course_of_several_workers_is_their_mean_level():
    course = Course.of([[(10, 30), (50, 60)], [(20, 40)]], 0)

    until = course.until(np.array([0.0, 10, 20, 30, 40, 55, 100]))

    assert until.tolist() == [0, 0, 5, 15, 20, 22.5, 25]


def test_level_followed_with_a_time_constant_nears_it_by_63_percent():
    course = Course.of([[(0, 1000)]], 0)

    shown = course.decayed(np.array([-5.0, 0.0, 100.0, 1000.0, 1100.0]), 100.0)

    np.testing.assert_allclose(shown, [0, 0, 0.632121, 0.999955, 0.367863], atol=1e-6)


def test_load_of_no_worker_is_none():
    assert Course.of([], 0).until(np.array([5.0])).tolist() == [0.0]


def test_processors_are_kept_busy_as_planned():
    plan = [(50 * MS, 150 * MS), (250 * MS, 300 * MS)]

    with LoadProcess("cpu", plan) as load:
        assert load.failure == ""
        start_ns = load.start()
        workers = load.finish()

    assert len(workers) == len(os.sched_getaffinity(0))
    for work in workers:
        assert 1 <= len(work) <= 2  # on a crowded machine a stretch may pass before a worker gets its processor
        for began_ns, ended_ns in work:
            assert any(start <= began_ns - start_ns < end for start, end in plan)
            assert ended_ns > began_ns


def test_load_that_nobody_waits_for_is_ended_with_its_workers():
    with LoadProcess("cpu", [(0, 60_000 * MS)]) as load:
        load.start()
        group = load.group

    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s and alive(group):
        time.sleep(0.02)
    assert not alive(group)


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_load_that_cannot_be_put_on_says_why():
    with LoadProcess("cuda", [(0, MS)]) as load:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            assert load.failure == ""
        else:
            assert load.failure.startswith("a GPU load needs torch with CUDA, so its lag and window stay unknown (")
