"""Which power sources a run uses: those asked for, else every sensor that can serve, and models for the rest.

Where several offer the same domain one of them is read: the one of lowest rank, among equals the first in order. A
model serves where no sensor covers its family of domains (families): a GPU that can be read is no reason to leave out
the CPU.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from energyprof.collect.families import covered, family_of, overlaps
from energyprof.errors import SourceError
from energyprof.interfaces import ArgumentSource, PowerSource, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId

USUAL_RANK: Final = 50
"""Of a source that states none: those written before there were ranks."""

SYSROOT = "ENERGYPROF_SYSROOT"
"""For tests and stand-ins: the folder in which `/sys`, `/proc` and `/dev` are looked for."""


def sensor_root(environment: Mapping[str, str] = os.environ) -> str:
    """Return where sources look for `/sys`, `/proc` and `/dev`: `/`, unless ENERGYPROF_SYSROOT says another folder."""
    return environment.get(SYSROOT) or "/"


@dataclass(frozen=True)
class Finding:
    """One source on this machine: usable, or why not and what to do about it."""

    source: PowerSource
    context: SourceContext
    reason: str | None
    """None: usable."""


def rank_of(source: PowerSource) -> int:
    """Return the source's rank; where two offer the same domain the lower one is read."""
    rank = getattr(source, "rank", USUAL_RANK)
    return rank if isinstance(rank, int) else USUAL_RANK


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source could be read for."""

    source: str
    rank: int
    domains: tuple[Domain, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """The source that a domain is read from."""

    source: str
    domain: Domain


def named_readers(offers: Sequence[Offer], taken: Mapping[DomainId, Reader] | None = None) -> dict[DomainId, Reader]:
    """Return by domain whom a run reads that was given these sources; `taken`: what is read already, and stays so.

    The order in which offers of equal rank stand decides between them, so hand them over in one that does not depend on
    which driver answers first.
    """
    found = dict(taken or {})
    for offer in sorted(offers, key=lambda offer: offer.rank):
        for domain in offer.domains:
            found.setdefault(domain.id, Reader(offer.source, domain))
    return found


def chosen_readers(
    offers: Sequence[Offer], taken: Mapping[DomainId, Reader] | None = None, *, are_models_due: bool = True
) -> dict[DomainId, Reader]:
    """Return by domain whom a run reads that was given no sources: sensors, and models for what none of them covers.

    A model that is read stays, and a sensor of the same power that comes later is not. `are_models_due`: no sensor is
    waited for any more.
    """
    found = dict(taken or {})
    modelled = [id_ for id_, reader in found.items() if reader.domain.provenance == "model"]
    sensors, models = [], []
    for offer in sorted(offers, key=lambda offer: offer.rank):
        measured = [one for one in offer.domains if one.provenance == "sensor" and not overlaps(one.id, modelled)]
        sensors.append(replace(offer, domains=tuple(measured)))
        models += [Reader(offer.source, domain) for domain in offer.domains if domain.provenance == "model"]
    found = named_readers(sensors, found)
    measured = [reader.domain for reader in found.values() if reader.domain.provenance == "sensor"]
    for model in models if are_models_due else ():
        family = family_of(model.domain.id)
        if not covered(measured, family) and family not in map(family_of, modelled):
            found[model.domain.id] = model
            modelled.append(model.domain.id)
    return found


def choose_named(source: PowerSource, argument: str, context: SourceContext) -> Finding:
    """Return the source asked for by `--source NAME:ARGUMENT`; raises SourceError if it cannot serve."""
    refuse_argument(source, argument)
    own = replace(context, argument=argument)
    reason = why_unavailable(source, own)
    if reason is not None:
        raise SourceError(f"power source {source.name} cannot be used: {reason}")
    return Finding(source, own, None)


def refuse_argument(source: PowerSource, argument: str) -> None:
    """Raise SourceError for an argument that the source knows to mean nothing; one that does not say may take any."""
    if argument and getattr(source, "takes_argument", True) is False:
        raise SourceError(
            f"power source {source.name} takes no argument, not {argument!r}; name it alone: {source.name}"
        )
    fault = source.argument_fault(argument) if isinstance(source, ArgumentSource) else None
    if fault is not None:
        raise SourceError(fault)


def why_unavailable(source: PowerSource, context: SourceContext) -> str | None:
    """Return None if the source can serve, else why not; a source that breaks while being asked cannot."""
    try:
        return source.why_unavailable(context)
    except Exception as error:  # the door says it never raises; a stranger's source may all the same
        return f"it failed while being asked ({type(error).__name__}: {error}); update or remove its package"
