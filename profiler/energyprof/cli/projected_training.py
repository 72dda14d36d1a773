"""The energy of a training that a projection starts from, given or taken from recordings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from energyprof.cli.projected_energy import (
    WORTH_A_WORD,
    Energy,
    counted_ledger,
    energy_between,
    given_energy,
    recorded_energy,
    whole_energy,
)
from energyprof.errors import InputError
from energyprof.model import amounts
from energyprof.model.range import Range

if TYPE_CHECKING:
    from energyprof.model.report import Report
    from energyprof.run import Run


def training_energy(text: str, *, is_without_start: bool = False) -> Energy:
    """Return the energy of a training, from recordings or a number; raises InputError.

    `is_without_start`: only what it took from the begin of its first stage to the end of its last.
    """
    given = given_energy(text)
    if given is None:
        return recorded_energy(text, _without_start if is_without_start else _all_of_it)
    if is_without_start:
        raise InputError(f"{text} is the energy of a training; leave out --without-start")
    return given


def _all_of_it(run: Run, text: str) -> Energy:
    report = run.report()
    energy = whole_energy(report, text, Range.exactly(1.0), f"all of {text}{_parts(report)}")
    steady = _between_stages(run, text)
    if steady is None:
        return energy
    return replace(energy, start_j=max(energy.joules.value - steady.joules.value, 0.0))


def _without_start(run: Run, text: str) -> Energy:
    steady = _between_stages(run, text)
    if steady is None:
        raise InputError(f"{text} has no stages whose energy can be told from its start; leave out --without-start")
    return steady


def _between_stages(run: Run, text: str) -> Energy | None:
    spans, stages = run.trace.spans, run.trace.stages
    if not len(spans) or all(stage.kind == "program" for stage in stages):
        return None
    basis = f"{text} from its first stage to the end of its last"
    return energy_between(run, int(spans.start_ns.min()), int(spans.end_ns.max()), basis)


def _parts(report: Report) -> str:
    """Return what a whole run is made of besides its stages, where that is worth a word."""
    rows = counted_ledger(report)
    whole_j = sum(row.measured_j or 0.0 for row in rows)
    parts = (
        (sum(row.idle_j or 0.0 for row in rows), "idle while no stage ran"),
        (sum(row.outside_j or 0.0 for row in rows), "outside stages (imports, for instance)"),
    )
    told = [f"{_joules(part_j)} {words}" for part_j, words in parts if part_j >= WORTH_A_WORD * whole_j > 0]
    return f": {_joules(whole_j)}, of it {' and '.join(told)}" if told else ""


def _joules(energy_j: float) -> str:
    return amounts.small_energy(Range.exactly(energy_j))
