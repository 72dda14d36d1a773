"""Energy and time of the ranks of a distributed program."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energyprof.attribute.fit import attribute
from energyprof.model.ids import DomainId
from energyprof.model.ranks import RankProcess
from energyprof.model.trace import Trace


def of_two_ranks(trace: Trace, waits: str = "step/all_reduce") -> Trace:
    """Two processes are ranks, the stage `waits` is where they talk."""
    stages = tuple(replace(one, kind="communication") if one.id == waits else one for one in trace.stages)
    return replace(trace, stages=stages, ranks=(RankProcess(11, 0, 2), RankProcess(12, 1, 2)))


def trained(make: Any, **domain: object) -> Trace:
    """Rank 0 computes for 100 ms and waits for 300, rank 1 computes all of the time; a launcher does nothing much."""
    quick = make.lane(
        [("step", 0, 400), ("step/all_reduce", 100, 400)], cpu=[(0, 0), (100, 100), (400, 100)], pid=11, tid=11
    )
    slow = make.lane([("step", 0, 400)], cpu=[(0, 0), (400, 400)], pid=12, tid=12)
    processes = {11: [(0, 0), (100, 100), (400, 100)], 12: [(0, 0), (400, 400)]}
    readings = make.counter([20.0] * 40)
    return of_two_ranks(make.trace([quick, slow], [(make.domain(**domain), readings)], processes, end_ms=400.0))


def test_a_rank_that_waits_is_billed_no_dynamic_energy_for_it(make: Any) -> None:
    found = attribute(trained(make))

    quick, slow = found.domains[0].ranks

    # 20 W for 100 ms shared by two, then 300 ms of rank 1 alone.
    assert (quick.rank, quick.energy_j) == (0, pytest.approx(1.0, abs=0.05))
    assert (slow.rank, slow.energy_j) == (1, pytest.approx(7.0, abs=0.05))


def test_ranks_together_have_what_the_stages_have(make: Any) -> None:
    found = attribute(trained(make)).domains[0]

    assert found.ledger is not None
    assert sum(round(one.energy_j * 1e6) for one in found.ranks) == round(found.ledger.stages_j * 1e6)
    assert all(one.low_j <= one.energy_j <= one.high_j for one in found.ranks)


def test_time_in_collectives_without_cpu_time_is_waiting(make: Any) -> None:
    quick, slow = attribute(trained(make)).ranks

    assert (quick.wall_ns, quick.waiting_ns, quick.cpu_ns) == (400 * make.ms, 300 * make.ms, 100 * make.ms)
    assert (slow.wall_ns, slow.waiting_ns, slow.cpu_ns) == (400 * make.ms, 0, 400 * make.ms)


def test_a_collective_that_computes_is_no_waiting(make: Any) -> None:
    busy = make.lane([("step", 0, 400), ("step/all_reduce", 100, 400)], cpu=[(0, 0), (400, 400)], pid=11, tid=11)
    other = make.lane([("step", 0, 400)], cpu=[(0, 0), (400, 400)], pid=12, tid=12)
    processes = {11: [(0, 0), (400, 400)], 12: [(0, 0), (400, 400)]}

    found = attribute(of_two_ranks(make.trace([busy, other], (), processes, end_ms=400.0)))

    assert found.ranks[0].waiting_ns == 0


def test_each_rank_has_what_its_own_device_spent(make: Any) -> None:
    streams = [make.lane([("step", 0, 400)], pid=11 + gpu, tid=gpu, kind="device") for gpu in (0, 1)]
    domains = [
        (make.domain(id=DomainId(f"gpu:{gpu}"), driver="device"), make.counter([10.0 * (gpu + 1)] * 40))
        for gpu in (0, 1)
    ]

    first, second = attribute(of_two_ranks(make.trace(streams, domains, end_ms=400.0))).domains

    assert [round(one.energy_j, 3) for one in first.ranks] == [4.0, 0.0]
    assert [round(one.energy_j, 3) for one in second.ranks] == [0.0, 8.0]


def test_a_run_of_one_rank_has_no_ranks_to_compare(make: Any) -> None:
    found = attribute(replace(trained(make), ranks=(RankProcess(11, 0, 1),)))

    assert found.ranks == ()
    assert found.domains[0].ranks == ()


def test_ranks_of_a_model_have_its_error_as_their_interval(make: Any) -> None:
    found = attribute(trained(make, provenance="model", gain_error=(0.5, 1.0))).domains[0]

    for one in found.ranks:
        assert (one.low_j, one.high_j) == (pytest.approx(one.energy_j * 0.5), pytest.approx(one.energy_j * 2.0))


@settings(max_examples=30, deadline=None)
@given(
    powers=st.lists(st.floats(0.0, 200.0), min_size=4, max_size=20),
    parts=st.lists(st.tuples(st.integers(0, 90), st.integers(1, 60), st.integers(0, 2)), min_size=1, max_size=6),
)
def test_energy_is_conserved_over_the_ranks_whatever_they_did(
    make: Any, powers: list[float], parts: list[tuple[int, int, int]]
) -> None:
    lanes = [
        make.lane([(f"s{at % 3}", float(start), float(start + length))], pid=(11, 12, 13)[rank], tid=50 + at)
        for at, (start, length, rank) in enumerate(parts)
    ]
    trace = make.trace(lanes, [(make.domain(), make.counter(powers))], end_ms=10.0 * len(powers))

    found = attribute(of_two_ranks(trace)).domains[0]

    assert found.ledger is not None
    total_uj = sum(round(one.energy_j * 1e6) for one in found.ranks)
    assert min(one.energy_j for one in found.ranks) >= 0.0
    assert total_uj <= round(found.ledger.stages_j * 1e6) + 1  # what is of no rank (process 13) is nobody's
    if all(rank < 2 for _, _, rank in parts):
        assert total_uj == pytest.approx(round(found.ledger.stages_j * 1e6), abs=1)
