"""A program that works on a GPU under the real command: the GPU is simulated, its power replayed, all else is real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated_gpu_site import installed, power_file

PROGRAM = """\
import simulated_gpu as gpu
import threading, time
from energyprof import stage

SECOND = 1_000_000_000

with stage("train"):
    for _ in range(2):
        with stage("matmul"):
            gpu.launch(SECOND // 2)
        with stage("logging"):
            time.sleep(0.8)

    def evaluate():
        with stage("evaluate"), gpu.stream(1):
            with stage("big"):
                gpu.launch(SECOND // 2)
            gpu.wait()

    thread = threading.Thread(target=evaluate)
    thread.start()
    thread.join()
gpu.wait()
time.sleep(0.3)
"""
POWER_W = 100.0


@pytest.fixture
def with_gpu(place: Any, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a machine with the simulated GPU and its plugin; its power is in power.csv."""
    place.write("power.csv", power_file(lambda _s: POWER_W))
    return installed(tmp_path / "site")


def recorded(place: Any, environment: dict[str, str], *options: str) -> tuple[dict[str, Any], str]:
    script = place.write("job.py", PROGRAM)
    done = place.run(*options, "--source", "replay:power.csv", "--no-graph", str(script), environment=environment)
    assert done.returncode == 0, done.stderr.decode()
    (recording,) = place.recordings()
    return place.report(recording.name), done.stderr.decode()


def energy_j(report: dict[str, Any]) -> dict[str, float]:
    return {row["stage"]: row["self"][0]["energy_j"] for row in report["stages"]}


def test_energy_lands_on_the_stage_that_launched_the_kernels(place: Any, with_gpu: dict[str, str]) -> None:
    report, said = recorded(place, with_gpu)

    energy, rows = energy_j(report), {row["stage"]: row for row in report["stages"]}
    # Two kernels of half a second at 100 W, launched by a stage that took the host next to nothing.
    assert energy["train/matmul"] == pytest.approx(100.0, abs=10.0)
    assert rows["train/matmul"]["wall_s"] < 0.5
    assert rows["train/matmul"]["calls"] == 2
    # What is left of a second stage once the kernels before it are done.
    logging_s = rows["train/logging"]["wall_s"]
    assert energy["train/logging"] == pytest.approx(100.0 * (logging_s - 1.0), abs=20.0)
    # A thread's stage stands below the one the thread was made in, on the other stream too.
    assert energy["train/evaluate/big"] == pytest.approx(50.0, abs=10.0)
    (ledger,) = report["ledger"]
    parts = (ledger[name] for name in ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j"))
    assert sum(parts) == pytest.approx(ledger["measured_j"], abs=1e-5)
    assert sum(energy.values()) == pytest.approx(ledger["stages_j"], abs=1e-5)
    assert "Traceback" not in said


def test_with_sync_the_host_waits_at_the_end_of_each_stage(place: Any, with_gpu: dict[str, str]) -> None:
    report, _ = recorded(place, with_gpu, "--sync")

    rows = {row["stage"]: row for row in report["stages"]}
    wall_s = rows["train/matmul"]["wall_s"]
    assert wall_s >= 1.0
    assert 95.0 < energy_j(report)["train/matmul"] < POWER_W * wall_s + 5.0


def test_sync_is_refused_where_no_recorder_is(place: Any) -> None:
    done = place.call(place.command("run", "--sync", "--exec", "--", "true"))

    assert done.returncode == 2
    assert b"--sync works inside a Python program" in done.stderr


MODEL = """\
import torch
import simulated_gpu as gpu
import time
from torch import nn

class Launch(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, seconds):
        ctx.seconds = seconds
        gpu.launch(round(seconds * 1e9))
        return x * 1

    @staticmethod
    def backward(ctx, gradient):
        gpu.launch(round(2 * ctx.seconds * 1e9))
        return gradient, None

class Kernel(nn.Module):
    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def forward(self, x):
        return Launch.apply(x, self.seconds)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.small, self.large = Kernel(0.2), Kernel(0.4)

    def forward(self, x):
        return self.large(self.small(x))

net = Net()
net(torch.ones(1, requires_grad=True)).sum().backward()
gpu.wait()
time.sleep(0.3)
"""


def test_energy_lands_on_the_torch_layer_that_launched_the_kernels(place: Any, with_gpu: dict[str, str]) -> None:
    script = place.write("job.py", MODEL)

    done = place.run("-q", "--source", "replay:power.csv", "--no-graph", str(script), environment=with_gpu)
    (recording,) = place.recordings()
    report = place.report(recording.name)

    assert (done.returncode, done.stderr) == (0, b"")
    energy, wall_s = energy_j(report), sum(row["wall_s"] for row in report["stages"])
    assert energy["Net.small"] == pytest.approx(20.0, abs=8.0)
    assert energy["Net.large"] == pytest.approx(40.0, abs=8.0)
    assert energy["backward/Net.small"] == pytest.approx(40.0, abs=8.0)
    assert energy["backward/Net.large"] == pytest.approx(80.0, abs=8.0)
    assert energy["Net"] < 8.0
    assert wall_s < 1.2  # none of the 1.8 s of kernels is the host's
