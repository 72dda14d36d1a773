"""Power and open stages over the time of a run, brought down to so many buckets of equal length."""

from __future__ import annotations

from dataclasses import dataclass

from energyprof.model.ids import DomainId, StageId
from energyprof.model.span import Floats


@dataclass(frozen=True, slots=True, eq=False)
class PowerEnvelope:
    """Power of one domain, equal-length columns, row = bucket; figures mean nothing where `covered_share` is 0."""

    domain: DomainId
    low_w: Floats
    """The least of the windows between two updates of the sensor that reach into the bucket."""
    mean_w: Floats
    """Energy in the bucket by the time of it whose energy is known."""
    high_w: Floats
    covered_share: Floats
    """Part of the bucket whose energy is known, 0..1."""
    window_ns: float
    """Median time between two updates: no power is resolved in less."""


@dataclass(frozen=True, slots=True, eq=False)
class StageBand:
    """When one stage was open."""

    stage: StageId
    open_share: Floats
    """Part of each bucket in which it was open on any lane, 0..1; waiting is open too."""


@dataclass(frozen=True, slots=True)
class PowerHistory:
    """What a power timeline shows of a run."""

    bucket_ns: float
    buckets: int
    domains: tuple[PowerEnvelope, ...]
    """In the order of the run's domains; one without any known energy is left out."""
    bands: tuple[StageBand, ...]
    """In pipeline order; the outermost stages, of a single one what is in it too."""
    bands_left_out: int
    """Stages of the same level that were open for less time than those shown."""
    is_complete: bool
    """False: some spans were counted and not stored, so that bands miss them."""
