"""A DataLoader prepares the same samples anew in every epoch.

Of preparation in a plain `with stage("prepare"):` nothing is said. Such a block has no arguments and no result, and
nobody can tell from outside that it has read the same file again: what it opens would be told by an audit hook alone,
which cannot be taken away again and slows every `id()` down, or by functions put in the place of `open` and of what
reads files in C, which the program would notice; that its time is the same each time is as true of training. The same
in a function that is a stage is found, by `same_inputs`, where what it is handed is a path or another text, number,
array or tensor (`@stage def prepare(path)`) and what it returns is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof_plugins.findings.spending import counted

LEAST_SHARE: Final = 0.1
"""Of all stage energy, below which it is not worth a word."""


class RepeatedPreparation:
    """Find loaders that take much and were begun more than once: saved is from nothing, where all of the preparation
    is random, to all of it but the first epoch's."""

    name = "repeated_preparation"
    summary = "loaders that prepare their samples anew in each epoch, at much of the energy"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each loader."""
        for row in run.report.stages:
            epochs, share = int(row.facts.get("epochs", 0)), row.total_sum.share
            if row.kind != "loader" or epochs < 2 or share is None or share < LEAST_SHARE:
                continue
            now_j = row.total_sum.energy_j
            dataset = row.facts.get("dataset", "its dataset")
            yield Finding(
                rule=self.name,
                offenders=(row.stage,),
                fault="samples are prepared anew in each epoch",
                evidence=f"{counted(int(row.facts.get('batches', 0)), 'batch').replace('batchs', 'batches')} of "
                f"{dataset} in {counted(epochs, 'epoch')}, {100 * share:.0f} % of all stage energy",
                remedy=f"keep what is not random of each sample after the first epoch: up to {epochs - 1} of {epochs} "
                "parts of the preparation are done again",
                now_j=now_j,
                provenance=row.total_sum.provenance,
                saving_j=None if now_j is None else (0.0, max(now_j, 0.0) * (epochs - 1) / epochs),
            )
