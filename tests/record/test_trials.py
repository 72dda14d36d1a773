"""`trial` as programs use it: a stage of its own with facts of what it was and what came of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import energyprof
from energyprof.model.trials import LONGEST_PARAMS, trial_facts
from energyprof.record import lanes
from energyprof.record.names import NAMES


@pytest.fixture(autouse=True)
def recording() -> Iterator[None]:
    NAMES.take_told()
    lanes.is_recording = True
    yield
    lanes.is_recording = False
    NAMES.take_told()


def told() -> dict[str, dict[str, str | int]]:
    return {name.name: dict(name.facts or {}) for name in NAMES.take_told()}


def test_a_trial_tells_its_parameters_its_state_and_the_last_value() -> None:
    with energyprof.trial({"lr": 0.1, "depth": 2}, number=7) as trial:
        trial.tell(0.5)
        trial.tell(0.75)

    assert told()["trial 7"] == trial_facts(7, {"depth": 2, "lr": 0.1}, "complete", 0.75)


def test_a_value_that_is_not_finite_leaves_the_last_one() -> None:
    with energyprof.trial(number=12) as trial:
        trial.tell(0.5)
        trial.tell(float("nan"))

    facts = told()["trial 12"]
    assert (facts["trial_value"], facts["trial_unordered"]) == ("0.5", "nan")


def test_a_value_that_has_no_order_is_told_as_what_it_is() -> None:
    with energyprof.trial(number=13) as trial:
        trial.tell(float("-inf"))

    facts = told()["trial 13"]
    assert (facts.get("trial_value"), facts["trial_unordered"]) == (None, "-inf")


def test_a_trial_that_was_pruned_or_raised_says_so() -> None:
    with energyprof.trial({"a": 1}, number=8) as trial:
        trial.prune()
    with pytest.raises(ZeroDivisionError), energyprof.trial({"a": 1}, number=9):
        1 / 0  # noqa: B018 - to raise

    facts = told()
    assert (facts["trial 8"]["trial_state"], facts["trial 9"]["trial_state"]) == ("pruned", "failed")


def test_trials_count_by_themselves() -> None:
    first, second = energyprof.trial(), energyprof.trial()

    assert second.number == first.number + 1


def test_a_trial_is_entered_once() -> None:
    with energyprof.trial(number=10) as trial, pytest.raises(RuntimeError, match="entered once"):
        trial.__enter__()


def test_nothing_is_told_where_nothing_records() -> None:
    lanes.is_recording = False

    with energyprof.trial({"a": 1}, number=11) as trial:
        trial.tell(1.0)

    assert told() == {}


def test_equal_parameters_have_equal_fingerprints_in_any_order_and_others_have_not() -> None:
    one = trial_facts(1, {"a": 1, "b": "x"}, "complete", None)["trial_fingerprint"]

    assert trial_facts(2, {"b": "x", "a": 1}, "failed", 3.0)["trial_fingerprint"] == one
    assert trial_facts(1, {"a": 1.0, "b": "x"}, "complete", None)["trial_fingerprint"] != one
    assert trial_facts(1, {"a": "1", "b": "x"}, "complete", None)["trial_fingerprint"] != one
    long = [trial_facts(1, {"a": "x" * 1000 + end}, "complete", None) for end in "yz"]
    assert long[0]["trial_params"] == long[1]["trial_params"]
    assert len(str(long[0]["trial_params"])) == LONGEST_PARAMS
    assert long[0]["trial_fingerprint"] != long[1]["trial_fingerprint"]


def test_names_of_any_characters_have_a_fingerprint() -> None:
    assert trial_facts(1, {"\ud800": "\n<script>"}, "complete", None)["trial_fingerprint"]
