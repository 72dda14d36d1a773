"""Waste of devices: launches too small to keep one busy. The GPU is simulated, its power replayed, all else is real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from simulated_gpu_site import installed, power_file

pytestmark = pytest.mark.slow

IDLE_W, IN_USE_W = 40.0, 60.0
MODEL = """
import simulated_gpu as gpu
from torch import nn

class Launching(nn.Linear):
    kernel_ns = 5_000

    def forward(self, x):
        until_ns = time.perf_counter_ns() + 50_000  # what Python and a driver take for each launch
        while time.perf_counter_ns() < until_ns:
            pass
        gpu.launch(self.kernel_ns)
        return x

def layer(kernel_ns=5_000):
    layer = Launching(8, 8, device="meta")  # weights that are not the processor's
    layer.kernel_ns = kernel_ns
    return layer

x = torch.zeros(1, device="meta")
time.sleep(3)  # as long as the device draws its idle power
net = {net}
with energyprof.stage("serve"), torch.inference_mode():
    for _ in range({calls}):
        net(x)
    gpu.wait()
"""
"""The weights' device is none that computes: what the layers do is launch kernels on the simulated one."""
SMALL_LAUNCHES = MODEL.format(net="nn.Sequential(*[layer() for _ in range(20)])", calls=2000)
ONE_LAUNCH = MODEL.format(net="nn.Sequential(layer(20 * 5_000))", calls=2000)
"""The same kernels launched at once, as a graph is."""
LARGE_KERNELS = MODEL.format(net="nn.Sequential(*[layer(500_000) for _ in range(20)])", calls=200)
ON_THE_PROCESSOR = SMALL_LAUNCHES.replace('device="meta"', 'device="cpu"')


@pytest.fixture
def on_gpu(profiled: Any, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return what runs a program on the simulated GPU."""
    power = tmp_path / "power.csv"
    power.write_text(power_file(lambda at_s: IDLE_W if at_s < 3 else IN_USE_W))
    environment = installed(tmp_path / "site")
    return lambda program: profiled(program, torch=True, source=f"replay:{power}", environment=environment)


def test_waiting_for_launches_is_found_and_its_saving_comes_true(on_gpu: Any, found: Any) -> None:
    faulty, mended = on_gpu(SMALL_LAUNCHES), on_gpu(ONE_LAUNCH)

    (finding,) = found(faulty, "waiting_for_launches")
    assert finding["offenders"] == ["serve"]
    assert "had done all that was launched" in finding["evidence"]
    least_j, most_j = finding["saving_j"]
    energy_j = [next(row for row in report["stages"] if row["stage"] == "serve") for report in (faulty, mended)]
    spent_j, left_j = (row["total"][0]["energy_j"] for row in energy_j)
    assert least_j <= spent_j - left_j < most_j
    assert found(mended, "waiting_for_launches") == []


@pytest.mark.parametrize("program", [LARGE_KERNELS, ON_THE_PROCESSOR], ids=["a busy device", "a model elsewhere"])
def test_a_device_that_is_kept_busy_or_has_no_model_is_no_fault(on_gpu: Any, found: Any, program: str) -> None:
    assert found(on_gpu(program), "waiting_for_launches") == []
