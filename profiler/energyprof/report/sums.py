"""Figures over all domains that count, added up in whole microjoules."""

from __future__ import annotations

from energyprof.model.attribution import PROVENANCES, Attribution, DomainAttribution, counted_domains
from energyprof.model.domain import Domain, Provenance
from energyprof.model.graph import StageGraph
from energyprof.model.ids import DomainId
from energyprof.model.report import SumRow


def measured_sum(domains: tuple[Domain, ...], attribution: Attribution) -> SumRow:
    """Return the energy of all domains that count; its interval is what their sensors state about themselves.

    Where nothing was read, nothing is known of it: no figure and no bounds. It is no part of the stages: no share.
    """
    by_id, counted = {domain.id: domain for domain in domains}, counted_domains(domains, attribution)
    parts = [
        (by_id[found.domain], found.ledger.measured_j)
        for found in attribution.domains
        if found.domain in counted and found.ledger is not None
    ]
    if not parts:
        return SumRow(None, None, None, weakest([provenance_of(domain) for domain in domains]), None)
    energy_j = exact_sum([energy_j for _, energy_j in parts])
    return SumRow(
        energy_j=energy_j,
        low_j=exact_sum([energy_j * (1 - domain.gain_error[0]) for domain, energy_j in parts]),
        high_j=exact_sum([energy_j * (1 + domain.gain_error[1]) for domain, energy_j in parts]),
        provenance=weakest([provenance_of(domain) for domain, _ in parts]),
        share=None,
    )


def stages_sum(domains: tuple[Domain, ...], attribution: Attribution, graph: StageGraph, measured: SumRow) -> SumRow:
    """Return the stages line over all domains that count; its bounds are those of its stages, added up."""
    energy_j = stages_energy_j(domains, attribution)
    if energy_j is None or measured.high_j is None:
        return SumRow(None, None, None, measured.provenance, None)
    outermost = [node for node in graph.nodes if node.parent is None]
    bounds = [node.total_bounds_j for node in outermost if node.total_bounds_j is not None]
    low_j, high_j = exact_sum([low for low, _ in bounds]), exact_sum([high for _, high in bounds])
    if (told := _told_bounds(attribution, counted_domains(domains, attribution))) is not None:
        low_j, high_j = max(low_j, told[0]), min(high_j, told[1])
    if energy_j <= measured.high_j:
        # Stages whose sum is above it are as uncertain as ever: what was measured bounds nothing there.
        high_j = min(high_j, measured.high_j)
    return SumRow(
        energy_j=energy_j,
        low_j=min(low_j, energy_j),
        high_j=max(high_j, energy_j),
        provenance=weakest([node.total_provenance for node in outermost]),
        share=1.0 if energy_j > 0 else None,
    )


def _told_bounds(attribution: Attribution, counted: frozenset[DomainId]) -> tuple[float, float] | None:
    """Return the bounds of all that is told, added up: stages of their own, and joint rows; None: some have none."""
    low, high = [], []
    for found in attribution.domains:
        if found.domain not in counted:
            continue
        own = found.self_energy
        if own.unread.any():
            return None
        told = ~own.refused
        low += [*own.low_j[told].tolist(), *(row.low_j for row in found.unsplit)]
        high += [*own.high_j[told].tolist(), *(row.high_j for row in found.unsplit)]
    return exact_sum(low), exact_sum(high)


def stages_energy_j(domains: tuple[Domain, ...], attribution: Attribution) -> float | None:
    """Return what all stages spent in the domains that count; None: nothing was read."""
    counted = counted_domains(domains, attribution)
    ledgers = [found.ledger for found in attribution.domains if found.domain in counted]
    return exact_sum([ledger.stages_j for ledger in ledgers if ledger is not None]) if ledgers else None


def mean_power_w(found: DomainAttribution) -> float | None:
    """Return the energy of one domain over the time it was measured; None: it was not."""
    if found.ledger is None or found.covered_ns <= 0:
        return None
    return found.ledger.measured_j / (found.covered_ns * 1e-9)


def exact_sum(energies_j: list[float]) -> float:
    """Add up energies in whole microjoules, so that neither order nor float error shows."""
    return sum(round(energy_j * 1e6) for energy_j in energies_j) / 1e6


def weakest(provenances: list[Provenance]) -> Provenance:
    """Return the weakest of `provenances`; that of nothing is `measured`."""
    return max(provenances, key=PROVENANCES.index, default="measured")


def provenance_of(domain: Domain) -> Provenance:
    """Return the word for figures taken straight from `domain`."""
    if domain.provenance == "sensor":
        return "measured" if domain.is_vouched else "inferred"
    return "estimated (model)"
