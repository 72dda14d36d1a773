"""Which joules of a finding are those of another one: they can be saved once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from energyprof.model.finding import Finding, Overlap
from energyprof.model.ids import StageId
from energyprof.report.places import Places

LEAST_SHARE: Final = 0.005
"""Of what a finding spends, below which printed figures do not tell."""


def with_overlaps(findings: Sequence[Finding], places: Places) -> tuple[Finding, ...]:
    """Return the findings, each with what it shares with every one before it."""
    return tuple(
        replace(found, overlaps=tuple(_overlaps(found, findings[:place], places)))
        for place, found in enumerate(findings)
    )


def _overlaps(found: Finding, before: Sequence[Finding], places: Places) -> Iterable[Overlap]:
    for number, other in enumerate(before, 1):
        low_j, high_j = _shared_j(places, found, other)
        if high_j > LEAST_SHARE * max(found.now_j or 0.0, 0.0):
            yield Overlap(number, low_j, high_j)


def _shared_j(places: Places, one: Finding, other: Finding) -> tuple[float, float]:
    """Return at least and at most what both spend; nothing where they have no stage in common or one is unknown.

    Two parts of one whole share at least what they exceed it by together, at most all of the smaller one.
    """
    is_apart = one.offenders and other.offenders and not _common(places, one, other)
    if one.now_j is None or other.now_j is None or is_apart:
        return 0.0, 0.0
    one_j, other_j = max(one.now_j, 0.0), max(other.now_j, 0.0)
    common_j = places.energy_j(_common(places, one, other))
    if common_j is None:
        return 0.0, min(one_j, other_j)
    within = [_least_within_j(places, found, common_j) for found in (one, other)]
    high_j = min(one_j, other_j, common_j)
    return min(max(sum(within) - common_j, 0.0), high_j), high_j


def _least_within_j(places: Places, found: Finding, common_j: float) -> float:
    """Return what it must spend in the common place: all that does not fit into the rest of its own."""
    own_j = places.energy_j(places.tops(found.offenders))
    return 0.0 if own_j is None else max(found.now_j or 0.0, 0.0) - max(own_j - common_j, 0.0)


def _common(places: Places, one: Finding, other: Finding) -> tuple[StageId, ...]:
    """Return the outermost stages that are in both; none: both are about the run as a whole."""
    if not one.offenders or not other.offenders:
        return places.tops(one.offenders or other.offenders)
    pairs = ((one.offenders, other.offenders), (other.offenders, one.offenders))
    return places.tops([stage for inner, outer in pairs for stage in inner if places.is_within(stage, set(outer))])
