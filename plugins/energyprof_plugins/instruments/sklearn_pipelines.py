"""scikit-learn pipelines as stages: `Pipeline`, in it each step by its name, and the data that flows between them.

A step is recorded wherever the pipeline, or somebody else, calls it; estimators that are in no pipeline are not. What a
method calls of its own object is part of it (`fit_transform` calls `fit`). Nothing is written to an estimator: its
class gets descriptors that ask the original ones, so that `hasattr`, signatures, cloning and pickling see no change.
"""

from __future__ import annotations

import threading
from functools import wraps
from inspect import getattr_static
from time import perf_counter_ns as now_ns
from weakref import ref

from energyprof.sink_doors import FlowSink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink
    from energyprof.sink_doors import FlowWatch

METHODS = (
    "fit",
    "fit_transform",
    "fit_predict",
    "transform",
    "inverse_transform",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
    "score_samples",
)
"""Of pipelines and estimators, as the glossary of scikit-learn names them."""
_ABSENT = object()


class SklearnPipelines:
    """Records the calls of every `sklearn.pipeline.Pipeline`, and of its steps, until removed."""

    name = "sklearn_pipelines"
    framework = "sklearn.pipeline"

    def __init__(self) -> None:
        self._sink: SpanSink | None = None
        self._watch: FlowWatch | None = None
        self._pipeline: type | None = None
        self._steps: dict[int, tuple[ref[Any], int]] = {}
        """By the id of a step: itself, and the code of its stage."""
        self._patched: dict[type, list[tuple[str, Any]]] = {}
        """By class: the methods that are ours now, and what stood in their place; `_ABSENT`: it was inherited."""
        self._here = threading.local()

    def install(self, sink: SpanSink) -> None:
        """Patch `Pipeline`; the classes of steps follow when a pipeline with them is called."""
        from sklearn.pipeline import Pipeline

        if self._sink is not None:
            return
        self._sink = sink
        self._watch = sink.flow() if isinstance(sink, FlowSink) else None
        self._pipeline = Pipeline
        self._patch(Pipeline)

    def remove(self) -> None:
        """Put everything back; a second call does nothing."""
        self._sink = self._watch = None
        for owner, methods in self._patched.items():
            for name, original in methods:
                ours = vars(owner).get(name)
                if isinstance(ours, _RecordedMethod) and ours.instrument is self:
                    if original is _ABSENT:
                        delattr(owner, name)
                    else:
                        setattr(owner, name, original)
        self._patched.clear()
        self._steps.clear()

    def call(self, of: Any, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a method of a pipeline or an estimator, recorded if it is one and no part of such a call."""
        before = getattr(self._here, "at", None)
        code = 0 if before is of or self._sink is None else self._code_of(of, self._sink)
        if not code or self._sink is None:
            return original(*args, **kwargs)
        ext, watch = self._sink.extend(), self._watch
        self._here.at = of
        ext((code, now_ns()))
        try:
            if watch is not None:
                watch.takes((*args, *kwargs.values()))
            result = original(*args, **kwargs)
            if watch is not None and result is not of:
                watch.gives(result)
            return result
        except BaseException as error:
            if error.__traceback__ is not None:
                error.__traceback__ = error.__traceback__.tb_next
            raise
        finally:
            ext((-code, now_ns()))
            self._here.at = before

    def _code_of(self, of: Any, sink: SpanSink) -> int:
        """Return the code of its stage; 0: it is no pipeline and no step of one."""
        known = self._steps.get(id(of))
        if self._pipeline is not None and isinstance(of, self._pipeline):
            self._meet_steps(of, sink)
            return known[1] if known is not None and known[0]() is of else sink.stage_code(type(of).__name__)
        return known[1] if known is not None and known[0]() is of else 0

    def _meet_steps(self, pipeline: Any, sink: SpanSink) -> None:
        for step in getattr(pipeline, "steps", ()):
            name, estimator = step[0], step[1]
            known = self._steps.get(id(estimator))
            if (known is not None and known[0]() is estimator) or not hasattr(type(estimator), "fit"):
                continue  # also None and "passthrough"
            code = sink.stage_code(str(name))
            sink.tell(code, {"estimator_class": type(estimator).__name__})
            self._steps[id(estimator)] = self._reference(estimator), code
            self._patch(type(estimator))

    def _reference(self, estimator: Any) -> ref[Any]:
        key, steps = id(estimator), self._steps
        return ref(estimator, lambda _dead: steps.pop(key, None) and None)

    def _patch(self, owner: type) -> None:
        if owner in self._patched:
            return
        self._patched[owner] = []
        for name in METHODS:
            original = getattr_static(owner, name, _ABSENT)
            if original is _ABSENT or isinstance(original, _RecordedMethod) or not hasattr(original, "__get__"):
                continue
            self._patched[owner].append((name, vars(owner).get(name, _ABSENT)))
            setattr(owner, name, _RecordedMethod(self, original))


class _RecordedMethod:
    """Gives what the original descriptor gives, recording when it is called on an object."""

    def __init__(self, instrument: SklearnPipelines, original: Any) -> None:
        self.instrument = instrument
        self._original = original

    def __get__(self, of: Any, owner: type | None = None) -> Any:
        given = self._original.__get__(of, owner)
        if of is None or not callable(given):
            return given

        @wraps(given)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            return self.instrument.call(of, given, args, kwargs)

        return recorded
