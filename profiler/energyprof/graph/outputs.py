"""What became of the objects that stages handed out."""

from __future__ import annotations

from typing import NamedTuple

from energyprof.model.trace import Outputs


class HandedOut(NamedTuple):
    """Of one stage."""

    given: int
    unused: int
    """0 also where none was used: what the last stage makes goes to somebody who is not watched."""
    again: int


NOTHING = HandedOut(0, 0, 0)


def outputs_of(outputs: Outputs | None) -> dict[int, HandedOut]:
    """Return by stage what became of its outputs."""
    if outputs is None:
        return {}
    columns = (outputs.stage, outputs.given, outputs.used, outputs.again)
    return {
        stage: HandedOut(given, given - used if used else 0, again)
        for stage, given, used, again in zip(*(column.tolist() for column in columns), strict=True)
    }
