"""`iterations`: mark a loop, so that `energyprof run --dephase` can delay its iterations; else do nothing at all."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    Items = TypeVar("Items", bound=Iterable[object])


def iterations(loop: Items) -> Items:
    """Return what to loop over: `for batch in energyprof.iterations(loader):`.

    Under `--dephase` a random delay comes before each iteration but the first, and stages that begin again are not
    delayed by themselves any more. Otherwise `loop` itself comes back, and the loop costs what it cost before.
    """
    dephase = sys.modules.get("energyprof.record.dephase")
    dephaser = None if dephase is None else dephase.Active.dephaser
    if dephase is None or dephaser is None:
        return loop
    dephaser.is_marked = True
    marked: Items = dephase.Iterations(loop)
    return marked
