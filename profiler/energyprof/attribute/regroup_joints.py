"""What stages spent that cannot be told apart, in a view that adds stages up or leaves some out.

A group that holds all members of an unsplit row has its energy. One that holds only some of them is refused as they
are, and what else is known of it joins the row: so known figures and unsplit rows still add up to all that was spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.ledger import MICRO
from energyprof.model.attribution import DomainAttribution, EnergyColumns, Unsplit
from energyprof.model.ids import DomainId
from energyprof.model.recorded_names import FOLDED, PASSED_OVER
from energyprof.model.span import Flags, Ints, Stage
from energyprof.model.view import Grouping


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What can be said of several stages together."""

    energy_uj: int
    low_uj: int
    high_uj: int
    cut: Ints
    """Those left out of it: they cannot be told from stages that are not among these, or nothing was read of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Joints:
    """The unsplit rows of one domain; for each stage the row that it is in, -1: none."""

    domain: DomainId
    rows: tuple[Unsplit, ...]
    row_of: Ints
    size: Ints
    counts: Flags
    """False: what it spends counts to others, for it is not recorded any more, or stands for layers that are not."""

    @staticmethod
    def of(found: DomainAttribution, stages: tuple[Stage, ...]) -> Joints:
        """Return those of a domain."""
        row_of = np.full(len(found.self_energy.energy_j), -1, np.int64)
        for number, row in enumerate(found.unsplit):
            row_of[list(row.members)] = number
        size = np.array([len(row.members) for row in found.unsplit], np.int64)
        counts = np.array([not {FOLDED, PASSED_OVER} & stage.facts.keys() for stage in stages], np.bool_)
        return Joints(found.domain, found.unsplit, row_of, size, counts)

    def told(self, columns: EnergyColumns, members: Ints) -> Told:
        """Return the known energy of stages, with that of the unsplit rows that lie wholly among them."""
        refused = columns.refused[members]
        known = members[~refused]
        figures = (columns.energy_j, columns.low_j, columns.high_j)
        energy_uj, low_uj, high_uj = (int(np.rint(part[known] * MICRO).sum()) for part in figures)
        in_row = self.row_of[members[refused]]
        number, count = np.unique(in_row[in_row >= 0], return_counts=True)
        whole = number[count == self.size[number]]
        for row in (self.rows[at] for at in whole.tolist()):
            energy_uj += round(row.energy_j * MICRO)
            low_uj += round(row.low_j * MICRO)
            high_uj += round(row.high_j * MICRO)
        told = np.isin(self.row_of[members], whole)
        # A layer alone that is not recorded any more is not known: only with its parent does it lack nothing.
        told |= ~self.counts[members] & bool(len(known))
        return Told(energy_uj, low_uj, high_uj, members[refused & ~told])

    def are_cut(self, columns: EnergyColumns, members: Ints) -> bool:
        """Return whether some of these stages cannot be told from others that are not among them."""
        return bool((self.row_of[self.told(columns, members).cut] >= 0).any())

    def of_groups(
        self, columns: EnergyColumns, grouping: Grouping, members: Sequence[Ints], refused: Flags
    ) -> tuple[Unsplit, ...]:
        """Return the unsplit rows of a view whose stages have these members; `refused`: without a figure."""
        rows = [self._of_view(row, grouping, [len(one) for one in members]) for row in self.rows]
        more: list[Unsplit] = []
        for place, one in enumerate(members):
            told = self.told(columns, one)
            if not refused[place] or not len(told.cut) or len(told.cut) == len(one):
                continue
            held = [number for number in self.row_of[told.cut].tolist() if number >= 0]
            joined = rows[held[0]] if held else None
            if joined is None:
                why = next((columns.reason[at] for at in told.cut.tolist() if columns.reason[at]), "")
                reason = f"a part of it is not known: {why}"
                more.append(Unsplit(self.domain, (place,), *_figures(told, (0.0, 0.0, 0.0)), reason))
            else:
                rows[held[0]] = _joined(joined, told)
        return (*(row for row in rows if row is not None), *more)

    def _of_view(self, row: Unsplit, grouping: Grouping, sizes: Sequence[int]) -> Unsplit | None:
        """Return a row of the view; None: one stage of it holds all and more, or it is left out."""
        members = np.array(row.members, np.int64)
        here = members[(grouping.place[members] >= 0) & grouping.is_own[members]]
        places = np.unique(grouping.place[here]).tolist()
        missing = len(members) - len(here)
        if not places or (len(places) == 1 and not missing and sizes[places[0]] > 1):
            return None
        reason = f"together with {missing} left out of this view; {row.reason}" if missing else row.reason
        return replace(row, members=tuple(places), reason=reason)


def _joined(row: Unsplit, told: Told) -> Unsplit:
    energy_j, low_j, high_j = _figures(told, (row.energy_j, row.low_j, row.high_j))
    return replace(row, energy_j=energy_j, low_j=low_j, high_j=high_j)


def _figures(told: Told, more_j: tuple[float, float, float]) -> tuple[float, float, float]:
    energy_uj, low_uj, high_uj = (round(part * MICRO) for part in more_j)
    return (energy_uj + told.energy_uj) / MICRO, (low_uj + told.low_uj) / MICRO, (high_uj + told.high_uj) / MICRO
