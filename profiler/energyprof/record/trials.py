"""`trial`: mark one trial of a search, with its parameters and what came of it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from itertools import count

from energyprof.model.trials import trial_facts
from energyprof.record import lanes
from energyprof.record.names import NAMES
from energyprof.record.stage import Stage, stage_of
from energyprof.record.told import TOLD_HERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from energyprof.model.trials import TrialState

_numbers: dict[str, count[int]] = {}
"""Of the next trial, by study."""


def trial(
    params: Mapping[str, object] | None = None,
    *,
    number: int | None = None,
    study: str = "",
    lower_is_better: bool = False,
) -> Trial:
    """Mark one trial of a search: `with energyprof.trial({"lr": 1e-3}) as trial: ...; trial.tell(accuracy)`.

    It is a stage of its own, so that reports know the joules of each trial, of pruned and failed ones, and of those
    that repeat the parameters of another. An exception that leaves the block makes it failed, `prune()` pruned.
    `number`: as the search counts; default: one after the other. `study`: which search it is of, where a program does
    several, so that they are counted and summed up apart. `lower_is_better`: what it tells is a loss or an error.
    Trials of Optuna's `Study.optimize` are marked by themselves, and tell the direction of their study.
    """
    return Trial(params or {}, number, study, lower_is_better=lower_is_better)


class Trial:
    """One trial; a context manager to be entered once."""

    def __init__(
        self, params: Mapping[str, object], number: int | None, study: str = "", *, lower_is_better: bool = False
    ) -> None:
        self._params = dict(params)
        self._lower_is_better = lower_is_better
        self._study = str(study)
        self.number = next(_numbers.setdefault(self._study, count())) if number is None else number
        """Of this trial."""
        self._is_numbered = number is not None
        self._value: float | None = None
        self._unordered = ""
        self._state: TrialState = "complete"
        self._stage: Stage | None = None
        self._code = 0

    def tell(self, value: float) -> None:
        """Tell the figure that the search goes by; the last finite one counts. Raises as `float` does.

        NaN and infinities have no order and are no figures to go by; reports say that they were told.
        """
        figure = float(value)
        if math.isfinite(figure):
            self._value = figure
            return
        self._unordered = repr(figure)
        if lanes.is_recording:
            TOLD_HERE.refuse(f"trial {self.number} told {figure}, which is no finite figure and was not kept")

    def prune(self) -> None:
        """Say that it is given up for being hopeless; leave the block after that."""
        self._state = "pruned"

    def __enter__(self) -> Trial:  # noqa: PYI034 - Self is no part of Python 3.10's typing
        if self._stage is not None:
            raise RuntimeError("a trial is entered once; make another with energyprof.trial(...)")
        # Processes that a search starts count for themselves: their numbers alone would name two trials alike.
        pid = os.getpid()
        where = "" if self._is_numbered or pid == lanes.first_pid else f" of {pid}"
        of_study = f" of {self._study}" if self._study else ""
        name = NAMES.intern(f"trial {self.number}{of_study}{where}")
        self._stage, self._code = stage_of(name), name.code
        if lanes.is_recording:
            NAMES.tell(self._code, self._facts("open"))
        self._stage.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stage is None:
            return
        self._stage.__exit__(kind, error, traceback)
        if kind is not None and self._state != "pruned":
            self._state = "failed"
        if lanes.is_recording:
            NAMES.tell(self._code, self._facts(self._state))

    def _facts(self, state: TrialState) -> dict[str, str | int]:
        return trial_facts(
            self.number, self._params, state, self._value, self._study, self._unordered,
            lower_is_better=self._lower_is_better,
        )  # fmt: skip
