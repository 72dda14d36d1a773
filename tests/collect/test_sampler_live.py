"""The live line's watts and joules: wraps, gaps and domains contained in others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from energyprof.collect.gauge import Gauge
from energyprof.collect.sampler import LivePower, Sampler
from energyprof.errors import SourceError
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.testing import SECOND, FakeClock, ScriptedSource


def domain(id_="cpu", quantity="energy", scale=1.0, **rest):
    return Domain(DomainId(id_), "scripted", "sensor", quantity, scale, "cpu", **rest)


def test_counter_gives_energy_and_power():
    gauge = Gauge(domain(scale=1e-3))

    for t_ns, raw in [(0, 1_000), (SECOND, 6_000), (2 * SECOND, 16_000)]:
        gauge.take(t_ns, raw)

    assert (gauge.energy_j(), gauge.power_w(2 * SECOND)) == (15.0, 10.0)


def test_wrapping_counter_goes_on():
    gauge = Gauge(domain(wrap=100))

    for t_ns, raw in [(0, 90), (SECOND, 20)]:
        gauge.take(t_ns, raw)

    assert gauge.energy_j() == 30.0


def test_counter_that_was_reset_adds_nothing_for_the_reset():
    gauge = Gauge(domain())

    for t_ns, raw in [(0, 90), (SECOND, 20), (2 * SECOND, 25)]:
        gauge.take(t_ns, raw)

    assert gauge.energy_j() == 5.0


def test_watts_are_held_to_the_next_reading_but_not_across_a_gap():
    gauge = Gauge(domain(quantity="power"))

    gauge.take(0, 50)
    gauge.take(SECOND, 70)
    gauge.gap()
    gauge.take(11 * SECOND, 70)
    gauge.take(12 * SECOND, 10)

    assert gauge.energy_j() == 50.0 + 70.0


def test_single_power_reading_is_shown_as_it_is():
    gauge = Gauge(domain(quantity="power", scale=1e-3))

    gauge.take(0, 42_000)

    assert (gauge.energy_j(), gauge.power_w(0)) == (None, 42.0)


def test_power_of_a_sensor_silent_for_long_is_unknown_its_energy_is_not():
    gauge = Gauge(domain())

    gauge.take(0, 0)
    gauge.take(SECOND, 10)

    assert (gauge.energy_j(), gauge.power_w(10 * SECOND)) == (10.0, None)


def test_nothing_read_is_unknown_not_zero():
    gauge = Gauge(domain())

    assert (gauge.energy_j(), gauge.power_w(0)) == (None, None)


def test_contained_domain_is_not_added_and_an_orphan_is():
    clock = FakeClock()
    package = domain("cpu:0:package", quantity="power")
    core = domain("cpu:0:core", quantity="power", parent=DomainId("cpu:0:package"))
    dram = domain("dram:0", quantity="power", parent=DomainId("psys"))
    sampler = Sampler([(ScriptedSource((package, core, dram), [7]), (package, core, dram))], now_ns=clock.now_ns)

    sampler._pollers[0].poll()

    assert sampler.live() == LivePower(power_w=14.0, energy_j=None, estimated=False)


def test_figures_with_a_modelled_part_are_estimated_one_within_another_domain_aside():
    clock = FakeClock()
    package = domain("cpu:0:package", quantity="power")
    model = replace(domain("cpu", quantity="power"), provenance="model")
    inside = replace(model, parent=package.id)

    live = [
        Sampler([(ScriptedSource(domains, [7]), domains)], now_ns=clock.now_ns).live().estimated
        for domains in ((package,), (package, model), (package, inside))
    ]

    assert live == [False, True, False]


def test_live_without_readings_is_unknown():
    assert Sampler([]).live() == LivePower(None, None)


def test_domain_offered_twice_is_refused_with_both_names():
    one, other = ScriptedSource((domain(),), [], name="one"), ScriptedSource((domain(),), [], name="other")

    with pytest.raises(SourceError, match="power domain 'cpu' is offered by 'one' and 'other'; choose one"):
        Sampler([(one, (domain(),)), (other, (domain(),))])
