"""Tallies of stretches: one each, however long the run goes on after them."""

from __future__ import annotations

from energyprof.collect.bursts import NEVER_NS, Bursts
from energyprof.collect.convert_counts import KEPT_NS, Counter

S = 1_000_000_000


def bursts_at(edges: list[int]) -> Bursts:
    bursts = Bursts(1 << 20, lambda: 0, seed=0)
    bursts.go_on(
        {
            "edges": edges,
            "forgotten": 0,
            "period_ns": S,
            "period_start_ns": 0,
            "size_before": 0,
            "seen_ns": 0,
        }
    )
    return bursts


def test_a_stretch_has_one_tally_however_often_it_is_looked_at_after_its_end() -> None:
    bursts = bursts_at([0, S, 2 * S, NEVER_NS])
    counter = Counter(bursts)
    taken: set[int] = set()

    for t_ns in range(S // 2, 10 * KEPT_NS, KEPT_NS // 4):
        bursts.saw(t_ns)
        counter.reach(t_ns)
        taken |= counter.take().keys()

    assert taken == {0, 1}


def test_stretches_that_went_by_unseen_have_a_tally_each() -> None:
    counter = Counter(bursts_at([*range(0, 9 * S, S), NEVER_NS]))

    counter.reach(9 * S)

    bounds = [(tally.start_ns, tally.end_ns) for tally in counter.take().values()]
    assert bounds == [(0, S), (2 * S, 3 * S), (4 * S, 5 * S), (6 * S, 7 * S), (8 * S, NEVER_NS)]


def test_who_goes_on_makes_no_second_tally_of_what_had_one() -> None:
    edges = [0, S, 2 * S, NEVER_NS]
    before = Counter(bursts_at(edges))
    before.reach(3 * S)
    before.take()

    after = Counter(bursts_at(edges))
    after.go_on(before.state())
    after.reach(4 * S)

    assert after.take() == {}
