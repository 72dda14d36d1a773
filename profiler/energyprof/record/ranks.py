"""Which rank of a distributed program this process is, as far as its launcher says so in the environment.

`torchrun` sets the first three names (docs.pytorch.org/docs/stable/elastic/run.html, "Environment Variables"), Open
MPI's `mpirun` and those that speak PMI (MPICH, Intel MPI) the others.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
)
"""Of rank, number of ranks, and rank among those of the same host."""
LIMIT = 1 << 31


def rank_of(environment: Mapping[str, str]) -> dict[str, int]:
    """Return rank, world_size and, where it is known, local_rank; nothing where the environment tells no rank."""
    for names in NAMES:
        rank, world_size, local_rank = (_number(environment.get(name)) for name in names)
        if rank is not None and world_size is not None and rank < world_size:
            told = {"rank": rank, "world_size": world_size}
            return told if local_rank is None else {**told, "local_rank": local_rank}
    return {}


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 10:
        return None
    number = int(text)
    return number if number < LIMIT else None
