"""What to change: the findings of all rules, the surest savings first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from energyprof.interfaces import FindingRule, FinishedRun
from energyprof.model.finding import Finding
from energyprof.report.overlaps import with_overlaps
from energyprof.report.places import Places


def findings_of(rules: Iterable[FindingRule], run: FinishedRun) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings by the lower bound of their saving, hints last, and a warning for each rule that failed.

    None promises more than its offenders spend, nor than the run does. Each is told which of its joules are those of
    findings before it.
    """
    found: list[Finding] = []
    warnings: list[str] = []
    for rule in rules:
        try:
            found += rule.find(run)
        except Exception as error:  # a rule of somebody else must not cost the reader the report
            said = " ".join(str(error).split())[:120]
            warnings.append(
                f"the rule {rule.name} failed and found nothing ({type(error).__name__}: {said}); "
                "update or remove the package it comes from"
            )
    places = Places(run.report)
    kept = [_kept_within(one, places.most_j(one)) for one in found]
    return with_overlaps(sorted(kept, key=_order), places), tuple(warnings)


def _kept_within(found: Finding, most_j: float | None) -> Finding:
    """Return the finding with a saving of no more than what it is about spends."""
    if found.saving_j is None:
        return found
    bounds = [max(one, 0.0) for one in (found.now_j, most_j) if one is not None]
    low_j, high_j = (min([one, *bounds]) for one in found.saving_j)
    return replace(found, saving_j=(low_j, high_j))


def _order(finding: Finding) -> tuple[bool, float, float, float, str, tuple[str, ...]]:
    low_j, high_j = finding.saving_j or (0.0, 0.0)
    return finding.is_hint, -low_j, -high_j, -(finding.now_j or 0.0), finding.rule, finding.offenders
