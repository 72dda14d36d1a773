"""What sensors and models get wrong of all joules alike, and how much of it is left in the ratio of two ways.

Every counted domain of a machine has one error, whatever runs. In the ratio of two ways that were read alike on one
machine it counts only as far as the domain has another share of the one than of the other; in ways that were not, all
of each counts. Errors of the domains of one machine are added, which is never too narrow; those of two machines, or of
two sensors, are independent, and added in squares. Everything is in logarithms, where an error of a factor is even.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from energyprof.model.report import Report
from energyprof.report.comparable import machine_of

LogReach = tuple[float, float]
"""How far a ratio may lie below and above, 0 or more, in logarithms; infinite: nothing is known on that side."""

NONE: Final[LogReach] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Who read the runs of a way."""

    machine: Hashable
    """With its sensors; two ways of one were read alike."""
    shares: Mapping[str, float]
    """Of the joules by domain; they sum up to 1."""
    errors: Mapping[str, tuple[float, float]]
    """Relative (below, above), by domain."""


def read_by(name: str, reports: Sequence[Report]) -> ReadBy:
    """Return who read these runs of a way; runs of several machines have an error that no other way shares."""
    machines = {machine_of(report) for report in reports}
    joules: dict[str, float] = {}
    errors: dict[str, tuple[float, float]] = {}
    for report in reports:
        measured = {row.domain: row.measured_j or 0.0 for row in report.ledger}
        for row in report.domains:
            if row.counts:
                joules[row.domain] = joules.get(row.domain, 0.0) + measured.get(row.domain, 0.0)
                below, above = errors.get(row.domain, (0.0, 0.0))
                errors[row.domain] = max(below, row.gain_error[0]), max(above, row.gain_error[1])
    whole = sum(joules.values())
    shares = {domain: energy_j / whole if whole > 0 else 1 / len(joules) for domain, energy_j in joules.items()}
    return ReadBy(machines.pop() if len(machines) == 1 else ("several machines", name), shares, errors)


def left_in_ratio(one: ReadBy, other: ReadBy) -> LogReach:
    """Return how far `one / other` may be off by what their sensors and models get wrong."""
    if one.machine == other.machine:
        domains = dict.fromkeys((*one.shares, *other.shares))
        gaps = {name: one.shares.get(name, 0.0) - other.shares.get(name, 0.0) for name in domains}
        errors = {name: _wider(one.errors.get(name, NONE), other.errors.get(name, NONE)) for name in domains}
        return _added((gap, errors[name]) for name, gap in gaps.items())
    own = _added((share, one.errors[name]) for name, share in one.shares.items())
    others = _added((-share, other.errors[name]) for name, share in other.shares.items())
    return math.hypot(own[0], others[0]), math.hypot(own[1], others[1])


def as_relative(reach: LogReach) -> tuple[float, float]:
    """Return a reach as parts of the ratio (below, above), as other errors are told."""
    return -math.expm1(-reach[0]), math.expm1(reach[1])


def _added(parts: Iterable[tuple[float, tuple[float, float]]]) -> LogReach:
    """Return how far the sum of weights by errors reaches; a negative weight turns its error round."""
    down = up = 0.0
    for weight, (below, above) in parts:
        if not weight:
            continue
        least, most = (-math.log1p(-below) if below < 1 else math.inf), math.log1p(above)
        lower, upper = (least, most) if weight > 0 else (most, least)
        down += abs(weight) * lower
        up += abs(weight) * upper
    return down, up


def _wider(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return max(one[0], other[0]), max(one[1], other[1])
