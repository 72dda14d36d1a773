"""A DataLoader prepares the same samples anew in every epoch.

Of preparation in a plain `with stage("prepare"):` nothing is said. Such a block has no arguments and no result, and
nobody can tell from outside that it has read the same file again: what it opens would be told by an audit hook alone,
which cannot be taken away again and slows every `id()` down, or by functions put in the place of `open` and of what
reads files in C, which the program would notice; that its time is the same each time is as true of training. The same
in a function that is a stage is found, by `same_inputs`, where what it is handed is a path or another text, number,
array or tensor (`@stage def prepare(path)`) and what it returns is the same.

Saved is at most what epochs after the first took: of a dataset that keeps its samples that is little. Of a loader with
workers nobody sees from the loop when they worked for which epoch, and all epochs are taken to be alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import StageRow
from energyprof_plugins.findings.spending import counted

LEAST_SHARE: Final = 0.1
"""Of all stage energy, that epochs after the first take, below which it is not worth a word."""


class RepeatedPreparation:
    """Find loaders that take much and were begun more than once: saved is from nothing, where all of the preparation
    is random, to all that epochs after the first took."""

    name = "repeated_preparation"
    summary = "loaders that prepare their samples anew in each epoch, at much of the energy"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each loader."""
        for row in run.report.stages:
            epochs, share = int(row.facts.get("epochs", 0)), row.total_sum.share
            if row.kind != "loader" or epochs < 2 or share is None or share < LEAST_SHARE:
                continue
            if row.facts.get("samples_in_memory"):  # there is nothing to keep
                continue
            later = _later_part(run, row)
            if later * share < LEAST_SHARE:
                continue
            now_j = row.total_sum.energy_j
            dataset = row.facts.get("dataset", "its dataset")
            yield Finding(
                rule=self.name,
                offenders=(row.stage,),
                fault="samples are prepared anew in each epoch",
                evidence=f"{counted(int(row.facts.get('batches', 0)), 'batch').replace('batchs', 'batches')} of "
                f"{dataset} in {counted(epochs, 'epoch')}, {100 * share:.0f} % of all stage energy",
                remedy="keep what is not random of each sample after the first epoch: up to "
                f"{100 * later:.0f} % of the preparation is done again",
                now_j=now_j,
                provenance=row.total_sum.provenance,
                saving_j=None if now_j is None else (0.0, max(now_j, 0.0) * later),
            )


def _later_part(run: FinishedRun, row: StageRow) -> float:
    """Return which part of a loader's work epochs after the first took, 0..1."""
    epochs, batches = int(row.facts.get("epochs", 0)), int(row.facts.get("batches", 0))
    alike, first = (epochs - 1) / epochs, row.facts.get("batches_of_first_epoch")
    if first is None or row.facts.get("workers"):
        return alike
    trace = run.trace()
    of_loader = np.array([stage.id == row.stage for stage in trace.stages], np.bool_)
    chosen = of_loader[trace.spans.stage]
    if trace.counted is not None or np.count_nonzero(chosen) < batches + epochs:  # not all were stored, or stand here
        return alike
    start, end = trace.spans.start_ns[chosen], trace.spans.end_ns[chosen]
    length = (end - start)[np.argsort(start, kind="stable")]
    of_first = int(first) + 2  # it is begun, gives its batches, and has no more
    return float(length[of_first:].sum() / max(length.sum(), 1))
