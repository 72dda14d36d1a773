"""What is told of the modes in which a model was called."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")


def net(dropout=0.5):
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(dropout))


def modes(events):
    """Return what was counted, in order, each with the stage that it was counted for."""
    return [(stage, unit) for stage, _, unit in events.work if unit not in {"samples", "calls_on_same_tensors"}]


X = torch.zeros(3, 4)


def test_a_model_in_training_with_gradients_tells_both(events):
    net()(X)

    assert modes(events) == [("Sequential", "training_calls"), ("Sequential.2", "gradient_calls")]
    assert events.facts["Sequential"]["training_layers"] == "BatchNorm1d, Dropout"


def test_a_model_in_eval_mode_without_gradients_tells_neither(events):
    model = net().eval()

    with torch.no_grad():
        model(X)

    assert modes(events) == []
    assert "training_layers" not in events.facts["Sequential"]


def test_of_calls_with_and_without_gradients_the_first_are_counted(events):
    model = net().eval()

    model(X)
    with torch.inference_mode():
        model(X)

    assert [unit for _, unit in modes(events)] == ["gradient_calls"]


def test_a_backward_pass_is_counted_for_the_calls_it_comes_to(events):
    model = net().eval()
    used, _unused = model(X), model(X)

    used.sum().backward()

    assert [unit for _, unit in modes(events)] == ["gradient_calls", "gradient_calls", "backward_calls"]


def test_frozen_weights_record_no_gradients_even_if_they_were_not_frozen_before(events):
    model = net().eval()
    model(X)
    model.requires_grad_(False)

    model(X)

    assert [unit for _, unit in modes(events)] == ["gradient_calls"]


def test_dropout_that_drops_nothing_is_in_no_mode_that_matters(events):
    model = net(dropout=0.0)
    model[1].eval()

    model(X)

    assert [unit for _, unit in modes(events)] == ["gradient_calls"]


def test_first_call_of_a_reentrant_checkpoint_is_no_answer_in_training_mode(events):
    from torch.utils.checkpoint import checkpoint

    checkpoint(net(), X.clone().requires_grad_(), use_reentrant=True).sum().backward()

    assert [unit for _, unit in modes(events)] == ["training_calls", "gradient_calls", "backward_calls"]


def test_a_mode_is_looked_at_once(events):
    model = net().eval()
    model(X)
    told = dict(events.facts["Sequential"])
    model[2].train()  # a part alone: the model's own mode is what it was

    model(X)

    assert events.facts["Sequential"] == told


def test_batch_norm_that_is_calibrated_answers_nothing(events):
    """Its result is dropped, by torch's own function for it or by hand."""
    from torch.optim.swa_utils import update_bn

    model = net()

    update_bn([X, X], model)
    with torch.no_grad():
        model(X)
        kept = model(X)

    assert kept is not None
    assert [unit for _, unit in modes(events)] == ["training_calls"]


def test_dropout_in_a_model_in_eval_mode_is_meant_to_sample(events):
    model = net().eval()
    model[2].train()

    with torch.no_grad():
        _sample = model(X)

    assert modes(events) == []


def test_a_model_that_samples_again_and_again_says_so_and_one_with_a_step_between_does_not(events):
    model, other = net(), torch.nn.Sequential(net())

    with torch.no_grad():
        samples = [model(X) for _ in range(2)]
    for _ in range(2):
        with torch.no_grad():
            samples.append(other(X))
        other(X).sum().backward()

    assert events.facts["Sequential"]["sampled_in_training_mode"] == 1
    assert [name for name in events.facts if "sampled_in_training_mode" in events.facts[name]] == ["Sequential"]
