"""Which steps of a Sequential hand what they return to which: told by the model itself, without watching a tensor."""

import pytest

torch = pytest.importorskip("torch")

from energyprof_plugins.instruments.torch_sequence import steps_of  # noqa: E402 - only where there is a torch


class Backwards(torch.nn.Sequential):
    """Calls its steps as it likes."""

    def forward(self, x):
        for step in reversed(self):
            x = step(x)
        return x


def test_each_step_is_handed_what_the_one_before_it_returns():
    first, relu, last = torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)

    assert list(steps_of(torch.nn.Sequential(first, relu, last))) == [(first, relu), (relu, last)]
    assert list(steps_of(torch.nn.Sequential(first, relu, last, relu))) == [(first, relu), (relu, last), (last, relu)]


def test_what_is_not_sure_is_not_told():
    relu = torch.nn.ReLU()

    assert list(steps_of(torch.nn.ModuleList([torch.nn.Linear(4, 4), relu]))) == []
    assert list(steps_of(Backwards(torch.nn.Linear(4, 4), relu))) == []
    assert list(steps_of(torch.nn.Sequential(relu, relu))) == []
