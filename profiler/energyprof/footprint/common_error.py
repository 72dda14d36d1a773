"""What one sensor or model of one machine gets wrong of two energies alike, so that their ratio does not feel it.

Where several power domains are summed, each has its own common error, and each energy its own mix of domains. The ratio
of the sums moves with the errors only as far as the mixes differ; its bounds are those over all errors possible.

A sensor has one gain, whatever runs. A model that goes by CPU time has one error of the machine, its idle power and
what a busy processor adds on average, and another of each kind of load: a convolution and a parser take the same CPU
time and not the same power. The first cancels, the second does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from energyprof.footprint.error_factors import Error, of_deviation, of_mix, rest, widened
from energyprof.model.range import Range

LOAD_SD: Final = 0.12
"""By how much the power of one machine differs between kinds of load of the same CPU time, relative. A model by CPU
utilisation, fitted with one benchmark, was off by up to 12 % with others (Dargie and Wen 2013, ISPA, "A Probabilistic
Model for Estimating the Power Consumption of Processors and Network Interface Cards"); models of a node with 8 H100 by
11.4 % on average over kinds of training (arXiv 2506.14551). Taken for a standard deviation, not for a bound: that loads
differ significantly von Kistowski et al. 2015 (10.1145/2668930.2688057) found for all servers they measured."""

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
    factor: Range
    """What the errors of both make of either: 1, and its bounds."""
    has_loads: bool = False
    """Whether each load has an error of its own, so that only the rest is common."""


@dataclass(frozen=True, slots=True)
class Known:
    """An energy as far as its readings tell it."""

    joules: Range
    """Without what its sensor or model gets wrong of all energies alike."""
    mix_j: MixJ


def common_error(training: Known, request: Known, errors: Errors, modelled: Collection[str]) -> CommonError:
    """Return what the errors of each domain leave of the bounds; `modelled`: the domains whose power is a model's.

    Raises ValueError where a mix is not known.
    """
    loads: dict[str, Error] = {}
    for name in modelled:
        below, above = of_deviation(LOAD_SD)
        loads[name] = min(below, errors[name][0]), min(above, errors[name][1])  # a part is never more than all of it
    of_machine = {name: rest(error, loads.get(name, (0.0, 0.0))) for name, error in errors.items()}
    shared = [of_mix(one.mix_j, of_machine) for one in (training, request)]
    return CommonError(
        training_j=widened(training.joules, of_mix(training.mix_j, loads)),
        request_j=widened(request.joules, of_mix(request.mix_j, loads)),
        ratio=ratio_of_mixes(training.mix_j, request.mix_j, of_machine),
        factor=Range(1.0, 1 - max(below for below, _ in shared), 1 + max(above for _, above in shared)),
        has_loads=any(error != (0.0, 0.0) for error in loads.values()),
    )


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
