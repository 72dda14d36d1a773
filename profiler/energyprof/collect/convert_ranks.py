"""Which rank of a distributed program each process is: what it says itself, else what its parent was when it began."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from energyprof.collect.convert_process import Process
from energyprof.model.ranks import RankProcess


class RankLog:
    """Hands on which rank a process is, whenever that is news."""

    def __init__(self, add_rank: Callable[[RankProcess], None]) -> None:
        self._add_rank = add_rank

    def begun(self, process: Process, parent: Process | None) -> None:
        """Take a process that has begun."""
        if parent is not None and process.rank is None:
            self._set(process, parent.rank)

    def take(self, process: Process, content: Any) -> None:
        """Take the content of a RANK frame; what is no rank of any program is passed by."""
        rank, world_size, local_rank = (content.get(name, -1) for name in ("rank", "world_size", "local_rank"))
        if 0 <= rank < world_size:
            self._set(process, (rank, world_size, local_rank))

    def _set(self, process: Process, rank: tuple[int, int, int] | None) -> None:
        if rank is not None and rank != process.rank:
            process.rank = rank
            self._add_rank(RankProcess(process.pid, *rank))
