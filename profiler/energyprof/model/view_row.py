"""What a report of a part of a run is of."""

from __future__ import annotations

from dataclasses import dataclass

from energyprof.model.call_picture import CallPicture
from energyprof.model.ids import StageId
from energyprof.model.view import Level


@dataclass(frozen=True, slots=True)
class ViewRow:
    """Which part of the run a report is of, and in what detail; its ledger is that of the whole run."""

    level: Level
    domain: str
    focus: str
    ignore: str
    shown_j: float | None
    """What the stages shown spent in the domains shown, that which cannot be told apart included; None: not known."""
    left_out_j: float | None
    """What other stages spent in these domains."""
    around: tuple[StageId, ...] = ()
    """Stages shown for what stands in them; what they spent themselves is left out."""
    calls: CallPicture | None = None
    """The functions that a picture shows; None: none were chosen."""
