"""Which rank a process is: what it says, else what its parent was."""

from __future__ import annotations

from energyprof.collect.convert_lanes import LaneTable
from energyprof.collect.convert_process import Process
from energyprof.collect.convert_ranks import RankLog
from energyprof.collect.convert_stages import StageTable
from energyprof.model.ranks import RankProcess


def process(pid: int) -> Process:
    return Process(f"{pid}-1", StageTable(100), LaneTable(None))


def test_a_child_is_of_the_rank_of_its_parent() -> None:
    told: list[RankProcess] = []
    log = RankLog(told.append)
    parent, child = process(7), process(8)

    log.take(parent, {"rank": 1, "world_size": 4, "local_rank": 0})
    log.begun(child, parent)

    assert told == [RankProcess(7, 1, 4, 0), RankProcess(8, 1, 4, 0)]


def test_what_a_process_says_later_replaces_what_it_said() -> None:
    told: list[RankProcess] = []
    log, one = RankLog(told.append), process(7)

    log.take(one, {"rank": 0, "world_size": 2})
    log.take(one, {"rank": 0, "world_size": 2})
    log.take(one, {"rank": 1, "world_size": 2})

    assert told == [RankProcess(7, 0, 2), RankProcess(7, 1, 2)]


def test_a_rank_beyond_the_number_of_ranks_is_none() -> None:
    told: list[RankProcess] = []

    RankLog(told.append).take(process(7), {"rank": 4, "world_size": 4})

    assert told == []
