"""Any run's readings tell of a sensor that is not as it was probed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from energyprof.model.power import Readings
from energyprof.probe.remarks import remarks


def said(heard, **changes):
    domain = replace(heard.domain, **changes)
    return list(remarks([domain], {domain.id: heard.readings}))


def test_sensor_that_updates_otherwise_than_probed_is_to_be_probed_again(hear):
    heard = hear(period_ns=100 * hear.ms, duration_s=5.0)
    timing = "period, lag from the probe of 2026-07-01"

    assert said(heard, period_ns=100 * hear.ms, timing=timing) == []
    (line,) = said(heard, period_ns=20 * hear.ms, timing=timing)
    assert line == (
        "gpu:0: the sensor updated every 100 ms, by its probe it was 20 ms; "
        "probe it again with: energyprof doctor --probe"
    )


def test_what_was_never_probed_cannot_differ(hear):
    assert said(hear(period_ns=100 * hear.ms, duration_s=5.0), period_ns=20 * hear.ms) == []


def test_counter_that_stands_still_is_left_to_the_attribution_to_say(hear):
    heard = hear(period_ns=100 * hear.ms, duration_s=9.0, loaded=False)
    raw = np.minimum(heard.readings.raw, heard.readings.raw[2500])
    readings = Readings(heard.readings.t_before_ns, heard.readings.t_after_ns, raw, heard.readings.status)

    assert said(replace(heard, readings=readings)) == []
