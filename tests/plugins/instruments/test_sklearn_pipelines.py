from __future__ import annotations

import pickle
from collections.abc import Iterator
from inspect import signature
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from energyprof_plugins.instruments.sklearn_pipelines import SklearnPipelines


class Watch:
    """Keeps what is given and received, with the name of the stage that is open."""

    def __init__(self, sink: Sink) -> None:
        self.readers: dict[type, Any] = {}
        self._sink = sink
        self.flows: set[tuple[str, str]] = set()
        self._given: dict[int, tuple[str, object]] = {}

    def gives(self, result: object) -> None:
        """Keep it: a test's arrays may all live."""
        self._given[id(result)] = self._sink.open[-1], result

    def takes(self, arguments: tuple[object, ...]) -> None:
        """Note from whom it came."""
        for argument in arguments:
            if id(argument) in self._given:
                self.flows.add((self._given[id(argument)][0], self._sink.open[-1]))


class Sink:
    """A sink that keeps the paths of what was opened."""

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self.open: list[str] = []
        self.paths: list[str] = []
        self.facts: dict[str, dict[str, str | int]] = {}
        self.watch = Watch(self)

    def stage_code(self, name: str, **_more: object) -> int:
        """Return its place in `names`."""
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def tell(self, code: int, facts: dict[str, str | int]) -> None:
        """Keep facts."""
        self.facts[self.names[code]] = facts

    def extend(self) -> Any:
        """Return what follows begins and ends."""

        def ext(event: tuple[int, int]) -> None:
            if event[0] > 0:
                self.open.append(self.names[event[0]])
                self.paths.append("/".join(self.open))
            else:
                assert self.names[-event[0]] == self.open.pop()

        return ext

    def flow(self) -> Watch:
        """Return the watch."""
        return self.watch


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink, instrument = Sink(), SklearnPipelines()
    instrument.install(sink)  # type: ignore[arg-type]
    yield sink
    instrument.remove()


X = np.random.default_rng(0).normal(size=(60, 5))
Y = (X[:, 0] > 0).astype(int)


def pipeline() -> Pipeline:
    return Pipeline(
        [("scale", StandardScaler()), ("skip", "passthrough"), ("pca", PCA(2)), ("sort", LogisticRegression())]
    )


def test_each_step_is_a_stage_in_its_pipeline_and_what_it_calls_of_itself_is_not(sink: Sink) -> None:
    model = pipeline()

    model.fit(X, Y)
    model.predict(X)

    inside = ["Pipeline/scale", "Pipeline/pca", "Pipeline/sort"]
    assert sink.paths == ["Pipeline", *inside, "Pipeline", *inside]
    assert sink.facts["pca"] == {"estimator_class": "PCA"}
    assert sink.open == []


def test_data_flows_from_step_to_step(sink: Sink) -> None:
    pipeline().fit(X, Y)

    assert sink.watch.flows == {("scale", "pca"), ("pca", "sort")}


def test_results_are_the_same_and_objects_untouched(sink: Sink) -> None:
    model = pipeline().fit(X, Y)
    recorded = model.predict_proba(X)
    before = pickle.dumps(model)

    assert sink.paths
    assert type(clone(model)) is Pipeline
    assert not hasattr(PCA(2), "predict")
    assert not hasattr(Pipeline([("pca", PCA(2))]), "predict")
    assert list(signature(model.fit).parameters) == ["X", "y", "params"]
    assert pickle.loads(before).predict(X).tolist() == model.predict(X).tolist()
    assert recorded.tolist() == pipeline().fit(X, Y).predict_proba(X).tolist()


def test_an_exception_passes_as_it_was_and_closes_its_stages(sink: Sink) -> None:
    model = pipeline().fit(X, Y)

    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :2])

    assert sink.open == []


def test_estimators_outside_pipelines_are_not_recorded(sink: Sink) -> None:
    StandardScaler().fit(X)
    assert sink.paths == []


def test_removing_puts_every_class_back() -> None:
    # Given the classes as they are
    before = {owner: dict(vars(owner)) for owner in (Pipeline, StandardScaler, PCA, LogisticRegression)}
    sink, instrument = Sink(), SklearnPipelines()

    # When a pipeline was recorded, and the instrument removed
    instrument.install(sink)  # type: ignore[arg-type]
    model = pipeline()
    kept = model.predict
    model.fit(X, Y)
    assert vars(PCA) != before[PCA]
    instrument.remove()
    instrument.remove()

    # Then they are as they were, and what somebody kept still works
    assert {owner: dict(vars(owner)) for owner in before} == before
    count = len(sink.paths)
    kept(X)
    assert len(sink.paths) == count
