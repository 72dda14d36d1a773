"""What repeats what: the newest earlier run of the same work, the same trials, and what repetition has cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from energyprof.model.past import (
    PROVENANCES,
    EarlierRun,
    EarlierTrial,
    Outcome,
    PastEnergy,
    PastRun,
    PastTrial,
    Recalled,
    Work,
)

SAME_WITHIN = 1e-6
"""Relative difference up to which two figures of merit are one: the order of sums differs from run to run."""
_TELLING: Final[tuple[Outcome, ...]] = ("other", "same")
"""What one kind of result is enough to tell; what differs in one is no repetition, however alike the others are."""


def earlier_run(work: Work, runs: Sequence[PastRun], series: str = "") -> EarlierRun | None:
    """Return the newest of the runs that did this work to its end; those of the same series do not count."""
    alike = [
        run for run in runs if run.is_result and run.work.is_work_of(work) and not (series and run.series == series)
    ]
    if not alike:
        return None
    newest = alike[-1]
    return EarlierRun(
        run=newest.id,
        start=newest.start,
        host=newest.host,
        recording=newest.recording,
        energy=newest.energy,
        wall_s=newest.wall_s,
        times=len(alike),
        has_data=bool(work.data),
        differs=work.differences(newest.work),
        outcome="unknown",
    )


def recalled(run: PastRun, stages: Sequence[str], runs: Sequence[PastRun]) -> Recalled:
    """Return what a run that is over repeats of earlier ones; `stages` are those of its trials, in their order."""
    found = earlier_run(run.work, runs, run.series) if run.is_result else None
    if found is not None:
        was = next(one for one in runs if one.id == found.run)
        found = replace(found, outcome=outcome_between(was, run))
    trials = tuple(
        (stage, earlier)
        for stage, trial in zip(stages, run.trials, strict=False)
        if (earlier := _earlier_trial(trial, run, runs)) is not None
    )
    return Recalled(found, trials)


def outcome_between(was: PastRun, now: PastRun) -> Outcome:
    """Return whether two runs came out the same, by what both told: figures of merit, and trials with their values."""
    outcomes = {_outcome_of_figures(dict(was.told), dict(now.told)), _outcome_of_trials(was.trials, now.trials)}
    return next((outcome for outcome in _TELLING if outcome in outcomes), "unknown")


def _outcome_of_figures(before: Mapping[str, float], after: Mapping[str, float]) -> Outcome:
    common = before.keys() & after.keys()
    if not common:
        return "unknown"
    return "same" if all(_is_same(before[name], after[name]) for name in common) else "other"


def _outcome_of_trials(was: Sequence[PastTrial], now: Sequence[PastTrial]) -> Outcome:
    """Trials are matched by their parameters, in whatever order they were done."""
    if not was or not now:
        return "unknown"
    before, after = (sorted(map(_result, trials)) for trials in (was, now))
    if [one[:2] for one in before] != [one[:2] for one in after]:
        return "other"
    values = [(old, new) for (*_, old), (*_, new) in zip(before, after, strict=True) if old and new]
    if not all(_is_same(*old, *new) for old, new in values):
        return "other"
    return "same" if values else "unknown"


def _result(trial: PastTrial) -> tuple[str, str, tuple[float, ...]]:
    return trial.fingerprint, trial.state, () if trial.value is None else (trial.value,)


def _is_same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME_WITHIN)


def _earlier_trial(trial: PastTrial, run: PastRun, runs: Sequence[PastRun]) -> EarlierTrial | None:
    for was in reversed(runs):
        if not was.work.has_sources_of(run.work) or (run.series and was.series == run.series):
            continue
        same = [one for one in was.trials if one.fingerprint == trial.fingerprint and one.state == "complete"]
        if same and trial.params:
            arguments = () if was.work.arguments == run.work.arguments else ("other arguments",)
            differs = (*arguments, *run.work.differences(was.work))
            return EarlierTrial(was.id, was.start, same[-1].number, same[-1].value, same[-1].energy, differs)
    return None


@dataclass(frozen=True, slots=True)
class Total:
    """Runs or trials of a kind together."""

    count: int = 0
    energy: PastEnergy | None = None
    """Of those whose energy is known; bounds are sums of bounds, never too narrow. None: of none."""
    unknown: int = 0
    """Those whose energy is not known."""

    def with_one(self, energy: PastEnergy | None) -> Total:
        """Return the total with one more."""
        if energy is None:
            return replace(self, count=self.count + 1, unknown=self.unknown + 1)
        if self.energy is None:
            return replace(self, count=self.count + 1, energy=energy)
        was = self.energy
        both = PastEnergy(
            was.energy_j + energy.energy_j,
            was.low_j + energy.low_j,
            was.high_j + energy.high_j,
            max(was.provenance, energy.provenance, key=PROVENANCES.index),
        )
        return replace(self, count=self.count + 1, energy=both)


@dataclass(frozen=True, slots=True)
class Repetition:
    """What all runs kept have cost, and which part of it repeated what was there already."""

    all: Total = Total()
    repeats: Total = Total()
    """Came out the same, with the same versions."""
    untold: Total = Total()
    """The same work with the same versions, of which nothing was told that could be compared."""
    otherwise: Total = Total()
    """The same work, with other figures of merit or other versions: not for nothing."""
    failed: Total = Total()
    trials: Total = Total()
    """Repeated trials of runs that are no repeats themselves."""
    of_run: tuple[tuple[str, str], ...] = ()
    """Each run that repeats another, and that one, by id."""


class _Known:
    """The runs before one, found by work and trials: else a history of one program is gone through for each run."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str, str], list[PastRun]] = {}
        self._trials: dict[tuple[str, str, str], list[PastRun]] = {}

    def add(self, run: PastRun) -> None:
        """Add a run that is newer than all before."""
        program, data = run.work.program, run.work.data
        if run.is_result:
            self._runs.setdefault((program, run.work.arguments, data), []).append(run)
        for fingerprint in {trial.fingerprint for trial in run.trials if trial.state == "complete"}:
            self._trials.setdefault((program, data, fingerprint), []).append(run)

    def before(self, run: PastRun) -> EarlierRun | None:
        """Return the newest run of the same work, its outcome included."""
        alike = self._runs.get((run.work.program, run.work.arguments, run.work.data), [])
        return recalled(run, (), _newest(alike, run)).run

    def trial_before(self, trial: PastTrial, run: PastRun) -> EarlierTrial | None:
        """Return the newest trial of the same program, data and parameters."""
        alike = self._trials.get((run.work.program, run.work.data, trial.fingerprint), [])
        return _earlier_trial(trial, run, _newest(alike, run))


