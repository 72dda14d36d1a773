"""The phases of a training are stages by themselves: loader, backward, optimizer, evaluation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
)

X = torch.ones(2, 4)


def words(events: Any) -> list[str]:
    """Return what was told but for the layers."""
    return [word for word in events.told() if "." not in word or "!" in word]


def test_a_step_of_the_training_is_told_in_its_phases(events: Any) -> None:
    net = nn.Linear(4, 1)
    optimizer = torch.optim.AdamW(net.parameters())

    for x, y in DataLoader(TensorDataset(X, X[:, :1]), batch_size=2):
        optimizer.zero_grad()
        nn.MSELoss()(net(x), y).backward()
        optimizer.step()

    assert words(events) == [
        *("+?loader", "-?loader"),  # its iteration begins
        *("+?loader", "-?loader", "+!AdamW.zero_grad", "-!AdamW.zero_grad"),
        *("+Linear", "-Linear", "+MSELoss", "-MSELoss"),
        *("+~backward", "+~MSELoss", "-~MSELoss", "+~Linear", "-~Linear", "-~backward"),
        *("+!AdamW.step", "-!AdamW.step"),
        *("+?loader", "-?loader"),  # it has no more
    ]


def test_a_loader_tells_its_epochs_and_batches(events: Any) -> None:
    train = DataLoader(TensorDataset(torch.arange(6)), batch_size=2)
    valid = DataLoader(TensorDataset(torch.arange(3)), batch_size=3)

    for _ in range(3):
        list(train)
        list(valid)
    next(iter(train))
    events.told()
    list(valid)

    assert events.told()[0] == "+?loader#2"
    assert events.facts["?loader#2"] == {
        "dataset": "TensorDataset",
        "samples_in_memory": 1,
        "batch_size": 3,
        "workers": 0,
        "epochs": 4,
        "batches": 4,
        "batches_of_first_epoch": 1,
    }
    assert events.facts["?loader"]["epochs"] == 4


def test_only_tensors_that_are_merely_stacked_up_are_samples_in_memory(events: Any) -> None:
    tensors = TensorDataset(torch.arange(6))

    for loader in (DataLoader(Subset(tensors, [0, 1])), DataLoader(tensors, collate_fn=list), DataLoader([1, 2])):
        list(loader)
        events.told()

    assert ["samples_in_memory" in events.facts[name] for name in ("?loader", "?loader#2", "?loader#3")] == [
        True,
        False,
        False,
    ]


def test_a_loader_made_anew_for_each_evaluation_is_one_loader(events: Any) -> None:
    dataset, kept = TensorDataset(torch.arange(6)), []
    train = DataLoader(dataset, batch_size=2, shuffle=True)

    for _ in range(3):
        list(train)
        kept.append(DataLoader(dataset, batch_sampler=BatchSampler(SequentialSampler(dataset), 3, drop_last=False)))
        list(kept[-1])

    assert set(events.told()) == {"+?loader", "-?loader", "+?loader#2", "-?loader#2"}
    assert (events.facts["?loader"]["epochs"], events.facts["?loader"]["batches"]) == (3, 9)
    about = events.facts["?loader#2"]
    assert (about["epochs"], about["batches"], about["batch_size"]) == (3, 6, 3)


def test_loaders_that_read_other_samples_or_at_once_are_two(events: Any) -> None:
    def numbers(*loaders: Any) -> set[str]:
        for _ in zip(*loaders, strict=True):
            pass
        return {word[2:] for word in events.told()}

    dataset = TensorDataset(torch.arange(6))
    folds = [DataLoader(dataset, sampler=SubsetRandomSampler(part)) for part in ([0, 1, 2], [3, 4, 5])]
    views = [DataLoader(dataset, shuffle=True, batch_size=2) for _ in range(2)]

    assert numbers(*folds) == {"loader", "loader#2"}
    assert numbers(*views) == {"loader#3", "loader#4"}


def test_counts_of_an_unfinished_epoch_are_told_at_the_end(sink: Any) -> None:
    from energyprof_plugins.instruments.torch_loader import TorchLoader

    instrument = TorchLoader()
    instrument.install(sink)
    loader = DataLoader(TensorDataset(torch.arange(6)), batch_size=2)
    batches = iter(loader)
    next(batches)
    next(batches)

    instrument.remove()

    assert sink.facts["?loader"]["batches"] == 2


def test_a_loader_that_fails_ends_its_span(events: Any) -> None:
    class Failing(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            raise OSError("no file")
            yield

    with pytest.raises(OSError, match="no file"):
        list(DataLoader(Failing()))

    assert events.told() == ["+?loader", "-?loader"] * 2


def test_a_step_that_fails_ends_its_span(events: Any) -> None:
    weight = nn.Parameter(X.clone())
    optimizer = torch.optim.SGD([weight], lr=0.1)

    def closure() -> float:
        raise ValueError("no loss")

    with pytest.raises(ValueError, match="no loss") as error:
        optimizer.step(closure)

    assert events.told() == ["+!SGD.step", "-!SGD.step"]
    assert not [entry for entry in error.traceback if "energyprof_plugins" in str(entry.path)]


def test_an_optimizer_of_the_programs_own_is_one_stage(events: Any) -> None:
    class Careful(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    weight = nn.Parameter(X.clone())
    plain, careful = torch.optim.SGD([weight], lr=0.1), Careful([weight], lr=0.1)

    plain.step()
    careful.step()

    assert events.told() == ["+!SGD.step", "-!SGD.step", "+!Careful.step", "-!Careful.step"]


def test_schedulers_see_the_order_of_steps_as_ever(events: Any) -> None:
    weight = nn.Parameter(X.clone())
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)

    optimizer.step()
    scheduler.step()  # would warn, and fail here, had it not seen the step

    assert optimizer.param_groups[0]["lr"] == 0.5
    assert events.told() == ["+!SGD.step", "-!SGD.step"]


def test_gradients_set_to_zero_by_the_model_are_told(events: Any) -> None:
    nn.Linear(4, 1).zero_grad()

    assert events.told() == ["+!zero_grad", "-!zero_grad"]


def test_an_evaluation_is_told_once_the_program_trains(events: Any) -> None:
    net = nn.Sequential(nn.Linear(4, 1))

    def evaluate() -> list[str]:
        net.eval()
        events.told()
        with torch.no_grad():
            net(X)
        net.train()
        return words(events)

    before = evaluate()
    net(X).sum().backward()
    after = evaluate()
    with torch.no_grad():
        net(X)

    assert before == ["+Sequential", "-Sequential"]
    assert after == ["+evaluation", "+Sequential", "-Sequential", "-evaluation"]
    assert words(events) == after  # in train mode, as where model.eval() was forgotten


def test_a_reentrant_checkpoint_is_no_evaluation(events: Any) -> None:
    layer = nn.Linear(4, 4)
    layer(X).sum().backward()
    events.told()

    checkpoint(layer, X.clone().requires_grad_(), use_reentrant=True).sum().backward()

    told = words(events)
    assert "+Linear" in told
    assert "+evaluation" not in told
