"""Waste of a real GPU: programs with a fault and what is left once it is mended, in joules that its driver measured.

They run by themselves where there is a GPU; these alone: pytest -m hardware tests/plugins/findings
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

pytestmark = [
    pytest.mark.hardware,
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
MARGIN = 0.1
"""Of what is spent, for what two runs of the same program differ by: clocks, temperature, the sensor's error."""
REST = """
torch.cuda.synchronize()
time.sleep(3)  # as long as the device draws its idle power
"""
CHAIN = """
torch.set_float32_matmul_precision("high")
torch.set_grad_enabled(False)
parts = [part for _ in range(20) for part in (torch.nn.Linear(256, 256), torch.nn.ReLU())]
net = torch.nn.Sequential(*parts).cuda().eval()
x = torch.randn(16, 256, device="cuda")
"""
SMALL_LAUNCHES = f"""{CHAIN}
net(x)
{REST}
with energyprof.stage("serve"):
    for _ in range(8000):
        net(x)
    torch.cuda.synchronize()
"""
ONE_GRAPH = f"""{CHAIN}
with torch.cuda.stream(torch.cuda.Stream()):
    for _ in range(3):
        net(x)
torch.cuda.synchronize()
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    net(x)
{REST}
with energyprof.stage("serve"):
    for _ in range(8000):
        graph.replay()
    torch.cuda.synchronize()
"""
LARGE_BATCH = SMALL_LAUNCHES.replace("torch.randn(16,", "torch.randn(65536,").replace("range(8000)", "range(100)")
PRODUCTS = f"""
torch.set_float32_matmul_precision("{{precision}}")
torch.set_grad_enabled(False)
net = torch.nn.Sequential(*[torch.nn.Linear(8192, 8192) for _ in range(4)]).cuda().eval()
x = torch.randn(8192, 8192, device="cuda")
net(x)
{REST}
with energyprof.stage("serve"):
    for _ in range(50):
        net(x)
    torch.cuda.synchronize()
"""
LOADING = f"""
from torch.utils.data import DataLoader, Dataset
class Files(Dataset):
    def __len__(self):
        return 60
    def __getitem__(self, index):
        time.sleep({{load_s}})
        return torch.zeros(8)
net = torch.nn.Linear(4096, 4096).cuda()
x = torch.randn(4096, 4096, device="cuda")
optimizer = torch.optim.SGD(net.parameters(), lr=1e-9)
net(x)
{REST}
for batch in DataLoader(Files(), batch_size=1):
    for _ in range(10):
        net(x).sum().backward()
    optimizer.step()
torch.cuda.synchronize()
"""


@pytest.fixture
def on_gpu(profiled: Any) -> Callable[[str], dict[str, Any]]:
    """Return what runs a program beside the driver's sensor."""
    return lambda program: profiled(program, torch=True, source="nvml")


def gpu_j(report: dict[str, Any], stage: str = "serve") -> float:
    (row,) = [row for row in report["stages"] if row["stage"] == stage]
    return sum(float(energy["energy_j"]) for energy in row["total"] if energy["domain"].startswith("gpu:"))


def test_small_launches_are_found_and_a_graph_saves_what_is_promised(on_gpu: Any, found: Any) -> None:
    faulty, mended = on_gpu(SMALL_LAUNCHES), on_gpu(ONE_GRAPH)

    (finding,) = found(faulty, "waiting_for_launches")
    assert finding["offenders"] == ["serve"]
    spent_j, left_j = gpu_j(faulty), gpu_j(mended)
    least_j, most_j = finding["saving_j"]
    assert least_j - MARGIN * spent_j <= spent_j - left_j <= most_j + MARGIN * spent_j
    assert found(mended, "waiting_for_launches") == []


def test_a_batch_that_fills_the_device_is_no_fault(on_gpu: Any, found: Any) -> None:
    assert found(on_gpu(LARGE_BATCH), "waiting_for_launches") == []


def test_float32_products_are_found_and_a_cheaper_unit_saves_what_is_promised(on_gpu: Any, found: Any) -> None:
    faulty = on_gpu(PRODUCTS.format(precision="highest"))
    mended = on_gpu(PRODUCTS.format(precision="high"))

    (finding,) = found(faulty, "wide_products")
    spent_j, left_j = gpu_j(faulty), gpu_j(mended)
    least_j, most_j = finding["saving_j"] or (0.0, spent_j)  # of other GPUs than A100, H100 and H200 it is a hint
    assert least_j - MARGIN * spent_j <= spent_j - left_j <= most_j + MARGIN * spent_j
    has_tf32 = "TF32" in finding["evidence"]
    assert not has_tf32 or found(mended, "wide_products") == []


def test_a_device_that_waits_for_the_loader_is_found_and_one_kept_busy_is_not(on_gpu: Any, found: Any) -> None:
    faulty, mended = on_gpu(LOADING.format(load_s=0.1)), on_gpu(LOADING.format(load_s=0.0))

    (finding,) = found(faulty, "waiting_for_loader")
    assert finding["offenders"] == ["loader"]
    assert found(mended, "waiting_for_loader") == []
