"""Which calls of models are on tensors that they have had before."""

from __future__ import annotations

from collections import UserDict

import pytest

torch = pytest.importorskip("torch")

from energyprof_plugins.instruments.torch_same_tensors import (  # noqa: E402
    HEAD_START_NS,
    KEPT,
    MOST_SHARE,
    TIMED,
    SameTensors,
)

SMALL, LARGE = (4, 8), (600, 64)
"""The first is known by what it holds, the second by its place."""


def net(features=8):
    return torch.nn.Sequential(torch.nn.Linear(features, 8), torch.nn.ReLU()).eval()


def again(events):
    return sum(count for _, count, unit in events.work if unit == "calls_on_same_tensors")


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
def test_a_tensor_handed_over_again_is_the_same_input(events, shape):
    model, x = net(shape[1]), torch.randn(shape)

    for _ in range(4):
        model(x)

    assert again(events) == 3
    assert {stage for stage, _, unit in events.work if unit == "calls_on_same_tensors"} == {"Sequential.1"}


def test_equal_small_tensors_are_the_same_input_and_large_ones_need_not_be(events):
    small, large = net(), net(64)
    x, y = torch.randn(SMALL), torch.randn(LARGE)

    for _ in range(2):
        small(x.clone())
        large(y.clone())

    assert again(events) == 1


def test_equal_batches_that_a_loader_makes_anew_are_the_same_input_up_to_a_size(events):
    model, batch = net(256), torch.randn(128, 256)

    for _ in range(3):
        model(batch.clone())

    assert again(events) == 2


def test_views_of_one_large_tensor_are_the_same_where_they_show_the_same(events):
    model, rows = net(64), torch.randn(1200, 64)

    for start in (0, 600, 0):
        model(rows[start : start + 600])

    assert again(events) == 1


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
def test_tensor_that_was_changed_is_another_input(events, shape):
    model, x = net(shape[1]), torch.randn(shape)

    for _ in range(3):
        model(x)
        x.mul_(2)

    assert again(events) == 0


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
def test_memory_that_numpy_writes_anew_is_another_input(events, shape):
    numpy = pytest.importorskip("numpy")
    frame = numpy.zeros(shape, numpy.float32)
    model, x = net(shape[1]), torch.from_numpy(frame)

    for number in range(3):
        frame[:] = numpy.random.default_rng(number).random(shape)
        model(x)

    assert again(events) == 0


def test_new_tensors_in_the_place_of_old_ones_are_other_inputs(events):
    model = net(64)

    for _ in range(4):
        model(torch.ones(LARGE))

    assert again(events) == 0


def test_weights_that_were_trained_make_other_work(events):
    model, x = net(), torch.randn(SMALL)

    for _ in range(3):
        model(x)
        model[0].weight.mul_(0.9)
        model(x)
        model[0].weight = torch.nn.Parameter(torch.randn(8, 8))

    assert again(events) == 0


def test_weights_that_were_loaded_make_other_work(events):
    model, x = net(), torch.randn(SMALL)

    for _ in range(3):
        model(x)
        model.load_state_dict(net().state_dict())

    assert again(events) == 0


