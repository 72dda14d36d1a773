"""Which layers of a model multiply matrices, and what they spend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from energyprof.model.report import Report, StageRow
from energyprof_plugins.findings.devices import is_of
from energyprof_plugins.findings.spending import provenance_of, together_j

if TYPE_CHECKING:
    from energyprof.model.domain import Provenance

PRODUCTS: Final = ("Linear", "Conv1D", "Bilinear", "MultiheadAttention", "LSTM", "GRU", "RNN")
"""What classes of layers with matrix products have in their name; `Conv1D` is Hugging Face's linear layer of GPT-2."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What some layers of a model spend; of layers too short to be told apart, what the model does."""

    now_j: float | None
    share: float
    """Of all stage energy; of the run's time, where no energy is known."""
    provenance: Provenance


def product_layers(report: Report, model: str) -> list[StageRow]:
    """Return the layers of a model that multiply matrices, and their backward."""
    return [
        row for row in layers(report, model) if any(part in str(row.facts.get("module_class", "")) for part in PRODUCTS)
    ]


def layers(report: Report, model: str) -> list[StageRow]:
    """Return a model and all of its layers, and their backward."""
    only = frozenset({model})
    return [row for row in report.stages if is_of(only, row)]


def spent_by(report: Report, tops: Sequence[StageRow], rows: Sequence[StageRow]) -> Spent:
    """Return what these layers spend, of the model that stands in the stages `tops`."""
    sums = [row.self_sum for row in rows]
    now_j, shares = together_j(sums), [one.share or 0.0 for one in sums]
    if now_j is None:  # too short to be told apart: they spent no more than the model
        sums = [top.total_sum for top in tops]
        now_j, shares = together_j(sums), [one.share or 0.0 for one in sums]
    if now_j is None:  # nor can the model be told from what is beside it: its part of the time is all there is
        shares = [top.wall_s / max(report.run.wall_s, 1e-9) for top in tops]
    return Spent(now_j, sum(shares), provenance_of(sums))
