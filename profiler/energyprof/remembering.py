"""A run and those before it: what it repeats, told before it starts, and itself kept when it is over.

Nothing of this may harm the program: whatever cannot be read or written is one line, and the run goes on.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from energyprof.discover import state_folder
from energyprof.errors import InputError
from energyprof.model.past import PastEnergy, PastRun, PastTrial, Recalled, Work
from energyprof.model.past_text import earlier_sentence
from energyprof.model.trials import FINGERPRINT
from energyprof.past.fingerprint import Asked, data_digest, work_of
from energyprof.past.recall import earlier_run, recalled
from energyprof.past.store import RunStore
from energyprof.project_file import project_table

if TYPE_CHECKING:
    from energyprof.model.report import Report, SumRow

REMEMBER: Final = "ENERGYPROF_REMEMBER"
DATA: Final = "ENERGYPROF_DATA"
MOST_TRIALS: Final = 1_000
"""Kept of a run, the first ones."""
MOST_FIGURES: Final = 50
LONGEST_PARAMS: Final = 100
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Wish:
    """That a run is to be remembered."""

    data: tuple[str, ...]
    """What was said of its data: names, or @FILE."""
    is_flag: bool
    """The data was said on the command line, where a mistake ends the command."""


def run_store() -> RunStore:
    """Return the user's store."""
    return RunStore(state_folder())


def wished(is_asked: bool | None, data: Sequence[str], environment: Mapping[str, str], folder: Path) -> Wish | None:
    """Return what flags, else the environment, else pyproject.toml wish; None: nothing is to be remembered.

    `is_asked`: that of `--remember` and `--no-remember`; None: neither. Data that is said implies the wish. Raises
    InputError for what is neither yes nor no, and for a broken pyproject.toml.
    """
    if is_asked is False:
        return None
    answer, named = _answer(environment.get(REMEMBER, "")), environment.get(DATA, "").strip()
    if data or (named and (is_asked or answer is not False)):
        return Wish(tuple(data) or (named,), bool(data))
    if answer is False and not is_asked:
        return None
    is_wished, of_project = _of_project(folder)
    return Wish(of_project, is_flag=False) if is_asked or answer or is_wished else None


def _answer(text: str) -> bool | None:
    """Return what a variable says; None: nothing."""
    said = text.strip().lower()
    if said and said not in _YES | _NO:
        raise InputError(f"{REMEMBER}={text} is neither yes nor no; write 1 or 0")
    return said in _YES if said else None


def _of_project(folder: Path) -> tuple[bool, tuple[str, ...]]:
    """Return whether the project wishes it, and what it says of its data; its paths start from its file."""
    project = project_table(folder)
    if project is None:
        return False, ()
    data = project.values.get("data", [])
    words = [data] if isinstance(data, str) else data
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError(f"{project.path}: data is no text; write data = 'name' or data = ['@train.csv']")
    remember = project.values.get("remember", bool(words))
    if not isinstance(remember, bool):
        raise InputError(f"{project.path}: remember is neither true nor false; write remember = true")
    near = project.path.parent
    return remember, tuple(f"@{near / word[1:]}" if word.startswith("@") else word for word in words)


class Memory:
    """One run among those before it."""

    def __init__(self, store: RunStore, work: Work, series: str = "") -> None:
        self._store = store
        self._work = work
        self._series = series

    def before(self) -> str:
        """Return what is to be said before it starts: which run it repeats, or nothing. Raises InputError."""
        earlier = earlier_run(self._work, self._store.of_program(self._work.program), self._series)
        return "" if earlier is None else earlier_sentence(earlier)

    def after(self, report: Report, recording: str) -> Recalled:
        """Keep the run that the report is of, and return what it repeats; raises InputError where it cannot be kept."""
        run = past_run(report, self._work, recording, self._series)
        before = self._store.of_program(self._work.program)
        self._store.add(run)
        stages = () if report.trials is None else [row.stage for row in report.trials.rows]
        return recalled(run, stages, before)


def memory_of(wish: Wish, asked: Asked, environment: Mapping[str, str], series: str = "") -> Memory:
    """Return the memory of a run to be started; raises InputError where it cannot be told which work it is.

    Data that was said on the command line and cannot be read raises `DataError`.
    """
    try:
        data = data_digest(wish.data)
    except InputError as error:
        if wish.is_flag:
            raise DataError(str(error)) from None
        raise
    return Memory(run_store(), work_of(asked, data, environment.get("PYTHONPATH", ""), wish.data), series)


class DataError(InputError):
    """The user said which data it is for, and was wrong."""


def past_run(report: Report, work: Work, recording: str, series: str = "") -> PastRun:
    """Return what is kept of a run that is over."""
    facts = {row.stage: row.facts for row in report.stages}
    trials = () if report.trials is None else report.trials.rows[:MOST_TRIALS]
    return PastRun(
        id=os.urandom(4).hex(),
        start=report.run.start,
        work=work,
        exit_code=report.run.exit_code,
        wall_s=report.run.wall_s,
        energy=_energy(report.measured),
        host=report.run.host,
        recording=recording,
        series=series,
        told=tuple((row.name, row.value) for row in report.metrics if math.isfinite(row.value))[:MOST_FIGURES],
        trials=tuple(
            PastTrial(
                number=row.number,
                fingerprint=str(facts[row.stage].get(FINGERPRINT, "")),
                params=row.params[:LONGEST_PARAMS],
                state=row.state,
                value=row.value,
                energy=_energy(row.total_sum),
            )
            for row in trials
        ),
    )


def _energy(row: SumRow) -> PastEnergy | None:
    if row.energy_j is None:
        return None
    low_j = row.energy_j if row.low_j is None else row.low_j
    high_j = row.energy_j if row.high_j is None else row.high_j
    return PastEnergy(row.energy_j, low_j, high_j, row.provenance)
