"""A stage hands out results that nobody uses: no stage receives them while others are used, or its caller drops them.

Whether a stage receives a result is watched; what the line that calls a stage makes of what comes back is read from its
bytecode (`record.dropped`). Where plain code gets it (`total += f(x).mean()`, a list, a condition), it is used, and
nothing is said; where nobody can tell, as of coroutines, results that no stage receives are a hint.

Called for what it does is a stage that returns nothing, a number, a text or one of its arguments, that writes, sets or
sends something itself or by a Python function that it calls, or in which anything trains: of those nothing is said.
What a stage does by a library is not seen, so all of a dropped result's cost may be wanted, and the saving begins at
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import StageRow
from energyprof_plugins.findings.inference import OF_TRAINING, below
from energyprof_plugins.findings.spending import counted

DROPPED: Final = "dropped_results"
HANDED_ON: Final = "results_only_handed_on"
KEPT: Final = "results_kept_by_callers"
UNSEEN: Final = "results_out_of_sight"
LEAST_DROPPED: Final = 0.5
"""Of the calls of a stage: who warms up drops the first results."""
LEAST_ENERGY_SHARE: Final = 0.01
"""Of all stage energy, below which dropped results are not worth a word."""
LEAST_HINT_SHARE: Final = 0.1
"""The same, of a hint."""
LEAST_SHARE: Final = 0.05
"""Of a stage's results: a loop that ends early leaves those prepared ahead, which no change would save."""


class UnusedOutputs:
    """Find stages of whose results some are never received."""

    name = "unused_outputs"
    summary = "results that no stage receives, where others of the same stage are used, or that the caller drops"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each stage.

        One result a call: the part of the calls that nobody needed would be saved, half of it at least, for calls
        differ. Several results a call: they may share all of their work, or none.
        """
        for row in run.report.stages:
            now_j = row.total_sum.energy_j
            if now_j is not None and now_j <= 0:
                continue
            if _is_waste(row) and not row.facts.get(KEPT):
                if _is_known(row):
                    yield self._unreceived(row, now_j)
                elif (row.total_sum.share or 0.0) >= LEAST_HINT_SHARE:
                    yield self._hint(row, now_j)
            elif _is_dropped(row) and not any(one.kind in OF_TRAINING for one in below(run.report, [row])):
                yield self._dropped(row, now_j)

    def _unreceived(self, row: StageRow, now_j: float | None) -> Finding:
        share = row.unused_outputs / row.outputs
        least = 0.5 * share if row.outputs == row.calls else 0.0
        return Finding(
            rule=self.name,
            offenders=(row.stage,),
            fault="results that nobody uses",
            evidence=f"{row.unused_outputs} of {counted(row.outputs, 'result')} of {counted(row.calls, 'call')} "
            "were received by no stage, others were; the lines that call it hand what it returns to stages alone",
            remedy="make only what is asked for",
            now_j=now_j,
            provenance=row.total_sum.provenance,
            saving_j=None if now_j is None else (least * now_j, share * now_j),
        )

    def _hint(self, row: StageRow, now_j: float | None) -> Finding:
        return Finding(
            rule=self.name,
            offenders=(row.stage,),
            fault="results that no stage receives",
            evidence=f"{row.unused_outputs} of {counted(row.outputs, 'result')} of {counted(row.calls, 'call')}, "
            "others were received; code that is no stage may use them, which nobody watches",
            remedy="make only what is asked for, if nothing uses them; if something does, this is no fault",
            now_j=now_j,
            provenance=row.total_sum.provenance,
        )

    def _dropped(self, row: StageRow, now_j: float | None) -> Finding:
        dropped = int(row.facts[DROPPED])
        return Finding(
            rule=self.name,
            offenders=(row.stage,),
            fault="results that its caller drops",
            evidence=f"of {counted(row.calls, 'call')} {dropped} had a result that the line which called {row.name} "
            "keeps nowhere; it was not seen to write, set or train anything",
            remedy="leave the call out, or use what it returns; if it is called for something that it does (by a "
            "library, say), this is no fault",
            now_j=now_j,
            provenance=row.total_sum.provenance,
            saving_j=None if now_j is None else (0.0, min(dropped / row.calls, 1.0) * now_j),
        )


def _is_dropped(row: StageRow) -> bool:
    dropped, share = int(row.facts.get(DROPPED, 0)), row.total_sum.share
    return dropped >= 2 and dropped >= LEAST_DROPPED * row.calls and (share is None or share >= LEAST_ENERGY_SHARE)


def _is_known(row: StageRow) -> bool:
    """Return whether what no stage received is certainly unused."""
    return bool(row.facts.get(HANDED_ON) or row.facts.get(DROPPED)) and not row.facts.get(UNSEEN)


def _is_waste(row: StageRow) -> bool:
    """Return whether it is more than the one result on which a loop over several calls ended.

    Of models and layers nothing is said: losses, metrics and plain functions of torch take what they hand out, and
    those of them that are stages are often recorded in a part of their calls only.
    """
    if row.kind == "module":
        return False
    is_the_last = row.unused_outputs == 1 and row.calls > 1
    return row.unused_outputs > 0 and not is_the_last and row.unused_outputs >= LEAST_SHARE * row.outputs
