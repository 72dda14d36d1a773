"""Operations are what torch's own counter counts, worked out without running anything."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from energyprof_plugins.instruments.torch_operations import batch, operations, parameters

CASES = [
    (nn.Linear(8, 16), (4, 5, 8)),
    (nn.Conv2d(3, 8, 3, stride=2, padding=1), (2, 3, 17, 19)),
    (nn.Conv2d(4, 8, 3, groups=2, padding="same"), (2, 4, 17, 19)),
    (nn.Conv1d(4, 8, 3, dilation=2, padding="valid"), (4, 9)),
    (nn.Conv3d(2, 3, 2), (1, 2, 4, 5, 6)),
    (nn.ConvTranspose2d(4, 8, 3, stride=2, output_padding=1), (2, 4, 7, 9)),
    (nn.GRU(5, 7), (3, 11, 5)),
    (nn.RNN(5, 7, 2, bidirectional=True), (3, 11, 5)),
    (nn.ReLU(), (3, 4)),
    (nn.LayerNorm(4), (3, 4)),
]


@pytest.mark.parametrize(("module", "shape"), CASES, ids=lambda value: getattr(type(value), "__name__", ""))
def test_operations_are_those_of_torchs_counter(module: nn.Module, shape: tuple[int, ...]) -> None:
    given = torch.zeros(shape)
    with FlopCounterMode(display=False) as counter:
        module(given)

    assert operations(module, (given,), {}) == counter.get_total_flops()


def test_an_lstm_counts_four_products_a_layer_and_step() -> None:
    lstm = nn.LSTM(5, 7, batch_first=True)  # torch's counter knows no formula for the kernel it runs on a CPU

    assert operations(lstm, (torch.zeros(3, 11, 5),), {}) == 33 * 2 * (5 + 7) * 4 * 7


def test_what_has_no_formula_is_unknown_and_not_zero() -> None:
    class Odd(nn.Module):
        pass

    assert operations(Odd(), (torch.zeros(2, 3),), {}) is None
    assert operations(nn.Linear(2, 3), (), {}) is None
    assert operations(nn.Linear(2, 3), ("no tensor",), {}) is None
    assert operations(nn.Sequential(nn.Linear(2, 3)), (torch.zeros(2, 2),), {}) is None


def test_parameters_are_a_modules_own() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.LazyLinear(4))

    assert [parameters(module) for module in (net, net[0], net[1])] == [0, 9, 0]


def test_the_batch_is_the_first_dimension_of_the_first_tensor() -> None:
    assert batch((None, torch.zeros(6, 2)), {}) == 6
    assert batch((), {"x": torch.zeros(5, 2)}) == 5
    assert batch((torch.zeros(5),), {}) is None
