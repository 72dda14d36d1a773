"""A model is called for one sample at a time: weights are read and operations launched anew for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding

LEAST_CALLS: Final = 20
LEAST_SHARE: Final = 0.1
"""Of all stage energy."""


class SingleSamples:
    """Find models called with batches of one. Only a hint: a sweep over batch sizes tells what it costs."""

    name = "single_samples"
    summary = "models called for one sample at a time"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a hint for each stage in which a model is called so."""
        in_generation: set[str] = set()
        for row in run.report.stages:  # parents stand first
            if row.kind == "generation" or row.parent in in_generation:
                in_generation.add(row.stage)
                continue
            samples, share = row.facts.get("samples"), row.total_sum.share
            if row.kind != "module" or row.calls < LEAST_CALLS or samples != row.calls:
                continue
            if share is None or share < LEAST_SHARE:
                continue
            yield Finding(
                rule=self.name,
                offenders=(row.stage,),
                fault="one sample at a time",
                evidence=f"{samples} samples in {row.calls} calls; whether each follows from the result of the one "
                "before, as in a game or a simulation, is not known",
                remedy="gather samples into batches where they may wait for each other (several games at once, say); "
                "see what it saves with: energyprof sweep --set batch=1,4,16 SCRIPT",
                now_j=row.total_sum.energy_j,
                provenance=row.total_sum.provenance,
            )
