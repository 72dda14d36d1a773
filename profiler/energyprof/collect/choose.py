"""Which power sources a run uses: those asked for, else every sensor that can serve, else the model.

Where several offer the same domain one of them is read: the one of lowest rank, among equals the first in order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from energyprof.errors import SourceError
from energyprof.interfaces import PowerSource, SourceContext
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
    domains: tuple[DomainId, ...]


def readers(offers: Sequence[Offer], taken: Mapping[DomainId, str] | None = None) -> dict[DomainId, str]:
    """Return by domain the source that is read for it; `taken`: domains that are being read, and stay as they are.

    The order in which offers of equal rank stand decides between them, so hand them over in one that does not depend on
    which driver answers first.
    """
    readers = dict(taken or {})
    for offer in sorted(offers, key=lambda offer: offer.rank):
        for domain in offer.domains:
            readers.setdefault(domain, offer.source)
    return readers


def examine(sources: Sequence[PowerSource], context: SourceContext) -> tuple[Finding, ...]:
    """Ask every source whether it can serve; a source that breaks while being asked cannot."""
    return tuple(Finding(source, context, why_unavailable(source, context)) for source in sources)


def choose_automatically(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return every usable sensor; where there is none, every usable model. Replays are only used when asked for."""
    usable = [finding for finding in findings if finding.reason is None]
    sensors = tuple(finding for finding in usable if finding.source.measures == "sensor")
    return sensors or tuple(finding for finding in usable if finding.source.measures == "model")


def choose_named(source: PowerSource, argument: str, context: SourceContext) -> Finding:
    """Return the source asked for by `--source NAME:ARGUMENT`; raises SourceError if it cannot serve."""
    own = replace(context, argument=argument)
    reason = why_unavailable(source, own)
    if reason is not None:
        raise SourceError(f"power source {source.name} cannot be used: {reason}")
    return Finding(source, own, None)


def why_unavailable(source: PowerSource, context: SourceContext) -> str | None:
    """Return None if the source can serve, else why not; a source that breaks while being asked cannot."""
    try:
        return source.why_unavailable(context)
    except Exception as error:  # the door says it never raises; a stranger's source may all the same
        return f"it failed while being asked ({type(error).__name__}: {error}); update or remove its package"
