"""What is known of a stage when some of its domains are refused, and the sums that tables and diagrams show of several.

Energies are whole microjoules here, so that rows, remainders and totals add up exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from energyprof.model.ids import DomainId
from energyprof.model.report import OUTSIDE, EnergyRow, Report, StageRow
from energyprof.model.span import Ints
from energyprof_plugins.exporters.figures import percent

FAMILIES: Final = {"gpu": "GPU", "cpu": "CPU", "dram": "DRAM"}
OTHER: Final = "other"
FAMILY_ORDER: Final = ("GPU", "CPU", "DRAM", OTHER)
MODEL: Final = "estimated (model)"
ROUNDING_UJ: Final = 1
"""What the account of one domain is exact within."""
COVERED_FROM: Final = 0.995
"""Part of the run whose energy is known from which that counts as all of it."""


@dataclass(frozen=True, slots=True)
class Known:
    """The known part of an energy over domains that count."""

    by_family_uj: dict[str, int] = field(default_factory=dict)
    energy_uj: int = 0
    low_uj: int = 0
    high_uj: int = 0
    refused: tuple[str, ...] = ()
    """Families of the domains in which it cannot be told from others."""
    nothing: bool = False
    """True: refused in every domain, or no domain was read."""

    @property
    def energy_j(self) -> float:
        """Joules of the known part."""
        return self.energy_uj / 1e6

    @property
    def bounds_j(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % interval in joules."""
        return self.low_uj / 1e6, self.high_uj / 1e6


def counted_domains(report: Report) -> frozenset[DomainId]:
    """Return the domains whose energies are added up."""
    return frozenset(row.domain for row in report.domains if row.counts)


def sum_word(report: Report) -> str:
    """Return how sums over all domains that count came about: a modelled part makes no sum a measured one."""
    ways = {row.provenance == MODEL for row in report.domains if row.counts}
    return "partly estimated" if len(ways) > 1 else "estimated" if True in ways else sensed_word(report)


def sensed_word(report: Report) -> str:
    """Return what energy is called that no model has made: `measured`, or `imported` where nobody vouches for that."""
    ways = {row.provenance for row in report.domains if row.counts} - {MODEL}
    return "imported" if "inferred" in ways else "measured"


def unread_domains(report: Report) -> tuple[DomainId, ...]:
    """Return the domains of whose energy nothing is known."""
    return tuple(row.domain for row in report.ledger if row.measured_j is None)


def covered_shares(report: Report) -> tuple[float, float]:
    """Return the least and the greatest part of the run whose energy is known, of the domains that count."""
    counted = counted_domains(report)
    shares = [row.covered_share for row in report.ledger if row.domain in counted and row.covered_share is not None]
    return min(shares, default=1.0), max(shares, default=1.0)


def covered_text(report: Report) -> str:
    """Return what part of the run the account covers; empty where that is all of it."""
    least, most = covered_shares(report)
    if least >= COVERED_FROM:
        return ""
    part = percent_covered(least)
    upper = percent_covered(most)
    return f"covers {part if part == upper else f'{part} to {upper}'} of the run; the energy of the rest is not known"


def percent_covered(share: float) -> str:
    """Return a part of the run in percent, which is 100 only where it is all of it."""
    return percent(min(share, 0.99) if share < COVERED_FROM else 1.0, 0)


def known(rows: Iterable[EnergyRow], counted: frozenset[DomainId]) -> Known:
    """Return what is known of one stage's self or total energy."""
    mine = [row for row in rows if row.domain in counted]
    given = [row for row in mine if row.energy_j is not None]
    families: dict[str, int] = {}
    for row in given:
        families[family(row.domain)] = families.get(family(row.domain), 0) + microjoules(row.energy_j)
    return Known(
        by_family_uj=families,
        energy_uj=sum(families.values()),
        low_uj=sum(microjoules(row.low_j) for row in given),
        high_uj=sum(microjoules(row.high_j) for row in given),
        refused=tuple(dict.fromkeys(family(row.domain) for row in mine if row.energy_j is None)),
        nothing=not given,
    )


def add(parts: Iterable[Known]) -> Known:
    """Return the sum of several stages' energies; bounds are added, which is never too narrow."""
    parts = tuple(parts)
    families: dict[str, int] = {}
    for part in parts:
        for name, energy_uj in part.by_family_uj.items():
            families[name] = families.get(name, 0) + energy_uj
    return Known(
        by_family_uj=families,
        energy_uj=sum(part.energy_uj for part in parts),
        low_uj=sum(part.low_uj for part in parts),
        high_uj=sum(part.high_uj for part in parts),
        refused=tuple(dict.fromkeys(name for part in parts for name in part.refused)),
        nothing=bool(parts) and all(part.nothing for part in parts),
    )


