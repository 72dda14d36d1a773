"""What stages were handed to work off: samples of a model's calls, tokens of a generation, and joules for each token.

A stage's facts hold what was handed to it itself (`samples`, `tokens`). What stands below works off the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from energyprof.model.ids import StageId
from energyprof.model.report import StageRow
from energyprof.model.work_rows import TokenRow

if TYPE_CHECKING:
    from energyprof.model.events import WorkUnit


def token_rows(stages: Sequence[StageRow]) -> tuple[TokenRow, ...]:
    """Return what each prefill and decode was for and has cost, in the order of the stages."""
    return tuple(_token_row(row) for row in stages if row.kind == "generation" and row.facts.get("tokens"))


def _token_row(row: StageRow) -> TokenRow:
    tokens, total = int(row.facts["tokens"]), row.total_sum

    def each(energy_j: float | None) -> float | None:
        return None if energy_j is None else energy_j / tokens

    return TokenRow(
        stage=row.stage,
        phase=row.name,
        calls=row.calls,
        tokens=tokens,
        tokens_per_s=tokens / row.wall_s if row.wall_s > 0 else None,
        total_sum=total,
        per_token_j=each(total.energy_j),
        low_j=each(total.low_j),
        high_j=each(total.high_j),
    )


class Handed:
    """Which stage was handed what another one works off: the nearest above it, or itself."""

    def __init__(self, stages: Sequence[StageRow], unit: WorkUnit) -> None:
        self._by: dict[StageId, StageId] = {}
        self._count: Mapping[StageId, int] = {row.stage: int(row.facts[unit]) for row in stages if row.facts.get(unit)}
        for row in stages:  # parents stand first
            if row.stage in self._count:
                self._by[row.stage] = row.stage
            elif row.parent in self._by:
                self._by[row.stage] = self._by[row.parent]

    def to(self, stages: Iterable[StageRow]) -> int | None:
        """Return how much these stages work off together, each share counted once; None: of one it is not known."""
        by = [self._by.get(row.stage) for row in stages]
        if not by or None in by:
            return None
        return sum(self._count[one] for one in set(by) if one is not None)
