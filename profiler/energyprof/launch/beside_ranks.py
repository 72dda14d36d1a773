"""Ranks of a distributed program, started beside each other on one host: none of them profiles for itself alone."""

from __future__ import annotations

from energyprof.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL = {
    "LOCAL_WORLD_SIZE": ("LOCAL_RANK", "torchrun", "energyprof run -m torch.distributed.run OPTIONS SCRIPT"),
    "OMPI_COMM_WORLD_LOCAL_SIZE": ("OMPI_COMM_WORLD_LOCAL_RANK", "mpirun", "energyprof run --exec -- mpirun ..."),
    "MPI_LOCALNRANKS": ("MPI_LOCALRANKID", "mpiexec", "energyprof run --exec -- mpiexec ..."),
    "SLURM_STEP_TASKS_PER_NODE": (
        "SLURM_LOCALID",
        "srun",
        "srun --ntasks-per-node=1 energyprof run -m torch.distributed.run OPTIONS SCRIPT",
    ),
}
"""Of how many ranks on this host the launcher says this is one: the name of its number, the launcher, and the cure."""


def refuse_beside_others(environment: Mapping[str, str], otherwise: str = "") -> None:
    """Raise InputError where other ranks of this host would read the same sensors, each for itself.

    `otherwise`: what else can be done about it.
    """
    for size_name, (rank_name, launcher, cure) in LOCAL.items():
        size, rank = _first_number(environment.get(size_name, "")), environment.get(rank_name, "")
        if size > 1 and rank.isdecimal():
            raise InputError(
                f"this is one of {size} ranks that {launcher} started on this host, and each would read all of its "
                f"power for itself; put energyprof around the launcher, and one recording has all ranks: {cure}"
                f"{otherwise}"
            )


def _first_number(text: str) -> int:
    """Return the number that a text begins with, such as 8 of `8(x2)`; 0: it begins with none."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return int(digits[:9]) if digits.isascii() and digits else 0
