"""Optuna's trials as stages: each call of an objective by `Study.optimize`, with its parameters, value and state."""

from __future__ import annotations

from functools import wraps
from math import isfinite
from time import perf_counter_ns as now_ns

from energyprof.model.trials import trial_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink

UNNAMED = "no-name-"
"""How Optuna begins the names of studies that have none."""


class OptunaTrials:
    """Records what `Study.optimize` calls until removed; trials of `ask` and `tell` have no call to be recorded."""

    name = "optuna_trials"
    framework = "optuna"

    def __init__(self) -> None:
        self._sink: SpanSink | None = None
        self._original: Callable[..., Any] | None = None
        self._studies: dict[str, str] = {}
        """What studies are called here, by their own names; those of the first are trials without a surname."""

    def install(self, sink: SpanSink) -> None:
        """Wrap `Study.optimize`, whose objective is handed on wrapped."""
        from optuna.study import Study

        if self._sink is not None:
            return
        self._sink, original = sink, Study.optimize
        self._original = original

        @wraps(original)
        def optimize(study: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(study, self._recorded(study, func) if callable(func) else func, *args, **kwargs)
            except BaseException as error:
                _take_us_out(error)
                raise

        Study.optimize = optimize

    def remove(self) -> None:
        """Put `Study.optimize` back; running objectives are recorded to their end. A second call does nothing."""
        from optuna.study import Study

        if self._original is not None and getattr(Study.optimize, "__wrapped__", None) is self._original:
            Study.optimize = self._original
        self._sink = self._original = None

    def _recorded(self, study: Any, objective: Callable[[Any], Any]) -> Callable[[Any], Any]:
        from optuna.exceptions import TrialPruned

        called, surname = self._called(str(study.study_name))

        @wraps(objective)
        def recorded(trial: Any) -> Any:
            sink = self._sink
            if sink is None:
                return objective(trial)
            code, ext = sink.stage_code(f"trial {trial.number}{surname}"), sink.extend()
            sink.tell(code, trial_facts(trial.number, {}, "open", None, called))
            state, value = "failed", None
            ext((code, now_ns()))
            try:
                result = objective(trial)
                state, value = "failed" if _is_refused(result) else "complete", _figure(result)
                return result
            except TrialPruned as error:
                state = "pruned"
                _take_us_out(error)
                raise
            except BaseException as error:
                _take_us_out(error)
                raise
            finally:
                ext((-code, now_ns()))
                sink.tell(code, trial_facts(trial.number, trial.params, state, value, called))  # type: ignore[arg-type]  # one of them

        return recorded

    def _called(self, name: str) -> tuple[str, str]:
        """Return what a study is called, and what its trials are called beside their numbers."""
        if name not in self._studies:
            number = len(self._studies) + 1
            self._studies[name] = f"study {number}" if name.startswith(UNNAMED) else name
        called = self._studies[name]
        return called, "" if name == next(iter(self._studies)) else f" of {called}"


def _is_refused(result: Any) -> bool:
    """Return whether Optuna takes the trial for failed: a value is missing or not a number."""
    values = result if isinstance(result, (list, tuple)) else (result,)
    return any(value is None or value != value for value in values)  # noqa: PLR0124 - NaN alone differs from itself


def _figure(result: Any) -> float | None:
    """Return the value of an objective that has one, if it is finite; of several goals none stands for all."""
    try:
        figure = float(result)
    except (TypeError, ValueError):
        return None
    return figure if isfinite(figure) else None


def _take_us_out(error: BaseException) -> None:
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
