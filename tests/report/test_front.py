"""Who is on the Pareto front, as far as repeated runs can tell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from energyprof.report.front import Spread, is_higher, standings


def test_a_way_is_beaten_only_by_one_that_is_told_apart() -> None:
    ways = {
        "narrow": Spread([34.0, 33.0, 35.0], [0.986] * 3),
        "fp32": Spread([102.0, 103.0, 101.0], [0.994] * 3),
        "int8": Spread([101.0, 104.0, 100.0], [0.989] * 3),  # cheaper than fp32 by chance
        "pruned": Spread([103.0, 104.0, 105.0], [0.992] * 3),  # surely worse than fp32, and no cheaper
    }

    assert standings(ways) == {"narrow": "front", "fp32": "front", "int8": "unsure", "pruned": "beaten"}


def test_equal_ways_are_all_on_the_front_and_none_surely() -> None:
    assert set(standings({name: Spread([2.0, 2.0], [0.5, 0.5]) for name in "abc"}).values()) == {"unsure"}


def test_one_way_alone_is_the_front() -> None:
    assert standings({"a": Spread([1.0], [0.5])}) == {"a": "front"}


def test_a_way_that_is_surely_cheaper_beats_one_that_is_as_good() -> None:
    ways = {"a": Spread([1.0, 1.01], [0.9, 0.9]), "b": Spread([2.0, 2.01], [0.9, 0.9])}

    assert standings(ways) == {"a": "front", "b": "beaten"}


def test_nothing_is_told_apart_by_less_than_two_runs() -> None:
    assert not is_higher([9.0], [1.0, 1.0], 0.05)
    assert is_higher([9.0, 9.0], [1.0, 1.0], 0.05)
    assert not is_higher([1.0, 1.0], [9.0, 9.0], 0.05)


@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_means_are_told_apart_as_by_the_test_of_welch(alpha: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        one, other = rng.normal(1.0, 0.6, 4), rng.normal(0.0, 0.3, 5)
        sure = stats.ttest_ind(one, other, equal_var=False).pvalue < alpha and one.mean() > other.mean()

        assert is_higher(one.tolist(), other.tolist(), alpha) == sure


def test_ways_alike_are_called_beaten_in_few_tables() -> None:
    rng = np.random.default_rng(5)
    tables = [{name: Spread(rng.normal(10, 0.5, 4), rng.normal(0.9, 0.01, 4)) for name in "abcd"} for _ in range(300)]

    wrong = sum("beaten" in standings(table).values() for table in tables)

    # Six pairs, two figures, each at 5 % / 3: chosen afterwards by which looks best, which is more than a test each.
    assert wrong / 300 < 0.2
