"""A function is called again on inputs that it has had before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import StageRow
from energyprof_plugins.findings.inference import below
from energyprof_plugins.findings.spending import counted, provenance_of, together_j

FACT: Final = "calls_on_same_inputs"
LEAST_SHARE: Final = 0.01
"""Of all stage energy, below which it is not worth a word."""


class SameInputs:
    """Find functions that were called with the same texts, numbers and tensors more than once."""

    name = "same_inputs"
    summary = "functions called again on inputs that they have had before"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each function, but for those that train: they do other work with the same batch.

        `FACT` is at least so many calls and less than twice as many; one of them may cost half of the mean.
        """
        functions: dict[tuple[str, str | None, int | None], list[StageRow]] = defaultdict(list)
        for row in run.report.stages:
            if row.kind == "function" and row.facts.get(FACT):
                functions[row.name, row.file, row.line].append(row)
        for (name, _, _), rows in functions.items():
            sums, calls, again = (
                [row.total_sum for row in rows],
                sum(row.calls for row in rows),
                int(rows[0].facts[FACT]),
            )
            now_j = together_j(sums)
            if sum(one.share or 0.0 for one in sums) < LEAST_SHARE or again >= calls:
                continue
            if any(row.kind in {"backward", "optimizer"} for row in below(run.report, rows)):
                continue
            most = min(2 * again - 1, calls - 1)
            yield Finding(
                rule=self.name,
                offenders=tuple(row.stage for row in rows),
                fault="called again on the same inputs",
                evidence=f"at least {again} of {counted(calls, 'call')} of {name} had inputs that it had had before: "
                "equal texts and numbers, unchanged tensors",
                remedy="keep its results (functools.cache, or a dict), if they depend on nothing but its inputs",
                now_j=now_j,
                provenance=provenance_of(sums),
                saving_j=None if now_j is None else (0.5 * again / calls * now_j, most / calls * now_j),
            )
