"""What one sensor or model of one machine gets wrong of two energies alike, so that their ratio does not feel it.

Where several power domains are summed, each has its own common error, and each energy its own mix of domains. The ratio
of the sums moves with the errors only as far as the mixes differ; its bounds are those over all errors possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from energyprof.model.range import Range

MixJ = Mapping[str, float]
"""Joules by domain."""
Errors = Mapping[str, tuple[float, float]]
"""Relative error by domain, (below, above)."""


@dataclass(frozen=True, slots=True)
class CommonError:
    """The two energies of a projection with the bounds that each has apart from the error of both."""

    training_j: Range
    request_j: Range
    ratio: Range
    """What the errors of both make of training by serving: 1, and its bounds; exact where the mixes are the same."""


def ratio_of_mixes(one: MixJ, other: MixJ, errors: Errors) -> Range:
    """Return the bounds of what common errors multiply `one / other` by; raises ValueError where one of them is 0.

    The ratio of two sums is extreme where the error of each domain is at one of its ends, and those at the same end
    are the domains that weigh most in the one sum relative to the other: as many cases as there are domains, and one.
    """
    whole, whole_other = sum(one.values()), sum(other.values())
    if min(whole, whole_other, *one.values(), *other.values()) < 0 or not whole or not whole_other:
        raise ValueError("the mix of nothing is not known")
    parts = [
        (one.get(name, 0.0) / whole, other.get(name, 0.0) / whole_other, *errors.get(name, (0.0, 0.0)))
        for name in {**one, **other}
    ]
    parts.sort(key=lambda part: part[0] / part[1] if part[1] else float("inf"), reverse=True)
    ratios = [1.0]
    for split in range(len(parts) + 1):
        for lifted in (range(split), range(split, len(parts))):
            factors = [
                1 + above if place in lifted else 1 - min(below, 1.0)
                for place, (_, _, below, above) in enumerate(parts)
            ]
            over = sum(factor * part[0] for factor, part in zip(factors, parts, strict=True))
            under = sum(factor * part[1] for factor, part in zip(factors, parts, strict=True))
            if under <= 0:
                raise ValueError("an error of all there is leaves no ratio")
            ratios.append(over / under)
    return Range(1.0, min(ratios), max(ratios))
