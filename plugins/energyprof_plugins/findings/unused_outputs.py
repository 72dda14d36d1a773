"""A stage hands out results that no stage receives, while others of its results are used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import StageRow
from energyprof_plugins.findings.spending import counted

LEAST_SHARE: Final = 0.05
"""Of a stage's results: a loop that ends early leaves those prepared ahead, which no change would save."""


class UnusedOutputs:
    """Find stages of whose results some are never received."""

    name = "unused_outputs"
    summary = "results that no stage receives, where others of the same stage are used"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each stage.

        One result a call: the part of the calls that nobody needed would be saved, half of it at least, for calls
        differ. Several results a call: they may share all of their work, or none.
        """
        for row in run.report.stages:
            now_j = row.total_sum.energy_j
            if not _is_waste(row) or (now_j is not None and now_j <= 0):
                continue
            share = row.unused_outputs / row.outputs
            least = 0.5 * share if row.outputs == row.calls else 0.0
            yield Finding(
                rule=self.name,
                offenders=(row.stage,),
                fault="results that nobody uses",
                evidence=f"{row.unused_outputs} of {counted(row.outputs, 'result')} of {counted(row.calls, 'call')} "
                "were received by no stage, others were; what is no stage is not watched",
                remedy="make only what is asked for, or mark who uses it: stage(...).input(result)",
                now_j=now_j,
                provenance=row.total_sum.provenance,
                saving_j=None if now_j is None else (least * now_j, share * now_j),
            )


def _is_waste(row: StageRow) -> bool:
    """Return whether it is more than the one result on which a loop over several calls ended.

    Of models and layers nothing is said: losses, metrics and plain functions of torch take what they hand out, and
    those of them that are stages are often recorded in a part of their calls only.
    """
    if row.kind == "module":
        return False
    is_the_last = row.unused_outputs == 1 and row.calls > 1
    return row.unused_outputs > 0 and not is_the_last and row.unused_outputs >= LEAST_SHARE * row.outputs
