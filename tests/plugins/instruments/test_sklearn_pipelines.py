from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

import joblib
import numpy as np
import pytest
from joblib.externals.loky.backend import reduction
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

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
        self._threads = threading.local()
        self.paths: list[str] = []
        self.facts: dict[str, dict[str, str | int]] = {}
        self.watch = Watch(self)

    @property
    def open(self) -> list[str]:
        """What is open in this thread."""
        if not hasattr(self._threads, "open"):
            self._threads.open = []
        return self._threads.open  # type: ignore[no-any-return]  # an attribute of a thread

    def on_fork(self, call: Callable[[], None]) -> None:
        """Nobody forks here."""

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
                self.paths.append(" > ".join(self.open))
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


def test_fitting_and_predicting_are_different_stages_with_the_steps_in_both(sink: Sink) -> None:
    model = pipeline()

    model.fit(X, Y)
    model.predict(X)

    steps = ["scale", "pca", "sort"]
    assert sink.paths == [
        *("Pipeline.fit", *(f"Pipeline.fit > {step}" for step in steps)),
        *("Pipeline.predict", *(f"Pipeline.predict > {step}" for step in steps)),
    ]
    assert sink.facts["pca"] == {"estimator_class": "PCA"}
    assert sink.open == []


def test_estimators_in_no_pipeline_are_stages_by_class_and_method(sink: Sink) -> None:
    scaled = StandardScaler().fit_transform(X)
    model = LogisticRegression().fit(scaled, Y)
    model.score(scaled, Y)

    assert sink.paths == ["StandardScaler.fit_transform", "LogisticRegression.fit", "LogisticRegression.score"]
    assert sink.watch.flows == {
        ("StandardScaler.fit_transform", "LogisticRegression.fit"),
        ("StandardScaler.fit_transform", "LogisticRegression.score"),
    }


def test_a_step_called_outside_its_pipeline_is_known_by_its_name_and_method(sink: Sink) -> None:
    model = pipeline().fit(X, Y)
    sink.paths.clear()

    model["scale"].transform(X)
    model[:-1].transform(X)

    assert sink.paths == [
        "scale.transform",
        "Pipeline.transform",
        "Pipeline.transform > scale",
        "Pipeline.transform > pca",
    ]


def test_parts_are_named_where_a_composition_calls_clones_of_them(sink: Sink) -> None:
    # Given pipelines that differ in their steps, and a step that is cloned to be cached
    columns = ColumnTransformer(
        [
            ("sizes", Pipeline([("scale", StandardScaler())]), [0, 1]),
            ("counts", Pipeline([("bound", MinMaxScaler())]), [2, 3]),
            ("rest", FeatureUnion([("pca", PCA(1))]), [4, 0]),
        ]
    )

    # When it is fitted and asked
    columns.fit_transform(X)
    columns.transform(X)

    # Then both tell of the same parts
    parts = ["sizes", "sizes > scale", "counts", "counts > bound", "rest", "rest > pca"]
    assert sink.paths == [
        *("ColumnTransformer.fit_transform", *(f"ColumnTransformer.fit_transform > {part}" for part in parts)),
        *("ColumnTransformer.transform", *(f"ColumnTransformer.transform > {part}" for part in parts)),
    ]


def test_parts_that_are_fitted_and_asked_in_one_call_keep_their_methods(sink: Sink) -> None:
    model = VotingClassifier([("line", LogisticRegression()), ("trees", RandomForestClassifier(3))])

    model.fit(X, Y)
    sink.paths.clear()
    model.predict(X)

    assert sink.paths == [
        "VotingClassifier.predict",
        "VotingClassifier.predict > line.predict",
        "VotingClassifier.predict > trees.predict",
    ]


def test_a_search_tells_the_fits_of_its_candidates_from_their_scores(sink: Sink) -> None:
    search = GridSearchCV(Pipeline([("sort", LogisticRegression())]), {"sort__C": [0.1, 1.0]}, cv=2)

    search.fit(X, Y)
    search.predict(X)

    assert {path: sink.paths.count(path) for path in sink.paths} == {
        "GridSearchCV.fit": 1,
        "GridSearchCV.fit > Pipeline.fit": 2 * 2 + 1,
        "GridSearchCV.fit > Pipeline.fit > sort": 2 * 2 + 1,
        "GridSearchCV.fit > Pipeline.score": 2 * 2,
        "GridSearchCV.fit > Pipeline.score > sort": 2 * 2,
        "GridSearchCV.predict": 1,
        "GridSearchCV.predict > Pipeline.predict": 1,
        "GridSearchCV.predict > Pipeline.predict > sort": 1,
    }


