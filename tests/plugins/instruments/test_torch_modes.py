"""What is told of the modes in which a model was called."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")


def net(dropout=0.5):
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(dropout))


def modes(events, name="Sequential"):
    facts = events.facts[name]
    return {key: facts[key] for key in ("gradients", "training_layers") if key in facts}


X = torch.zeros(3, 4)


def test_a_model_in_training_with_gradients_tells_both(events):
    net()(X)

    assert modes(events) == {"gradients": "recorded", "training_layers": "BatchNorm1d, Dropout"}


def test_a_model_in_eval_mode_without_gradients_tells_neither(events):
    model = net().eval()

    with torch.no_grad():
        model(X)

    assert modes(events) == {}


def test_calls_with_and_without_gradients_are_told_as_some(events):
    model = net().eval()

    model(X)
    with torch.inference_mode():
        model(X)

    assert modes(events) == {"gradients": "some"}


def test_frozen_weights_record_no_gradients(events):
    net().eval().requires_grad_(False)(X)

    assert modes(events) == {}


def test_dropout_that_drops_nothing_is_in_no_mode_that_matters(events):
    model = net(dropout=0.0)
    model[1].eval()

    model(X)

    assert modes(events) == {"gradients": "recorded"}


def test_a_mode_is_looked_at_once(events):
    model = net().eval()
    model(X)
    told = dict(events.facts["Sequential"])
    model[2].train()  # a part alone: the model's own mode is what it was

    model(X)

    assert events.facts["Sequential"] == told
