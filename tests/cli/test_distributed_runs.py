"""Programs of several ranks through the real command: one recording, ranks apart, waits apart from work."""

from __future__ import annotations

import functools
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import energyprof

pytestmark = pytest.mark.slow
pytest.importorskip("torch.distributed")

LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
QUICK_LAUNCH = """
import os, subprocess, sys, time

def started(rank):
    environment = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    return subprocess.Popen([sys.executable, *sys.argv[1:]], env={**os.environ, **environment})

ranks = [started("0"), started("1")]
while None in [one.poll() for one in ranks]:
    if any(one.returncode for one in ranks):
        for one in ranks:
            one.terminate()
    time.sleep(0.02)
sys.exit(any(one.returncode for one in ranks))
"""
"""Does what torchrun does, without its import of torch: for tests that look at the ranks only."""
DDP = """
import os, sys, time, torch, torch.distributed as dist
from torch import nn
import energyprof

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

def meet(where):
    # The other rank may have imported for longer, and who is alone in a stage pays for the whole machine.
    store = dist.distributed_c10d._get_default_store()  # a barrier would be one more wait that is recorded
    store.add(where, 1)
    while store.add(where, 0) < dist.get_world_size():
        time.sleep(0.01)

meet("train")
cpu_s = -time.process_time()
with energyprof.stage("train"):
    for _ in range(20):
        batch = torch.randn(32, 64)
        if rank == 1:
            busy = time.thread_time() + 0.05
            while time.thread_time() < busy:
                sum(range(1000))
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()
    total = torch.ones(3)
    dist.all_reduce(total)
    dist.barrier()
cpu_s += time.process_time()
told = f"rank {rank} {[round(float(p.sum()), 9) for p in model.parameters()]} {total.tolist()}\\n"
os.write(1, told.encode())  # at once: both ranks write into one pipe
"""
FSDP = """
if "sharded" in sys.argv:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    for layer in model:
        if list(layer.parameters()):
            fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    meet("sharded")
    cpu_s -= time.process_time()
    with energyprof.stage("sharded"):
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(8, 64)).square().mean().backward()
            optimizer.step()
    cpu_s += time.process_time()
    with open(f"cpu_s.{rank}", "w") as file:
        file.write(str(cpu_s))
"""
SGD = "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)"
"""The first optimizer of a process imports for two seconds: a step by hand does where steps are not looked at."""
END = "dist.destroy_process_group()\n"
SPAWN = """
import multiprocessing, os
import energyprof

def work(rank, folder):
    import torch, torch.distributed as dist
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    with energyprof.stage("step"):
        dist.all_reduce(torch.ones(4))
    dist.destroy_process_group()

if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    ranks = [spawn.Process(target=work, args=(rank, os.getcwd())) for rank in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
"""
KILLED = """
import os, signal, time, torch, torch.distributed as dist
import energyprof

dist.init_process_group("gloo")
with energyprof.stage("before"):
    dist.all_reduce(torch.ones(4))
    time.sleep(1.0)
if dist.get_rank() == 1:
    time.sleep(1.0)  # the launcher ends the other rank at once: what that recorded in its last 0.25 s may be lost
    os.kill(os.getpid(), signal.SIGKILL)
with energyprof.stage("after"):
    time.sleep(60)
"""