class Noisy(torch.nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class Counting(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.sum = 0.0

    def forward(self, x):
        self.sum = self.sum + float(x.sum())
        return x + self.sum


@pytest.mark.parametrize(
    "model",
    [Noisy(), Counting(), torch.nn.Sequential(torch.nn.Dropout(0.5)).train()],
    ids=["random", "state", "dropout"],
)
def test_models_with_another_outcome_each_time_are_not_accused(events, model):
    x = torch.ones(LARGE)

    for _ in range(3):
        model(x)

    assert again(events) == 0


def test_other_arguments_are_other_inputs_and_unknown_ones_tell_nothing(events):
    class Scaled(torch.nn.Module):
        def forward(self, x, factor=1, state=None):
            return x * 1.0

    model, x = Scaled(), torch.ones(SMALL)

    model(x, factor=1)
    model(x, factor=2)
    model(x, state=object())
    model(x, state=object())

    assert again(events) == 0
    model(x, factor=2)
    assert again(events) == 1


def test_modes_and_profilers_of_the_program_hear_of_nothing(events):
    from torch.utils._python_dispatch import TorchDispatchMode

    heard = []

    class Heard(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            heard.append(str(func))
            return func(*args, **(kwargs or {}))

    model, x = torch.nn.Sequential(torch.nn.ReLU()).eval(), torch.ones(LARGE)
    with Heard():
        model(x)
        model(x)

    assert heard == ["aten.relu.default"] * 2
    assert again(events) == 1


def test_data_is_not_kept_alive(events):
    from weakref import ref

    model, x = net(64), torch.ones(LARGE)
    model(x)
    watched = ref(x)

    del x

    assert watched() is None


class CpuClock:
    """Goes on by a millisecond whenever it is read."""

    def __init__(self):
        self.reads = 0

    def __call__(self):
        self.reads += 1
        return self.reads * 1_000_000


def looked_at(same, calls):
    """How many of so many calls of a model on one tensor are looked at."""
    model, x = net(), torch.ones(SMALL)
    result = model(x)
    count = 0
    for _ in range(calls):
        asked = same.begin(1, (x,))
        if asked is not None:
            count += 1
            same.end(asked, model, result)
    return count


def test_clock_is_read_for_one_look_in_a_stretch(events):
    clock = CpuClock()

    looked_at(SameTensors(events, clock_ns=lambda: 0, cpu_ns=clock), 2 * TIMED)

    assert clock.reads == 2 * 4


def test_looks_that_are_not_timed_are_kept_to_the_bound_as_well(events):
    same = SameTensors(events, clock_ns=lambda: 0, cpu_ns=CpuClock())  # a look takes two milliseconds

    count = looked_at(same, 200)

    assert events.facts[events.word(1)]["calls_not_looked_at"] == 1
    assert HEAD_START_NS <= count * 2_000_000 < HEAD_START_NS + TIMED * 2_000_000


class Encoder(torch.nn.Module):
    """Adds what it works out to the features that it is handed, as sentence encoders do."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(16, 4)

    def forward(self, features):
        features["embedding"] = self.table(features["input_ids"]).mean(1)
        return features


@pytest.mark.parametrize("kind", [dict, UserDict])
def test_features_in_a_dict_are_inputs_and_samples(events, kind):
    model, texts = Encoder().eval(), [torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5, 6]])]

    for ids in (*texts, *texts):
        model(kind({"input_ids": ids.clone(), "modality": "text"}))

    assert again(events) == 2
    assert sum(count for _, count, unit in events.work if unit == "samples") == 4


def test_time_long_gone_by_saves_nothing_up_for_looks(events):
    t_ns = [0]
    same = SameTensors(events, clock_ns=lambda: t_ns[0], cpu_ns=CpuClock())

    first = looked_at(same, 200)
    t_ns[0] += round(1_000 * HEAD_START_NS / MOST_SHARE)

    assert looked_at(same, 200) <= first + TIMED


def test_model_that_never_has_the_same_is_looked_at_no_longer_and_without_gradients_anew(events):
    same = SameTensors(events, clock_ns=lambda: 0, cpu_ns=lambda: 0)
    model, result = net(), torch.ones(SMALL)

    def looks():
        count = 0
        for number in range(KEPT + 100):
            asked = same.begin(1, (torch.full((2, 2), float(number)),))
            count += asked is not None
            if asked is not None:
                same.end(asked, model, result)
        return count

    with torch.enable_grad():
        assert looks() == KEPT
    assert looks() == KEPT


def test_part_in_the_place_of_another_makes_other_work(events):
    model, x = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU()).eval(), torch.zeros(SMALL)
    model[0].bias.zero_()

    model(x)
    model[1] = torch.nn.Tanh()  # of nothing but noughts it makes the same
    model(x)

    assert again(events) == 0


def test_weights_are_not_kept_alive(events):
    from weakref import ref

    model = net()
    for _ in range(2):
        model(torch.ones(SMALL))
    weight = ref(model[0].weight)

    del model

    assert weight() is None
