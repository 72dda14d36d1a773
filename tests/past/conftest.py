"""Runs that are over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from energyprof.model.past import PastEnergy, PastRun, Work

RUN = PastRun(
    id="00000001",
    start="2026-01-02T03:04:05.000+00:00",
    work=Work("p" * 32, "a" * 32, "d" * 32, "python job.py", (("python", "3.12.1"),)),
    exit_code=0,
    wall_s=1.5,
    energy=PastEnergy(10.0, 8.0, 13.0, "measured"),
    host="here",
    recording="/runs/job.eprof",
)


@pytest.fixture
def past() -> Callable[..., PastRun]:
    """Return a maker of runs: what is not said is as in all of them; `program`, `arguments`, ... are of the work."""

    def make(number: int = 1, **more: Any) -> PastRun:
        work = {
            name: more.pop(name)
            for name in ("program", "arguments", "data", "command", "versions", "data_name")
            if name in more
        }
        return replace(RUN, id=f"{number:08x}", work=replace(RUN.work, **work), **more)

    return make
