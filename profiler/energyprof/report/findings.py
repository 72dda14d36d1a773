"""What to change: the findings of all rules, the surest savings first."""

from __future__ import annotations

from collections.abc import Iterable

from energyprof.interfaces import FindingRule, FinishedRun
from energyprof.model.finding import Finding
from energyprof.report.overlaps import with_overlaps


def findings_of(rules: Iterable[FindingRule], run: FinishedRun) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings by the lower bound of their saving, hints last, and a warning for each rule that failed.

    Each is told which of its joules are those of findings before it.
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
    return with_overlaps(sorted(found, key=_order), run.report), tuple(warnings)


def _order(finding: Finding) -> tuple[bool, float, float, float, str, tuple[str, ...]]:
    low_j, high_j = finding.saving_j or (0.0, 0.0)
    return finding.is_hint, -low_j, -high_j, -(finding.now_j or 0.0), finding.rule, finding.offenders
