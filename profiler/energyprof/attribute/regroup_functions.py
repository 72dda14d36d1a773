"""The functions and stacks of a view: those of its stages, and of the time outside where it leaves no stage out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from energyprof.attribute.ledger import MICRO
from energyprof.model.attribution import FunctionEnergy, FunctionTable
from energyprof.model.span import Flags, Floats, Index, Ints
from energyprof.model.view import Grouping


@dataclass(frozen=True, slots=True, eq=False)
class FunctionsShown:
    """Which rows of the function table each row of the view's adds up, and which stacks it keeps."""

    table: FunctionTable | None
    """Of the view; None: no stacks were sampled."""
    rows: Sequence[Ints]
    stacks: Ints

    @staticmethod
    def of(table: FunctionTable | None, grouping: Grouping) -> FunctionsShown:
        """Return what `grouping` shows of a run's functions."""
        if table is None:
            return FunctionsShown(None, (), np.zeros(0, np.int64))
        stage, found = _placed(table.stage, grouping), dict[tuple[int, object], list[int]]()
        for row in np.flatnonzero(_is_shown(table.stage, grouping)).tolist():
            found.setdefault((int(stage[row]), table.functions[row]), []).append(row)
        rows = [np.array(one, np.int64) for one in found.values()]
        busiest = [int(one[np.argmax(table.samples[one])]) for one in rows]
        stacks = np.flatnonzero(_is_shown(table.stack_stage, grouping))
        shown = FunctionTable(
            functions=tuple(table.functions[one] for one in busiest),
            stage=np.array([place for place, _ in found], np.int32),
            line=table.line[busiest].astype(np.int32),
            samples=np.array([table.samples[one].sum() for one in rows], np.int64),
            total_samples=np.array([table.total_samples[one].sum() for one in rows], np.int64),
            stack_node=table.stack_node[stacks],
            stack_stage=_placed(table.stack_stage[stacks], grouping),
            stack_samples=table.stack_samples[stacks],
        )
        return FunctionsShown(shown, rows, stacks)

    def energy(self, energy: FunctionEnergy) -> FunctionEnergy:
        """Return the energies of the view's functions and stacks; bounds are added, which is never too narrow."""

        def added(column: Floats) -> Floats:
            whole_uj = [np.rint(column[one] * MICRO).sum() for one in self.rows]
            return np.array(whole_uj, np.float64) / MICRO

        return FunctionEnergy(
            energy_j=added(energy.energy_j),
            low_j=added(energy.low_j),
            high_j=added(energy.high_j),
            total_j=added(energy.total_j),
            total_low_j=added(energy.total_low_j),
            total_high_j=added(energy.total_high_j),
            provenance=energy.provenance,
            stack_j=energy.stack_j[self.stacks],
            idle_j=None if energy.idle_j is None else added(energy.idle_j),
            total_idle_j=None if energy.total_idle_j is None else added(energy.total_idle_j),
        )


def _is_shown(stage: Index, grouping: Grouping) -> Flags:
    if not len(grouping.place):
        return np.ones(len(stage), np.bool_)
    is_complete = bool((grouping.place >= 0).all() and grouping.is_own.all())
    shown: Flags = np.where(stage >= 0, (grouping.place[stage] >= 0) & grouping.is_own[stage], is_complete)
    return shown


def _placed(stage: Index, grouping: Grouping) -> Index:
    if not len(grouping.place):
        return stage
    return np.where(stage >= 0, grouping.place[stage], -1).astype(np.int32)