def _newest(runs: Sequence[PastRun], run: PastRun) -> Sequence[PastRun]:
    """Return the newest of the runs that is of no series with this one, if there is one."""
    return list(islice((was for was in reversed(runs) if not run.series or was.series != run.series), 1))


def repetition(runs: Iterable[PastRun]) -> Repetition:
    """Return the sums over the runs kept, oldest first."""
    found, known, of_run = Repetition(), _Known(), list[tuple[str, str]]()
    for run in runs:
        earlier = known.before(run)
        found = replace(found, all=found.all.with_one(run.energy))
        if not run.is_result:
            found = replace(found, failed=found.failed.with_one(run.energy))
        elif earlier is None:
            found = replace(found, trials=_repeated_trials(found.trials, run, known))
        elif earlier.outcome == "other" or earlier.differs:
            found = replace(found, otherwise=found.otherwise.with_one(run.energy))
        elif earlier.outcome == "unknown":
            found = replace(found, untold=found.untold.with_one(run.energy))
        else:
            found = replace(found, repeats=found.repeats.with_one(run.energy))
        if earlier is not None:
            of_run.append((run.id, earlier.run))
        known.add(run)
    return replace(found, of_run=tuple(of_run))


def _repeated_trials(total: Total, run: PastRun, known: _Known) -> Total:
    for trial in run.trials:
        earlier = known.trial_before(trial, run)
        if earlier is not None and is_for_nothing(earlier, trial.value):
            total = total.with_one(trial.energy)
    return total


def is_for_nothing(earlier: EarlierTrial, value: float | None) -> bool:
    """Return whether a trial brought nothing new: as before in all that is known of it."""
    if earlier.differs:
        return False
    if earlier.value is None or value is None:
        return True
    return _is_same(earlier.value, value)
