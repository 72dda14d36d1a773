"""Of a stage read in part the energy is what was read, and its interval allows for the rest."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energyprof.attribute import attribute
from energyprof.model.attribution import PROVENANCES
from energyprof.model.domain import ReadStatus

INFERRED = PROVENANCES.index("inferred")
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_stage_read_for_half_its_time_may_have_used_twice_what_was_read(make):
    trace = make.trace([[("a", 50, 150)]], [(make.domain(), make.counter([40] * 10))])

    found = attribute(trace).domains[0]

    for columns in (found.self_energy, found.total_energy):
        assert (columns.low_j[0], columns.energy_j[0], columns.high_j[0]) == (2.0, 2.0, 4.0)
        assert columns.provenance.tolist() == [INFERRED]
        assert columns.reason == ("readings cover 50% of its time",)


def test_unread_time_may_have_been_spent_at_the_high_power_of_the_domain(make):
    trace = make.trace([[("a", 150, 250)]], [(make.domain(), make.counter([400] * 10 + [40] * 10))])

    columns = attribute(trace).domains[0].self_energy

    assert (columns.low_j[0], columns.energy_j[0]) == (2.0, 2.0)
    assert columns.high_j[0] == pytest.approx(2.0 + 0.05 * 400)


def test_short_stage_of_more_power_than_nearly_all_windows_went_on_with_its_own(make):
    trace = make.trace([[("a", 980, 1020)]], [(make.domain(), make.counter([10] * 98 + [500] * 2))])

    columns = attribute(trace).domains[0].self_energy

    assert (columns.energy_j[0], columns.high_j[0]) == (10.0, 20.0)


def test_total_and_group_allow_for_the_unread_time_of_all_in_them(make):
    rows = [("run", 0, 200)]
    rows += [(f"run/{name}", k * 10 + at, k * 10 + at + 5) for k in range(20) for name, at in (("a", 0), ("b", 5))]
    trace = make.trace([rows], [(make.domain(), make.counter([10] * 12))])

    found = attribute(trace).domains[0]

    (group,) = found.unsplit
    assert (group.low_j, group.energy_j, group.high_j) == (1.2, 1.2, 2.0)
    total = found.total_energy
    assert (total.low_j[0], total.energy_j[0], total.high_j[0]) == (1.2, 1.2, 2.0)


@given(
    power_w=st.floats(1, 500),
    start=st.integers(0, 900),
    length=st.integers(1, 600),
    lost=st.tuples(st.integers(0, 99), st.integers(0, 60)),
    quantity=st.sampled_from(["energy", "power"]),
)
@QUICK
def test_at_constant_power_the_truth_lies_within_the_bounds_of_all_that_is_read_in_part(
    make, power_w, start, length, lost, quantity
):
    step = round(power_w * 10_000) if quantity == "energy" else round(power_w * 1e6)
    rows = [
        (10 * k, k * step if quantity == "energy" else step, ReadStatus.LOST if lost[0] <= k < sum(lost) else 0)
        for k in range(101)
    ]
    trace = make.trace(
        [[("a", start, start + length)]], [(make.domain(quantity=quantity), make.readings(rows))], end_ms=2000
    )

    found = attribute(trace).domains[0]

    true_j = (step / 10_000 if quantity == "energy" else step * 1e-6) * length * 1e-3
    for columns in (found.self_energy, found.total_energy):
        assert columns.unread[0] or columns.low_j[0] - 2e-6 <= true_j <= columns.high_j[0] + 2e-6
