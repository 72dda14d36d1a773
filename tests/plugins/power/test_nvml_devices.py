"""Which GPUs a program may use: CUDA's reading of CUDA_VISIBLE_DEVICES in NVML's numbers."""

from __future__ import annotations

import pytest

from energyprof_plugins.power.nvml_devices import Gpu, select

A, B, C = "GPU-8932f937-d72c", "GPU-8932aaaa-0001", "GPU-11112222-0002"
MIG = "MIG-5c1f0e4b-1111"
SAME = (Gpu(0, A, "H100"), Gpu(1, B, "H100"), Gpu(2, C, "H100"))
MIXED = (Gpu(0, A, "T4"), Gpu(1, B, "A100"))
DIVIDED = (Gpu(0, A, "A100", (MIG, "MIG-5c1f0e4b-2222")), Gpu(1, B, "A100"))


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        (None, (0, 1, 2)),
        ("0", (0,)),
        ("2,0", (0, 2)),
        (" 1 , 2 ", (1, 2)),
        ("1gpu,+2", (1, 2)),
        ("", ()),
        ("-1", ()),
        ("0,-1,1", (0,)),
        ("0,7,1", (0,)),
        ("none", ()),
        ("1,1", ()),
        (A, (0,)),
        ("GPU-11", (2,)),
        ("GPU-8932", ()),
        (f"{C},GPU-8932f,GPU-nobody,{B}", (0, 2)),
        (f"{A},GPU-8932f", ()),
        (f"0,{B}", (0, 1)),
        ("MIG-5c1f", ()),
    ],
)
def test_variable_selects_what_cuda_would_show(visible, indices):
    assert select(SAME, visible, None).indices == indices


@pytest.mark.parametrize("visible", [MIG, f"{MIG},MIG-5c1f0e4b-2222", f"MIG-{A}/1/0", "MIG-5c1f0e4b-1"])
def test_mig_instance_means_the_gpu_it_is_part_of_and_that_is_said(visible):
    selection = select(DIVIDED, visible, None)

    assert selection.indices == (0,)
    assert selection.remarks == (
        "gpu:0 is divided by MIG: the energy is that of the whole GPU, with what its other instances do",
    )


def test_divided_gpu_is_remarked_on_without_the_variable_too():
    assert len(select(DIVIDED, None, None).remarks) == 1


def test_entry_that_hides_those_behind_it_is_named():
    assert select(SAME, "0,7,1", "PCI_BUS_ID").remarks == (
        "CUDA_VISIBLE_DEVICES=0,7,1: there is no '7'; CUDA sees nothing from it on",
    )


def test_repeated_entry_is_named():
    assert select(SAME, "1,1", None).remarks == ("CUDA_VISIBLE_DEVICES=1,1 repeats '1'; CUDA then sees no GPU at all",)


def test_numbers_among_different_models_may_mean_any_so_all_are_read_and_that_is_said():
    selection = select(MIXED, "0", None)

    assert selection.indices == (0, 1)
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in selection.remarks[0]


@pytest.mark.parametrize(
    ("gpus", "visible", "order"), [(MIXED, "1", "PCI_BUS_ID"), (SAME, "1", None), (MIXED, B, None)]
)
def test_numbers_in_bus_order_among_equals_and_uuids_mean_one(gpus, visible, order):
    assert select(gpus, visible, order) == select(gpus, B, None)
