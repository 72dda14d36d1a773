"""Set amounts of several ways, of joules or what follows from them, against the way with the lowest mean.

With k ways, each is tested against the lowest at 5 % / (k - 1) (Bonferroni); that is the cheapest only where it is told
apart from each of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import NamedTuple

from energyprof.model.variants import Mean, Verdict
from energyprof.report.means import ratio_of_means
from energyprof.report.read_errors import NONE, LogReach, ReadBy, left_in_ratio


class Ways(NamedTuple):
    """Who is set against each other."""

    able: tuple[str, ...]
    """Those of which amounts are known and no run failed."""
    is_whole: bool
    """No way is left out for want of readings."""
    size: int
    """Of all ways, failed ones too."""
    readers: Mapping[str, ReadBy]
    """By name, of all."""


class AgainstLowest(NamedTuple):
    """One way against the lowest."""

    ratio: Mean
    reach: LogReach
    """What sensors and models get wrong of it, which is in its bounds."""
    verdict: Verdict | None
    """None: the way failed, or is alone."""


def against_lowest(amounts: Mapping[str, Sequence[float]], ways: Ways) -> dict[str, AgainstLowest]:
    """Return each way that has amounts, one a run, by name; none where there is no lowest, or it is nothing."""
    able = [name for name in ways.able if name in amounts]
    lowest = min(able, key=lambda name: mean(amounts[name]), default=None)
    if lowest is None or mean(amounts[lowest]) <= 0:
        return {}
    found = {lowest: AgainstLowest(Mean(1.0, None, None), NONE, None)}
    for name, own in amounts.items():
        if name != lowest:
            reach = left_in_ratio(ways.readers[name], ways.readers[lowest])
            ratio = ratio_of_means(own, amounts[lowest], len(able) - 1, reach)
            found[name] = AgainstLowest(ratio, reach, _verdict(ratio) if name in able else None)
    others = {found[name].verdict for name in able if name != lowest}
    is_apart = others == {"dearer"} and ways.is_whole and len(able) == len(ways.able)
    if ways.size > 1:
        found[lowest] = found[lowest]._replace(verdict="cheapest" if is_apart else "lowest so far")
    return found


def _verdict(ratio: Mean) -> Verdict:
    if ratio.low is None:
        return "cannot tell"
    return "dearer" if ratio.low > 1 else "unclear"