def test_cross_validation_in_threads_records_each_fit_once(sink: Sink) -> None:
    with joblib.parallel_backend("threading", n_jobs=2):
        cross_val_score(LogisticRegression(), X, Y, cv=3)

    assert sorted(sink.paths) == 3 * ["LogisticRegression.fit"] + 3 * ["LogisticRegression.score"]


@pytest.mark.parametrize("jobs", [None, 2])
def test_what_an_estimator_calls_of_its_own_estimators_is_part_of_its_call(sink: Sink, jobs: int | None) -> None:
    with joblib.parallel_backend("threading"):
        RandomForestClassifier(4, n_jobs=jobs).fit(X, Y).predict_proba(X)
        OneVsRestClassifier(LogisticRegression(), n_jobs=jobs).fit(X, Y + (X[:, 1] > 0)).predict(X)

    assert sink.paths == [
        "RandomForestClassifier.fit",
        "RandomForestClassifier.predict_proba",
        "OneVsRestClassifier.fit",
        "OneVsRestClassifier.predict",
    ]


def test_classes_made_by_the_program_are_recorded_and_wrapped_by_sklearn_as_ever(sink: Sink) -> None:
    # Given a class that is made when the instrument listens, which scikit-learn wraps for `set_output`
    class Doubler(TransformerMixin, BaseEstimator):
        def fit(self, x: Any, y: Any = None) -> Any:
            return self

        def transform(self, x: Any) -> Any:
            return 2 * x

        def get_feature_names_out(self, names: Any = None) -> Any:
            return names

    # When it is used
    doubled = Doubler().fit(X).transform(X)

    # Then it is recorded, each call once, and its class can be sent to another process as it is
    assert sink.paths == ["Doubler.fit", "Doubler.transform"]
    assert doubled.tolist() == (2 * X).tolist()
    assert Doubler().set_output(transform="default").fit_transform(X).tolist() == (2 * X).tolist()
    copied = pickle.loads(reduction.dumps(Doubler()))
    assert copied.fit_transform(X).tolist() == (2 * X).tolist()


def test_abstract_methods_stay_so(sink: Sink) -> None:
    from abc import ABCMeta, abstractmethod

    class Unfinished(ClassifierMixin, BaseEstimator, metaclass=ABCMeta):
        @abstractmethod
        def fit(self, x: Any, y: Any) -> Any: ...

    with pytest.raises(TypeError, match="abstract"):
        Unfinished()


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
    assert model.predict == model.predict
    assert pickle.loads(pickle.dumps(model.predict))(X).tolist() == model.predict(X).tolist()
    assert pickle.loads(before).predict(X).tolist() == model.predict(X).tolist()
    assert recorded.tolist() == pipeline().fit(X, Y).predict_proba(X).tolist()


def test_random_numbers_and_parameters_are_those_of_a_bare_run() -> None:
    # Given a search that draws random numbers, run as if nobody were there
    def searched() -> Any:
        np.random.seed(3)
        forest = RandomForestClassifier(5)
        search = GridSearchCV(forest, {"max_depth": [1, 2]}, cv=2).fit(X, Y)
        return search.predict_proba(X).tolist(), str(search.get_params()), pickle.dumps(search.best_estimator_)

    bare = searched()
    sink, instrument = Sink(), SklearnPipelines()

    # When it is recorded
    instrument.install(sink)  # type: ignore[arg-type]
    recorded = searched()
    instrument.remove()

    # Then it comes out the same, to the byte
    assert sink.paths
    assert recorded == bare


def test_an_exception_passes_as_it_was_and_closes_its_stages(sink: Sink) -> None:
    model = pipeline().fit(X, Y)

    with pytest.raises(ValueError, match="features") as caught:
        model.predict(X[:, :2])

    assert sink.open == []
    assert not [entry for entry in caught.traceback if "energyprof_plugins" in str(entry.path)]


def test_removing_puts_every_class_back() -> None:
    # Given the classes as they are
    before = {owner: dict(vars(owner)) for owner in (BaseEstimator, Pipeline, StandardScaler, PCA, LogisticRegression)}
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
