"""Which rank a process is, by the environment that its launcher made."""

from __future__ import annotations

import pytest

from energyprof.record.ranks import rank_of


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, {"rank": 3, "world_size": 8, "local_rank": 1}),
        ({"RANK": "0", "WORLD_SIZE": "2"}, {"rank": 0, "world_size": 2}),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, {"rank": 1, "world_size": 2}),
        ({"PMI_RANK": "1", "PMI_SIZE": "4"}, {"rank": 1, "world_size": 4}),
        ({}, {}),
        ({"RANK": "2"}, {}),
        ({"RANK": "2", "WORLD_SIZE": "2"}, {}),
        ({"RANK": "-1", "WORLD_SIZE": "2"}, {}),
        ({"RANK": "one", "WORLD_SIZE": "2"}, {}),
        ({"RANK": "\u0661", "WORLD_SIZE": "2"}, {}),
        ({"RANK": "9" * 5000, "WORLD_SIZE": "2"}, {}),
        ({"RANK": "1", "WORLD_SIZE": "9999999999"}, {}),
    ],
)
def test_a_rank_is_known_only_where_the_environment_tells_it_whole(
    environment: dict[str, str], told: dict[str, int]
) -> None:
    assert rank_of(environment) == told