@dataclass(frozen=True, slots=True, eq=False)
class StageEnergies:
    """What is known of one energy (self or total) of all stages; equal-length columns, row = place among the stages."""

    energy_uj: list[int]
    low_uj: list[int]
    high_uj: list[int]
    nothing: list[bool]
    """True: refused in every domain, or no domain was read."""

    def of(self, place: int) -> Known:
        """Return what is known of one stage, families not told apart."""
        return self.sum((place,))

    def sum(self, places: Sequence[int]) -> Known:
        """Return what is known of several stages together, families not told apart; bounds are added."""
        return Known(
            energy_uj=sum(self.energy_uj[place] for place in places),
            low_uj=sum(self.low_uj[place] for place in places),
            high_uj=sum(self.high_uj[place] for place in places),
            nothing=all(self.nothing[place] for place in places),
        )


def stage_energies(rows: Sequence[Sequence[EnergyRow]], counted: frozenset[DomainId]) -> StageEnergies:
    """Return the figures that `known` gives of each stage, of all at once: runs have ten thousand of them."""
    mine = [(place, row) for place, one in enumerate(rows) for row in one if row.domain in counted]
    given = [pair for pair in mine if pair[1].energy_j is not None]

    def added(figures: Sequence[float | None], places: Sequence[tuple[int, EnergyRow]]) -> Ints:
        column = np.zeros(len(rows), np.int64)
        at = np.fromiter((place for place, _ in places), np.int64, len(places))
        np.add.at(column, at, np.rint(np.array(figures, np.float64) * 1e6).astype(np.int64))
        return column

    energy_uj = added([row.energy_j for _, row in given], given)
    low_uj, high_uj = added([row.low_j for _, row in given], given), added([row.high_j for _, row in given], given)
    nothing = added([1.0] * len(given), given) == 0
    return StageEnergies(energy_uj.tolist(), low_uj.tolist(), high_uj.tolist(), nothing.tolist())


def is_sampled(row: StageRow) -> bool:
    """Return whether a row is a sampled function, which takes part of its stage's own energy and is no stage."""
    return row.kind == "function" and "total_samples" in row.facts


def is_stage(row: StageRow) -> bool:
    """Return whether a row is a stage of the run: no sampled function, nor what holds those outside any stage."""
    return row.stage != OUTSIDE and not is_sampled(row)


def family(domain: DomainId) -> str:
    """Return what kind of hardware a domain belongs to, on whichever host: GPU, CPU, DRAM or other."""
    return FAMILIES.get(domain.rpartition("/")[2].split(":", 1)[0], OTHER)


def microjoules(energy_j: float | None) -> int:
    """Return the whole microjoules that a report's figure stands for; 0 where there is none."""
    return 0 if energy_j is None else round(energy_j * 1e6)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The account over domains that count, in whole microjoules."""

    measured_uj: int
    """What sensors measured."""
    estimated_uj: int
    """What models estimate of domains without a sensor."""
    stages_uj: int
    idle_uj: int
    outside_uj: int
    others_uj: int
    unattributed_uj: int
    domains: int = 1
    """How many it is the sum of."""

    @property
    def told_unattributed_uj(self) -> int:
        """What is unattributed; nothing where that is the last microjoule of each domain, which is rounding."""
        return self.unattributed_uj if abs(self.unattributed_uj) > self.domains * ROUNDING_UJ else 0

    @property
    def difference_uj(self) -> int:
        """What was spent minus all parts."""
        parts = self.stages_uj + self.idle_uj + self.outside_uj + self.others_uj + self.unattributed_uj
        return self.spent_uj - parts

    @property
    def spent_uj(self) -> int:
        """All energy of the domains, measured or estimated."""
        return self.measured_uj + self.estimated_uj


def ledger(report: Report, only: str | None = None) -> Ledger:
    """Return the account of all domains that count, or of one family of them."""
    counted = counted_domains(report)
    rows = [row for row in report.ledger if row.domain in counted and (only is None or family(row.domain) == only)]
    return Ledger(
        measured_uj=sum(microjoules(row.measured_j) for row in rows if row.provenance != MODEL),
        estimated_uj=sum(microjoules(row.measured_j) for row in rows if row.provenance == MODEL),
        stages_uj=sum(microjoules(row.stages_j) for row in rows),
        idle_uj=sum(microjoules(row.idle_j) for row in rows),
        outside_uj=sum(microjoules(row.outside_j) for row in rows),
        others_uj=sum(microjoules(row.others_j) for row in rows),
        unattributed_uj=sum(microjoules(row.unattributed_j) for row in rows),
        domains=len(rows),
    )
