"""Make one lane's events well-formed: every end closes the innermost open stage, and none is left over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.events import END_ANY, LANE, RESUME
from energyprof.model.span import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """A lane's events as they should have been, and what had to be done to them."""

    code: Ints
    t_ns: Ints
    row: Ints
    """Which of the events that came it stems from."""
    stray: int
    """Ends of stages that were not open; left out."""
    clipped: int
    """Spans cut short because a stage around them ended first (a `with` block across a `yield` does that)."""


def repair(code: Ints, t_ns: Ints) -> Repaired:
    """Return the events of one lane, repaired; those that began what was open before come first among them.

    An end is accepted by its code: it closes the innermost open stage of that code and clips all inside it.
    """
    stack: list[int] = []
    out: list[tuple[int, int, int]] = []
    stray = clipped = 0
    for row, (event, when) in enumerate(zip(code.tolist(), t_ns.tolist(), strict=True)):
        if event > 0:
            if event < LANE:
                stack.append(event % RESUME)
            out.append((event, when, row))
        elif stack and event in (-stack[-1], END_ANY):
            stack.pop()
            out.append((event, when, row))
        elif -event in stack:
            while True:
                inner = stack.pop()
                out.append((-inner, when, row))
                if inner == -event:
                    break
                clipped += 1
        else:
            stray += 1
    rows = np.array(out, np.int64).reshape(-1, 3).T
    return Repaired(rows[0].copy(), rows[1].copy(), rows[2].copy(), stray, clipped)
