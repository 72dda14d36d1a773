"""How a run was sampled: what each domain's readings cost and lacked, and what its source told besides power.

Standard library only: the collector needs it before numpy is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Figure(NamedTuple):
    """One figure of a device over the run, such as its power limit: asked for about once a second."""

    first: float
    min: float
    mean: float
    """Of all answers, each counted once."""
    max: float
    last: float


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """How well one domain could be read."""

    reads: int = 0
    """Reads that gave a value."""
    failures: int = 0
    """Reads that failed; each is a gap."""
    achieved_hz: float = 0.0
    """Values a second between the first and the last; 0.0 with fewer than two."""
    gaps: int = 0
    """Stretches of failed reads."""
    call_cost_s: float | None = None
    """Mean wall time of one read of the device it belongs to; None: the sensor was never read."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """By name with its unit: `power_limit_w`, `sm_clock_hz`, `temperature_c`, ..."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """The computer was suspended somewhere in [start_ns, end_ns] of CLOCK_MONOTONIC, which stood still meanwhile."""

    start_ns: int
    end_ns: int
    asleep_ns: int
