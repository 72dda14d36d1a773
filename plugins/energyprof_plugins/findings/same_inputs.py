"""A function, or a model, is called again on inputs that it has had before."""

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
LIKE_FACT: Final = "calls_on_like_inputs"
"""As far as was looked at inputs and results: large arrays by samples, results of other kinds not at all."""
DIFFER_FACT: Final = "results_on_same_inputs_differ"
TENSORS_FACT: Final = "calls_on_same_tensors"
SKIPPED_FACT: Final = "calls_not_looked_at"
"""Of a model: some came too fast for a look, and may have been such calls, too."""
LEAST_SHARE: Final = 0.01
"""Of all stage energy, below which it is not worth a word."""
LEAST_AGAIN: Final = 0.1
"""Of a model's calls: a batch that is looked at once more is no waste."""


class SameInputs:
    """Find functions called again on texts, numbers and arrays of the same content, and models on the same tensors.

    Arrays are compared as a whole where that takes little of the time, large ones by samples.
    """

    name = "same_inputs"
    summary = (
        "functions called again on texts, numbers and arrays (large ones: by samples) that they have had before, with "
        "the same results, and models on the same tensors"
    )

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each function and model, but for those that train: the same batch is other work there."""
        yield from _models(run)
        functions: dict[tuple[str, str | None, int | None], list[StageRow]] = defaultdict(list)
        for row in run.report.stages:
            if row.kind == "function":
                functions[row.name, row.file, row.line].append(row)
        for (name, _, _), rows in functions.items():
            finding = _function(run, name, rows)
            if finding is not None:
                yield finding


def _function(run: FinishedRun, name: str, rows: list[StageRow]) -> Finding | None:
    """Return a finding for a function: at least half of what calls seen to be the same take is saved."""
    calls, same, like = (
        sum(counts)
        for counts in zip(*((row.calls, _count(row, FACT), _count(row, LIKE_FACT)) for row in rows), strict=True)
    )
    again = same + like
    sums = [row.total_sum for row in rows]
    if not again or sum(one.share or 0.0 for one in sums) < LEAST_SHARE or again >= calls:
        return None
    if any(row.facts.get(DIFFER_FACT) for row in rows):
        return None
    if any(row.kind in {"backward", "optimizer"} for row in below(run.report, rows)):
        return None
    now_j = together_j(sums)
    spent_j = max(now_j or 0.0, 0.0)
    partly = f"; of {like} of them only samples of large arrays, or no results, were compared" if like else ""
    return Finding(
        rule=SameInputs.name,
        offenders=tuple(row.stage for row in rows),
        fault="called again on the same inputs",
        evidence=f"{again} of {counted(calls, 'call')} of {name} had inputs that it had had before (equal texts, "
        "numbers and arrays, unchanged tensors)" + (", and gave the same results" if same else "") + partly,
        remedy="keep its results (functools.cache, or a dict by the number of the sample), if they depend on nothing "
        "but its inputs",
        now_j=now_j,
        provenance=provenance_of(sums),
        saving_j=None if now_j is None else (0.5 * same / calls * spent_j, _most(again / calls) * spent_j),
    )


def _most(share: float) -> float:
    """Return which part of the energy at most such calls take: calls differ.

    By half as much again, but each of the others, which must be made, takes at least half of what an average call does.
    """
    return min(1.5 * share, (1.0 + share) / 2)


def _count(row: StageRow, fact: str) -> int:
    return int(row.facts.get(fact, 0))


def _models(run: FinishedRun) -> Iterator[Finding]:
    """Yield a finding for each model: as many calls as were seen are saved, whatever part of the energy they took."""
    models: dict[str, list[StageRow]] = defaultdict(list)
    for row in run.report.stages:
        if row.kind == "module" and row.facts.get(TENSORS_FACT) and not row.facts.get("backward_calls"):
            models[row.name].append(row)
    for name, rows in models.items():
        sums = [row.total_sum for row in rows]
        calls, again = sum(row.calls for row in rows), sum(int(row.facts[TENSORS_FACT]) for row in rows)
        now_j = together_j(sums)
        if sum(one.share or 0.0 for one in sums) < LEAST_SHARE or again < LEAST_AGAIN * calls or not calls:
            continue
        share, spent_j = min(again / calls, 1.0), max(now_j or 0.0, 0.0)
        most = 1.0 - 1.0 / calls if any(row.facts.get(SKIPPED_FACT) for row in rows) else _most(share)
        yield Finding(
            rule=SameInputs.name,
            offenders=tuple(row.stage for row in rows),
            fault="called again on the same tensors",
            evidence=f"at least {again} of {counted(calls, 'call')} of {name} were on unchanged tensors that it had "
            "had before, with unchanged weights; it drew no random numbers, or its results were seen to be the same",
            remedy="work its results out once and keep them: before the loop, or by the number of the sample",
            now_j=now_j,
            provenance=provenance_of(sums),
            saving_j=None if now_j is None else (0.5 * share * spent_j, most * spent_j),
        )
