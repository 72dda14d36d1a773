"""Optuna's trials as stages: each call of an objective by `Study.optimize`, with its parameters, value and state."""

from __future__ import annotations

from functools import wraps
from math import isfinite
from time import perf_counter_ns as now_ns
from weakref import ref

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
        self._studies: dict[tuple[object, str], str] = {}
        """What studies are called here; those of the first are trials without a surname."""

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

        called, surname = self._called(_storage_of(study), str(study.study_name))
        is_lower = _is_lower_better(study)

        @wraps(objective)
        def recorded(trial: Any) -> Any:
            sink = self._sink
            if sink is None:
                return objective(trial)
            code, ext = sink.stage_code(f"trial {trial.number}{surname}"), sink.extend()
            sink.tell(code, trial_facts(trial.number, {}, "open", None, called, lower_is_better=is_lower))
            state, value, unordered = "failed", None, ""
            ext((code, now_ns()))
            try:
                result = objective(trial)
                state, value = "failed" if _is_refused(result) else "complete", _figure(result)
                unordered = _unordered(result)
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
                facts = trial_facts(
                    trial.number, trial.params, state, value, called, unordered, lower_is_better=is_lower  # type: ignore[arg-type]  # one of them
                )  # fmt: skip
                sink.tell(code, facts)

        return recorded

    def _called(self, storage: object, name: str) -> tuple[str, str]:
        """Return what a study is called, and what its trials are called beside their numbers.

        A second study of a name, in another storage, is `name#2`, as a second model of a class is.
        """
        key = storage, name
        if key not in self._studies:
            alike = sum(known == name for _, known in self._studies)
            named = f"{name}#{alike + 1}" if alike else name
            self._studies[key] = f"study {len(self._studies) + 1}" if name.startswith(UNNAMED) else named
        called = self._studies[key]
        return called, "" if key == next(iter(self._studies)) else f" of {called}"


def _storage_of(study: Any) -> object:
    """Return what tells a study from another of its name: studies in memory share nothing but that name.

    A database is known by its address, as the same study may be loaded from it again; of others there is only the name.
    """
    from optuna.storages import InMemoryStorage

    storage = getattr(study, "_storage", None)
    if isinstance(storage, InMemoryStorage):
        return ref(storage)  # not its id, which another could have once it is gone; and it is not kept from going
    return str(getattr(getattr(storage, "_backend", storage), "url", ""))


def _is_lower_better(study: Any) -> bool:
    """Return whether it looks for the lowest value, as studies do that say nothing; of several goals none is one."""
    names = [getattr(direction, "name", "") for direction in getattr(study, "directions", ())]
    return names == ["MINIMIZE"]


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


def _unordered(result: Any) -> str:
    """Return what an objective told that has no order: no finite number, or values of several goals; empty: none."""
    if isinstance(result, (list, tuple)) and len(result) > 1:
        return ", ".join(f"{one:.6g}" if isinstance(one, (int, float)) else "?" for one in result[:8])
    try:
        figure = float(result)
    except (TypeError, ValueError):
        return ""
    return "" if isfinite(figure) else repr(figure)


def _take_us_out(error: BaseException) -> None:
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
