"""Where `energyprof run` is refused beside other ranks, and what its recording is called."""

from __future__ import annotations

import pytest

from energyprof.cli.run_ranks import stem_of_rank
from energyprof.errors import InputError
from energyprof.launch.beside_ranks import refuse_beside_others


@pytest.mark.parametrize(
    ("environment", "launcher"),
    [
        ({"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}, "torchrun"),
        ({"OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, "mpirun"),
        ({"SLURM_LOCALID": "7", "SLURM_STEP_TASKS_PER_NODE": "8(x2)"}, "srun"),
    ],
)
def test_one_of_several_ranks_on_a_host_is_told_where_energyprof_belongs(
    environment: dict[str, str], launcher: str
) -> None:
    with pytest.raises(InputError, match=f"{launcher} started on this host.*energyprof run"):
        refuse_beside_others(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"},
        {"LOCAL_WORLD_SIZE": "2"},
        {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "many"},
        {"SLURM_LOCALID": "0", "SLURM_STEP_TASKS_PER_NODE": "1(x4)"},
    ],
)
def test_the_only_rank_of_a_host_is_not_refused(environment: dict[str, str]) -> None:
    said = ""
    try:
        refuse_beside_others(environment)
    except InputError as error:
        said = str(error)

    assert not said


def test_only_the_recording_of_a_rank_is_named_after_it() -> None:
    assert stem_of_rank("train", {"RANK": "3", "WORLD_SIZE": "4"}) == "train-rank3"
    assert stem_of_rank("train", {"RANK": "0", "WORLD_SIZE": "1"}) == "train"
    assert stem_of_rank("train", {}) == "train"
