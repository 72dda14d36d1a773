"""Optuna's `Study.optimize` with and without the instrument."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from energyprof_plugins.instruments.optuna_trials import OptunaTrials


class Sink:
    """Keeps names, facts and events."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.facts: dict[int, dict[str, str | int]] = {}
        self.events: list[int] = []

    def stage_code(self, name: str, **_kind: Any) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name) + 1

    def tell(self, code: int, facts: dict[str, str | int]) -> None:
        self.facts[code] = {**self.facts.get(code, {}), **facts}

    def extend(self) -> Any:
        return lambda event: self.events.append(event[0])


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def instrument(sink: Sink) -> Iterator[OptunaTrials]:
    instrument = OptunaTrials()
    instrument.install(sink)  # type: ignore[arg-type]  # what it needs of one
    yield instrument
    instrument.remove()


def study() -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_int("x", 0, 9)
    if trial.number == 1:
        raise optuna.TrialPruned
    if trial.number == 2:
        raise ValueError("no")
    return float(x)


@pytest.mark.usefixtures("instrument")
def test_each_trial_is_a_stage_with_its_parameters_value_and_state(sink: Sink) -> None:
    made = study()

    made.optimize(objective, n_trials=4, catch=(ValueError,))

    assert sink.names == ["trial 0", "trial 1", "trial 2", "trial 3"]
    assert sink.events == [1, -1, 2, -2, 3, -3, 4, -4]
    states = [sink.facts[code]["trial_state"] for code in range(1, 5)]
    assert states == ["complete", "pruned", "failed", "complete"]
    assert sink.facts[1]["trial_params"] == f"x={made.trials[0].params['x']}"
    assert float(sink.facts[1]["trial_value"]) == made.trials[0].value
    assert "trial_value" not in sink.facts[2]


def test_the_search_finds_the_same_with_and_without_us(sink: Sink) -> None:
    def found() -> list[Any]:
        made = study()
        made.optimize(objective, n_trials=6, catch=(ValueError,))
        return [(trial.number, trial.params, trial.value, trial.state) for trial in made.trials]

    bare = found()
    instrument = OptunaTrials()
    instrument.install(sink)  # type: ignore[arg-type]  # what it needs of one
    try:
        recorded = found()
    finally:
        instrument.remove()

    assert recorded == bare


@pytest.mark.usefixtures("instrument")
def test_threads_of_a_search_have_trials_of_their_own(sink: Sink) -> None:
    study().optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=8, n_jobs=2)

    assert sorted(sink.names) == [f"trial {number}" for number in range(8)]
    assert sorted(sink.events) == sorted([*range(1, 9), *range(-8, 0)])


@pytest.mark.usefixtures("instrument")
def test_we_stand_in_no_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        study().optimize(lambda _trial: 1 / 0, n_trials=1)

    assert "energyprof_plugins" not in "".join(traceback.format_tb(raised.value.__traceback__))


@pytest.mark.usefixtures("instrument")
def test_an_objective_of_several_goals_tells_no_value(sink: Sink) -> None:
    made = optuna.create_study(directions=["minimize", "maximize"])

    made.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), n_trials=1)

    assert sink.facts[1]["trial_state"] == "complete"
    assert "trial_value" not in sink.facts[1]
    assert sink.facts[1]["trial_unordered"].endswith(", 1")  # type: ignore[union-attr]  # a text
    assert "trial_better" not in sink.facts[1]


@pytest.mark.usefixtures("instrument")
def test_a_search_for_the_lowest_value_says_so_as_one_does_that_names_no_direction(sink: Sink) -> None:
    optuna.create_study().optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    study().optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)

    assert [sink.facts[code].get("trial_better") for code in (1, 2)] == ["lower", None]


def test_removing_it_puts_optimize_back(sink: Sink) -> None:
    original = optuna.Study.optimize
    instrument = OptunaTrials()
    instrument.install(sink)  # type: ignore[arg-type]  # what it needs of one
    instrument.install(sink)  # type: ignore[arg-type]

    instrument.remove()
    instrument.remove()

    assert optuna.Study.optimize is original


def test_another_wrap_put_on_later_stays(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna.Study, "optimize", optuna.Study.optimize)
    instrument = OptunaTrials()
    instrument.install(sink)  # type: ignore[arg-type]  # what it needs of one
    ours = optuna.Study.optimize

    def theirs(study: Any, *args: Any, **kwargs: Any) -> None:
        ours(study, *args, **kwargs)

    optuna.Study.optimize = theirs  # type: ignore[method-assign]

    instrument.remove()

    assert optuna.Study.optimize is theirs
    study().optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert sink.names == []


@pytest.mark.parametrize("result", [float("nan"), None])
@pytest.mark.usefixtures("instrument")
def test_a_trial_whose_value_optuna_refuses_has_failed(sink: Sink, result: Any) -> None:
    made = study()

    made.optimize(lambda _trial: result, n_trials=1)

    assert made.trials[0].state is optuna.trial.TrialState.FAIL
    assert sink.facts[1]["trial_state"] == "failed"


def test_trials_of_a_second_study_have_its_name(sink: Sink, instrument: OptunaTrials) -> None:
    first, second = study(), optuna.create_study(study_name="tpe")

    first.optimize(lambda _trial: 1.0, n_trials=2)
    second.optimize(lambda _trial: 1.0, n_trials=1)
    first.optimize(lambda _trial: 1.0, n_trials=1)

    assert sink.names == ["trial 0", "trial 1", "trial 0 of tpe", "trial 2"]
    studies = [sink.facts[code]["trial_study"] for code in (1, 2, 3, 4)]
    assert studies == ["study 1", "study 1", "tpe", "study 1"]


def test_studies_in_memory_of_one_name_are_two(sink: Sink, instrument: OptunaTrials) -> None:
    for _ in range(2):
        optuna.create_study(study_name="tpe").optimize(lambda _trial: 1.0, n_trials=1)

    assert sink.names == ["trial 0", "trial 0 of tpe#2"]
    assert [sink.facts[code]["trial_study"] for code in (1, 2)] == ["tpe", "tpe#2"]


def test_a_study_that_is_loaded_again_from_its_database_is_one(
    sink: Sink, instrument: OptunaTrials, tmp_path: Path
) -> None:
    storages = [f"sqlite:///{tmp_path}/{name}.db" for name in ("a", "a", "b")]
    for storage in storages:
        made = optuna.create_study(study_name="tpe", storage=storage, load_if_exists=True)
        made.optimize(lambda _trial: 1.0, n_trials=1)

    assert sink.names == ["trial 0", "trial 1", "trial 0 of tpe#2"]


@pytest.mark.usefixtures("instrument")
def test_an_infinite_value_is_told_as_one_without_order(sink: Sink) -> None:
    study().optimize(lambda _trial: float("inf"), n_trials=1)

    assert sink.facts[1]["trial_state"] == "complete"
    assert (sink.facts[1].get("trial_value"), sink.facts[1]["trial_unordered"]) == (None, "inf")
