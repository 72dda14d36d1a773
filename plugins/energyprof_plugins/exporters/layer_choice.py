"""Which rows of the layers a table, a JSON or a CSV file has: one phase, down to a depth, the costliest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from energyprof.errors import InputError
from energyprof.model.report import LAYER_PHASES, LayerRow, Report, SumRow

NO_LAYERS: Final = (
    "no layer was recorded in this run; torch modules are layers when the program calls them under `energyprof run`"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for, and what there is of it."""

    rows: Sequence[LayerRow]
    """In the order in which they were first called; with a bound on their number, the costliest first."""
    rest: Sequence[LayerRow]
    """Those beyond that bound."""
    phase: str
    depth: int | None
    """Rows of this depth stand for all layers below them too; None: every layer stands for itself."""
    by_cost: bool

    def figure(self, row: LayerRow) -> SumRow:
        """Return the energy that a row stands for; over all rows they add up to that of the models."""
        return row.total_sum if self.depth is not None and row.depth >= self.depth else row.self_sum


def choose(report: Report, options: Mapping[str, str]) -> Choice:
    """Return the rows by options `phase`, `depth` and `top`; none where the run has no layers.

    Raises InputError where there are layers, but none in that phase.
    """
    phase, depth, top = options.get("phase", "total"), options.get("depth"), options.get("top")
    of_phase = [row for row in report.layers if row.phase == phase]
    if report.layers and not of_phase:
        there = [known for known in LAYER_PHASES if any(row.phase == known for row in report.layers)]
        raise InputError(f"no layer was seen in phase {phase}; this run has {', '.join(there)}")
    most = None if depth is None else int(depth)
    rows = [row for row in of_phase if most is None or row.depth <= most]
    choice = Choice(rows, (), phase, most, by_cost=top is not None)
    if top is None:
        return choice
    costliest = sorted(rows, key=lambda row: (-_known_j(choice.figure(row)), row.layer))
    count = int(top)
    return Choice(costliest[:count], costliest[count:], phase, most, by_cost=True)


def _known_j(figure: SumRow) -> float:
    """Return the energy, of a refused one the most it may be."""
    return figure.energy_j if figure.energy_j is not None else figure.high_j or 0.0
