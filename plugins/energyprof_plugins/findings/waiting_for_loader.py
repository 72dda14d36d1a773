"""The loop stands still until its loader has the next batch; meanwhile machine and device draw their idle power.

A loader that prepares in workers does so while the loop computes: a loop of L seconds in the loader and C outside it
then takes as long as the longer of the two, so min(L, C) seconds of idle power are saved at most; with workers that are
too few all of L. The preparation itself costs what it did, and where no core is free nothing is saved. A device works
on what was launched before while the loop is in its loader: where it dates boundaries in its streams, only the time
counts in which it had nothing left to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import Report, StageRow
from energyprof.model.span import LANE_KINDS
from energyprof_plugins.findings.launches import device_s
from energyprof_plugins.findings.spending import provenance_of

LEAST_SHARE: Final = 0.25
"""Of the loop's time: workers that have to be started first take some of a short one."""
LEAST_WAIT_S: Final = 0.5


class WaitingForLoader:
    """Find loaders in which the loop spends much of its time."""

    name = "waiting_for_loader"
    summary = "loops that wait for their DataLoader while model and device idle"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each loader."""
        report = run.report
        loop_s = report.steps.wall_s if report.steps is not None else report.run.wall_s
        kinds = {row.stage: row.kind for row in report.stages}
        for row in report.stages:
            if row.kind != "loader" or (row.parent is not None and kinds.get(row.parent) == "loader"):
                continue
            least_s = max(LEAST_WAIT_S, LEAST_SHARE * loop_s)
            if row.self_wall_s < least_s or loop_s <= 0 or (waited_s := _waited_s(run, row)) < least_s:
                continue
            workers = int(row.facts.get("workers", 0))
            idle_w = _idle_power_w(report)
            saved_s = waited_s if workers else min(waited_s, max(loop_s - waited_s, 0.0))
            yield Finding(
                rule=self.name,
                offenders=(row.stage,),
                fault="the loop waits for its data",
                evidence=f"{waited_s:.3g} s of {loop_s:.3g} s went by in it with {workers} workers; "
                + ("idle power is not known" if idle_w is None else f"{idle_w:.3g} W of idle power went on"),
                remedy=_remedy(workers),
                now_j=None if idle_w is None else idle_w * waited_s,
                provenance=provenance_of([row.total_sum]),
                saving_j=None if idle_w is None else (0.0, idle_w * saved_s),
            )


def _waited_s(run: FinishedRun, row: StageRow) -> float:
    """Return how long the loop was in its loader with nothing left to do for a device, as far as one tells."""
    trace = run.trace()
    if trace.counted is not None:  # not all boundaries were stored
        return row.self_wall_s
    of_loader = np.array([stage.id == row.stage for stage in trace.stages], np.bool_)
    on_device = (trace.lanes.kind == LANE_KINDS.index("device"))[trace.spans.lane] & of_loader[trace.spans.stage]
    return min(row.self_wall_s, device_s(trace, of_loader)) if np.any(on_device) else row.self_wall_s


def _remedy(workers: int) -> str:
    if workers:
        return "more num_workers or a larger prefetch_factor, if cores are free; else cheaper preparation"
    return "num_workers=2 or more (and persistent_workers=True), if cores are free; else cheaper preparation"


def _idle_power_w(report: Report) -> float | None:
    """Return that of all domains that count; None: of one it is not known."""
    found = [row.baseline_w for row in report.domains if row.counts]
    known = [power_w for power_w in found if power_w is not None]
    return sum(known) if known and len(known) == len(found) else None
