"""`repeat`: say where in a program `energyprof run --repeat` is to call its layers again; else do nothing at all."""

from __future__ import annotations

import sys


def repeat() -> None:
    """Call kept layers and functions again, here and now, under `energyprof run --repeat`; otherwise do nothing.

    For a program that does not come to its end by itself, or that frees its model before. Call it outside any stage, in
    the main thread; only the first call counts, and nothing is repeated at the end then.
    """
    repeats = sys.modules.get("energyprof.record.repeats")
    if repeats is not None and repeats.Active.phase is not None:
        repeats.Active.phase.run()
