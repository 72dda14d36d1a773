"""scikit-learn's estimators as stages: pipelines with their steps, searches with their candidates, and single ones.

A call of a method is a stage (`Pipeline.fit`, `SVC.predict`), and data is followed from one to the next. Nothing is
written to an estimator: its class gets descriptors that ask the original ones, so that `hasattr`, signatures, cloning
and pickling see no change. Classes are met as they are made, and imported by nobody but the program.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from energyprof_plugins.instruments.sklearn_calls import EstimatorCalls
from energyprof_plugins.instruments.sklearn_method import RecordedMethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from energyprof.interfaces import SpanSink

METHODS = (
    "fit",
    "partial_fit",
    "fit_transform",
    "fit_predict",
    "fit_resample",
    "transform",
    "inverse_transform",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
    "score_samples",
)
"""Of pipelines and estimators, as the glossary of scikit-learn names them; `fit_resample` is imbalanced-learn's."""
AT_ONCE = tuple(name for name in METHODS if name not in {"transform", "fit_transform"})
"""scikit-learn wraps those two in the making of a class, after we have heard of it."""
_ABSENT = object()


class SklearnPipelines:
    """Records the calls of scikit-learn's estimators, of pipelines and of whatever is a step in one, until removed."""

    name = "sklearn_pipelines"
    framework = "sklearn.base"

    def __init__(self) -> None:
        self._calls: EstimatorCalls | None = None
        self._base: Any = None
        self._heard: Any = None
        """What stood in the place of our `__init_subclass__` of the base of all estimators."""
        self._listening: Any = None
        self._patched: WeakKeyDictionary[type, dict[str, Any]] = WeakKeyDictionary()
        """By class: the methods that are ours now, and what stood in their place; `_ABSENT`: it was inherited."""
        self._unfinished: list[type] = []
        """Classes whose making scikit-learn may not have completed yet."""

    def install(self, sink: SpanSink) -> None:
        """Patch the estimators that there are, and have those patched that are made from now on."""
        from sklearn.base import BaseEstimator

        if self._calls is not None:
            return
        self._base, self._calls = BaseEstimator, EstimatorCalls(sink, self)
        for owner in _below(BaseEstimator):
            self.meet(owner)
        self._listen(BaseEstimator)

    def remove(self) -> None:
        """Put everything back; a second call does nothing."""
        if self._calls is None:
            return
        calls, self._calls = self._calls, None
        calls.stop()
        if vars(self._base).get("__init_subclass__") is self._listening:
            if self._heard is None:
                del self._base.__init_subclass__
            else:
                self._base.__init_subclass__ = self._heard
        for owner, methods in self._patched.items():
            for name, original in methods.items():
                ours = vars(owner).get(name)
                if not isinstance(ours, RecordedMethod) or ours.calls is not calls:
                    continue  # somebody has put another there
                if original is _ABSENT:
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)
        self._patched.clear()
        self._unfinished.clear()

    def finish(self) -> None:
        """Record what is left of the classes that were made since: scikit-learn is done with them."""
        while self._unfinished:
            try:
                owner = self._unfinished.pop()
            except IndexError:  # another thread was faster
                return
            self.meet(owner)

    def meet(self, owner: type) -> None:
        """Record all methods of a class."""
        self._patch(owner, METHODS)

    def _listen(self, base: Any) -> None:
        self._heard = heard = vars(base).get("__init_subclass__")

        def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:  # noqa: N807 - it is that method of the base
            if heard is None:
                super(base, cls).__init_subclass__(**kwargs)
            else:
                heard.__get__(None, cls)(**kwargs)
            self.finish()
            self._patch(cls, AT_ONCE)
            self._unfinished.append(cls)

        self._listening = base.__init_subclass__ = classmethod(__init_subclass__)

    def _patch(self, owner: type, names: tuple[str, ...]) -> None:
        calls = self._calls
        if calls is None:
            return
        namespaces = [vars(base) for base in owner.__mro__]
        for name in names:
            original = None
            for namespace in namespaces:
                if name in namespace:
                    original = namespace[name]
                    break
            if isinstance(original, RecordedMethod) or not hasattr(type(original), "__get__"):
                continue
            self._patched.setdefault(owner, {})[name] = vars(owner).get(name, _ABSENT)
            setattr(owner, name, RecordedMethod(calls, name, original))


def _below(base: type) -> list[type]:
    """Return the classes derived from `base`, all the way down, each behind those that it comes from."""
    found: dict[type, None] = {}
    waiting: list[type] = [base]
    while waiting:
        derived: list[type] = waiting.pop(0).__subclasses__()
        waiting += derived
        found.update(dict.fromkeys(derived))
    return sorted(found, key=lambda owner: len(owner.__mro__))
