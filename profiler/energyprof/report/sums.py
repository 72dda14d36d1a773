"""Figures over all domains that count, added up in whole microjoules."""

from __future__ import annotations

from energyprof.model.attribution import PROVENANCES, Attribution
from energyprof.model.domain import Domain, Provenance, counted_ids
from energyprof.model.graph import StageGraph
from energyprof.model.report import SumRow


def measured_sum(domains: tuple[Domain, ...], attribution: Attribution, stages_j: float) -> SumRow:
    """Return the energy of all domains that count; its interval is what their sensors state about themselves."""
    by_id, counted = {domain.id: domain for domain in domains}, counted_ids(domains)
    parts = [(by_id[found.domain], found.ledger.measured_j) for found in attribution.domains if found.domain in counted]
    energy_j = exact_sum([energy_j for _, energy_j in parts])
    return SumRow(
        energy_j=energy_j,
        low_j=exact_sum([energy_j * (1 - domain.gain_error[0]) for domain, energy_j in parts]),
        high_j=exact_sum([energy_j * (1 + domain.gain_error[1]) for domain, energy_j in parts]),
        provenance=weakest([provenance_of(domain) for domain, _ in parts]),
        share=energy_j / stages_j if stages_j > 0 else None,
    )


def stages_sum(domains: tuple[Domain, ...], attribution: Attribution, graph: StageGraph, measured: SumRow) -> SumRow:
    """Return the stages line over all domains that count; its bounds are those of its stages, added up."""
    counted = counted_ids(domains)
    energy_j = exact_sum([found.ledger.stages_j for found in attribution.domains if found.domain in counted])
    outermost = [node for node in graph.nodes if node.parent is None]
    low_j, high_j = exact_sum([n.total_low_j for n in outermost]), exact_sum([n.total_high_j for n in outermost])
    return SumRow(
        energy_j=energy_j,
        low_j=min(low_j, energy_j),
        high_j=max(min(high_j, measured.high_j), energy_j),
        provenance=weakest([node.total_provenance for node in outermost]),
        share=1.0 if energy_j > 0 else None,
    )


def exact_sum(energies_j: list[float]) -> float:
    """Add up energies in whole microjoules, so that neither order nor float error shows."""
    return sum(round(energy_j * 1e6) for energy_j in energies_j) / 1e6


def weakest(provenances: list[Provenance]) -> Provenance:
    """Return the weakest of `provenances`; that of nothing is `measured`."""
    return max(provenances, key=PROVENANCES.index, default="measured")


def provenance_of(domain: Domain) -> Provenance:
    """Return the word for figures taken straight from `domain`."""
    return "measured" if domain.provenance == "sensor" else "estimated (model)"
