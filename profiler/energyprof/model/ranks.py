"""The ranks of a distributed program: which of its processes is which."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankProcess:
    """One process of a rank; a rank may have several, such as the workers of its loaders."""

    pid: int
    rank: int
    world_size: int
    local_rank: int = -1
    """Among the ranks of its host; -1: not known."""

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"rank {self.rank} of {self.world_size} is none")
