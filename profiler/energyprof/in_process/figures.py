"""What a profile found: the figures of its run, so far or whole, and its stages as rows of a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyprof.errors import InputError, InternalError
from energyprof.in_process.session import Session

if TYPE_CHECKING:
    from energyprof.model.report import Report
    from energyprof.run import Run


def run_of(session: Session | None) -> Run:
    """Return the run as far as it is known; raises EnergyprofError where this process has no figures of it."""
    if session is None:
        raise InputError("nothing has been profiled yet; use `with energyprof.profile() as run:`, or start()")
    if not session.is_ours:
        raise InputError("this run belongs to the process that this one was forked from; ask for figures there")
    # Before the commit: what it says is open is in the file for two seconds, and these imports may take longer.
    from energyprof.run import Run

    failure = session.commit() if session.is_running else session.failure
    if not session.path or not os.path.exists(session.path) or not os.path.getsize(session.path):
        raise InternalError(f"there are no figures: {failure or session.failure}")
    return Run(Path(session.path), is_live=session.is_running and not failure)


def stage_rows(report: Report) -> list[dict[str, Any]]:
    """Return one row for each stage, energies with those inside it and, as `self_energy_j`, without."""
    return [
        {
            "stage": row.stage,
            "parent": row.parent,
            "kind": row.kind,
            "calls": row.calls,
            "wall_s": row.wall_s,
            "cpu_s": row.cpu_s,
            "self_energy_j": row.self_sum.energy_j,
            "energy_j": row.total_sum.energy_j,
            "low_j": row.total_sum.low_j,
            "high_j": row.total_sum.high_j,
            "provenance": row.total_sum.provenance,
        }
        for row in report.stages
    ]
