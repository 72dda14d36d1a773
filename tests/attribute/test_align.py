"""Clocks matched by activity: the shift is found, its interval holds the truth, and what tells nothing is refused."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.attribute.align import Activity, shift_between
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings

MS = 1_000_000
DOMAIN = Domain(DomainId("gpu:0"), "test", "sensor", "power", 1e-3, "device", period_ns=20 * MS)


def bursts(seed, count=60):
    """Return spans of random lengths and distances, in ns."""
    random = np.random.default_rng(seed)
    edges = np.cumsum(random.integers(30 * MS, 400 * MS, 2 * count))
    return edges[::2].astype(np.int64), edges[1::2].astype(np.int64)


def log_of(start_ns, end_ns, shift_ns, seed, noise_w=5.0, before_ns=2_000 * MS):
    """Return readings every 20 ms of a device that takes 200 W while a span runs; its clock is behind by the shift."""
    random = np.random.default_rng(seed)
    t_ns = np.arange(start_ns[0] - before_ns, end_ns[-1] + before_ns, 20 * MS)
    activity = Activity.of(start_ns, end_ns)
    since = (t_ns - activity.origin_ns).astype(np.float64)
    watts = 50 + 150 * activity.mean(since - 20 * MS, since) + random.normal(0, noise_w, len(t_ns))
    at = t_ns - shift_ns
    return Readings(at, at, np.rint(watts * 1e3).astype(np.int64), np.zeros(len(at), np.uint8))


@pytest.mark.parametrize("seed", range(6))
def test_shift_is_found_within_the_error_that_it_states(seed):
    start_ns, end_ns = bursts(seed)
    shift_ns = 7_654_321_000 + seed * 13 * MS

    found = shift_between(Activity.of(start_ns, end_ns), DOMAIN, log_of(start_ns, end_ns, shift_ns, seed))

    assert not isinstance(found, str), found
    assert abs(found.offset_ns - shift_ns) <= found.error_ns
    assert found.error_ns <= 25 * MS
    assert found.correlation > 0.9


def test_power_that_has_nothing_to_do_with_the_spans_is_refused():
    start_ns, end_ns = bursts(1)
    others = bursts(2)

    found = shift_between(Activity.of(start_ns, end_ns), DOMAIN, log_of(*others, 0, 3, before_ns=5_000 * MS))

    assert isinstance(found, str)
    assert "does not follow the spans clearly enough" in found


def test_part_of_strictly_periodic_work_fits_at_several_places_and_is_refused():
    start_ns = np.arange(0, 40_000 * MS, 200 * MS)
    end_ns = start_ns + 100 * MS
    traced = slice(80, 120)

    found = shift_between(
        Activity.of(start_ns[traced], end_ns[traced]), DOMAIN, log_of(start_ns, end_ns, 5_000 * MS, 4)
    )

    assert isinstance(found, str)
    assert "fits the spans at several places" in found


def test_few_readings_tell_nothing():
    start_ns, end_ns = bursts(1)
    rows = log_of(start_ns, end_ns, 0, 1)
    few = Readings(rows.t_before_ns[:5], rows.t_after_ns[:5], rows.raw[:5], rows.status[:5])

    found = shift_between(Activity.of(start_ns, end_ns), DOMAIN, few)

    assert found == "gpu:0 has 5 readings, and 10 are needed"
