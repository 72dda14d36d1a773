"""What is told of the precision in which a model multiplies matrices."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from energyprof_plugins.instruments.torch_precision import MatmulPrecision

torch = pytest.importorskip("torch")
X = torch.zeros(3, 4)


def net() -> Any:
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())


@pytest.fixture
def precision(events: Any) -> Any:
    """Return what tells a model's precision, and where its weights are."""
    return lambda: tuple(events.facts["Sequential"].get(name) for name in ("device", "matmul_runs_in"))


def test_weights_of_float32_run_as_such_by_default(precision: Any) -> None:
    net()(X)

    assert precision() == ("cpu", "float32")


def test_weights_of_less_precision_run_in_theirs(precision: Any) -> None:
    net().bfloat16()(X.bfloat16())

    assert precision() == ("cpu", "bfloat16")


def test_autocast_decides_what_they_run_in(precision: Any) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        net()(X)

    assert precision() == ("cpu", "bfloat16")


def test_a_global_setting_decides_what_they_run_in(precision: Any) -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        net()(X)
    finally:
        torch.set_float32_matmul_precision(before)

    assert precision() == ("cpu", "bfloat16")


def test_a_model_that_goes_on_in_another_precision_runs_in_some(precision: Any) -> None:
    model = net()
    model(X)

    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(3):
            model(X)

    assert precision() == ("cpu", "some")


def test_a_model_without_matrix_products_tells_nothing(precision: Any) -> None:
    torch.nn.Sequential(torch.nn.Conv1d(4, 4, 1), torch.nn.ReLU())(torch.zeros(1, 4, 4))

    assert precision() == (None, None)


class _OnGpu:
    """A weight on a GPU that is not there."""

    device, dtype = torch.device("cuda", 0), torch.float32
    numel, dim, is_floating_point = (lambda _self: 16), (lambda _self: 2), (lambda _self: True)


class _Layer(torch.nn.Linear):
    def parameters(self, recurse: bool = True) -> Any:
        del recurse
        return iter([_OnGpu()])


@pytest.mark.parametrize(("setting", "runs_in"), [("ieee", "float32"), ("none", "float32"), ("tf32", "tf32")])
def test_a_gpu_tells_its_capability_and_whether_tf32_is_allowed(sink: Any, setting: str, runs_in: str) -> None:
    with_gpu = SimpleNamespace(
        nn=torch.nn,
        cuda=SimpleNamespace(get_device_capability=lambda _device: (9, 0)),
        version=SimpleNamespace(hip=None),
        float32=torch.float32,
        float64=torch.float64,
        is_autocast_enabled=lambda _device: False,
        _C=SimpleNamespace(_get_fp32_precision_getter=lambda _backend, _what: setting),
    )

    MatmulPrecision(sink, with_gpu).note(sink.stage_code("Net"), torch.nn.Sequential(_Layer(4, 4)))

    assert sink.facts["Net"] == {"device": "cuda", "matmul_runs_in": runs_in, "compute_capability": "9.0"}


def test_float64_stays_what_it_is_under_autocast(precision: Any) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        net().double()(X.double())

    assert precision() == ("cpu", "float64")


def test_convolutions_count_in_float64(precision: Any) -> None:
    torch.nn.Sequential(torch.nn.Conv1d(4, 4, 1)).double()(torch.zeros(1, 4, 4).double())

    assert precision() == ("cpu", "float64")