def report_of(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(energyprof.load(path).render("json"))
    return document


def meeting() -> dict[str, str]:
    """Return where ranks that no torchrun brings together meet: at a port that is free."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(listener.getsockname()[1])}


def stages_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["stage"]: row for row in document["stages"]}


@pytest.fixture(scope="module")
def ddp_run(tmp_path_factory: pytest.TempPathFactory, cache: Path, workplace_class: Any) -> tuple[Any, Any, Path]:
    """Two ranks that train together, rank 1 having more to do, and then once more with all weights sharded."""
    place = workplace_class(tmp_path_factory.mktemp("ddp"), cache, tmp_path_factory.mktemp("t"))
    place.write("train.py", DDP + FSDP + END)
    place.write("launch.py", QUICK_LAUNCH)
    done = place.run("-q", "--no-graph", "-o", "ranks.eprof", *LAUNCH, "train.py", "sharded")
    return place, done, place.folder / "ranks.eprof"


def test_all_ranks_of_a_host_stand_in_one_recording_with_the_same_stages(ddp_run: tuple[Any, Any, Path]) -> None:
    _, done, path = ddp_run

    document = report_of(path)

    assert done.returncode == 0, done.stderr.decode()
    assert [(row["rank"], row["processes"]) for row in document["ranks"]] == [(0, 1), (1, 1)]
    stages = stages_of(document)
    assert stages["train"]["calls"] == 2
    assert stages["train/SGD.step"]["calls"] == 40
    assert not [name for name in stages if name.startswith("program")]
    trace = energyprof.load(path).trace
    assert {(one.rank, one.world_size, one.local_rank) for one in trace.ranks} == {(0, 2, 0), (1, 2, 1)}


def test_energies_of_ranks_add_up_to_those_of_the_stages(ddp_run: tuple[Any, Any, Path]) -> None:
    _, _, path = ddp_run

    document = report_of(path)

    of_ranks_uj = sum(round(row["energy_sum"]["energy_j"] * 1e6) for row in document["ranks"])
    assert of_ranks_uj == round(document["stages_sum"]["energy_j"] * 1e6)
    for row in document["ledger"]:
        parts = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
        assert row["measured_j"] == pytest.approx(sum(row[name] for name in parts), abs=1e-6)


def test_a_rank_that_waits_for_a_slower_one_is_told_from_it(ddp_run: tuple[Any, Any, Path]) -> None:
    place, _, path = ddp_run

    document = report_of(path)

    quick, slow = document["ranks"]
    assert quick["waiting_s"] > slow["waiting_s"]
    assert quick["work_s"] < slow["work_s"]
    quick_s, slow_s = (float((place.folder / f"cpu_s.{rank}").read_text()) for rank in (0, 1))
    quick_j, slow_j = (row["energy_sum"]["energy_j"] for row in (quick, slow))
    assert (quick_j < slow_j) == (quick_s < slow_s)  # as each says itself: a busy machine makes of either what it likes
    assert document["imbalance"]["slowest"] == 1
    waits = stages_of(document)["train/backward/all_reduce"]
    assert waits["kind"] == "communication"
    assert waits["calls"] == 40
    assert waits["cpu_s"] < 0.5 * waits["wall_s"]


def test_the_report_for_people_has_a_table_of_ranks(ddp_run: tuple[Any, Any, Path]) -> None:
    _, _, path = ddp_run

    shown = str(energyprof.load(path))

    assert "rank 0" in shown
    assert "rank 1" in shown
    assert "imbalance" in shown


def test_training_with_ranks_gives_the_same_with_and_without_us(ddp_run: tuple[Any, Any, Path]) -> None:
    place, done, _ = ddp_run

    bare = place.call([sys.executable, "launch.py", "train.py"], environment=meeting())

    def told(output: bytes) -> list[str]:
        return sorted(line for line in output.decode().splitlines() if line.startswith("rank"))

    assert len(told(bare.stdout)) == 2
    assert told(done.stdout) == told(bare.stdout)


def test_collectives_of_fully_sharded_training_are_stages(ddp_run: tuple[Any, Any, Path]) -> None:
    _, _, path = ddp_run

    stages = report_of(path)["stages"]

    sharded = [row for row in stages if row["stage"].startswith("sharded/") and row["kind"] == "communication"]
    assert {"all_gather", "reduce_scatter"} <= {row["name"] for row in sharded}


def test_ranks_that_no_launcher_names_are_known_once_they_meet(place: Any) -> None:
    place.write("spawn.py", SPAWN)

    done = place.run("-q", "--no-graph", "-o", "spawn.eprof", "spawn.py")

    assert done.returncode == 0, done.stderr.decode()
    document = report_of(place.folder / "spawn.eprof")
    assert [row["rank"] for row in document["ranks"]] == [0, 1]


def test_a_killed_rank_leaves_the_rest_of_the_recording(place: Any) -> None:
    place.write("launch.py", QUICK_LAUNCH)
    place.write("killed.py", KILLED)

    words = ("-q", "--no-graph", "-o", "killed.eprof", "launch.py", "killed.py")
    done = place.run(*words, environment=meeting())

    assert done.returncode not in {0, 2}
    document = report_of(place.folder / "killed.eprof")
    assert stages_of(document)["before"]["calls"] == 2
    assert stages_of(document)["after"]["calls"] == 1
    assert [row["rank"] for row in document["ranks"]] == [0, 1]
    ledger = document["ledger"][0]
    parts = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
    assert ledger["measured_j"] == pytest.approx(sum(ledger[name] for name in parts), abs=1e-6)


def test_ranks_that_profile_themselves_are_refused_with_the_way_to_do_it(place: Any) -> None:
    place.write("train.py", "print('ran')")
    environment = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}

    done = place.run("train.py", environment=environment)

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"energyprof run -m torch.distributed.run" in done.stderr
    assert place.recordings() == []


def test_the_one_rank_of_a_host_names_its_recording_after_itself(place: Any) -> None:
    place.write("train.py", "print('ran')")
    environment = {"RANK": "3", "LOCAL_RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "1"}

    done = place.run("-q", "train.py", environment=environment)

    assert done.returncode == 0
    assert [path.name.split("-2")[0] for path in place.recordings()] == ["train-rank3"]


def recorded_on(place: Any, host: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    folder = place.folder / f"host{host}"
    folder.mkdir()
    ranks = {"RANK": str(host), "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1"}
    command = place.command("run", "-q", "--no-graph", "-o", "run.eprof", str(place.folder / "train.py"))
    process: subprocess.Popen[bytes] = place.start(command, {**environment, **ranks}, cwd=folder)
    return process


def test_recordings_of_two_hosts_become_one_run_of_all_ranks(place: Any, command_here: Any) -> None:
    by_hand = "with torch.no_grad(): [weight.sub_(0.01 * weight.grad) for weight in model.parameters()]"
    steps = (
        ("range(20)", "range(5)"),
        (SGD, ""),
        ("optimizer.zero_grad", "model.zero_grad"),
        ("optimizer.step()", by_hand),
    )
    place.write("train.py", functools.reduce(lambda text, pair: text.replace(*pair), steps, DDP) + END)
    together = meeting()
    hosts = [recorded_on(place, host, together) for host in (0, 1)]
    for process in hosts:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr.decode()

    done = command_here("merge", "a/b=host0/run.eprof", "c=host1/run.eprof", "-o", "all.eprof")

    assert done.returncode == 0, done.stderr.decode()
    document = report_of(place.folder / "all.eprof")
    assert [(row["rank"], row["host"]) for row in document["ranks"]] == [(0, "a/b"), (1, "c")]
    assert [row["domain"] for row in document["domains"]] == ["a%2Fb/cpu", "c/cpu"]
    assert stages_of(document)["train"]["calls"] == 2
    for row, folder in zip(document["ledger"], ("host0", "host1"), strict=True):
        (alone,) = report_of(place.folder / folder / "run.eprof")["ledger"]
        names = ("measured_j", "stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
        assert {name: row[name] for name in names} == pytest.approx({name: alone[name] for name in names}, abs=2e-6)
    for words in (("layers", "all.eprof"), ("graph", "all.eprof", "-o", "all.svg")):
        assert command_here(*words).returncode == 0
