"""What the joules of each way come with where that way runs: at the meter of a data centre, as CO2e, as money.

Joules stay what was measured. What turns them into others is taken as stated, so that it only scales the runs of a way,
and two ways are set against each other as their joules are. Money of two currencies is not set against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from energyprof.model.footprint_rows import Assumptions
from energyprof.model.range import Range
from energyprof.model.variants import Verdict, WayAmount, WayFootprint
from energyprof.report.lowest import Ways, against_lowest
from energyprof.report.means import mean_of_amounts

Amounts = Mapping[str, Sequence[float]]
"""By way, one a run, of a unit of work."""


def way_footprints(known_j: Amounts, ways: Ways, assumed: Mapping[str, Assumptions]) -> dict[str, WayFootprint]:
    """Return what is known of each way; nothing where nobody said anything of any."""
    if all(one.is_empty for one in assumed.values()):
        return {}
    has_pue = any(one.pue is not None for one in assumed.values())
    facility = _amounts(known_j, assumed, Assumptions.facility_j) if has_pue else {}
    carbon = _amounts(known_j, assumed, Assumptions.carbon_g)
    cost = _amounts(known_j, assumed, Assumptions.cost)
    currencies = {one.price.currency for name in cost if (one := assumed[name]).price is not None}
    columns = [_rated(facility, ways), _rated(carbon, ways), _rated(cost, ways if len(currencies) < 2 else None)]
    return {name: WayFootprint(one, *(column.get(name) for column in columns)) for name, one in assumed.items()}


def _amounts(
    known_j: Amounts, assumed: Mapping[str, Assumptions], told: Callable[[Assumptions, Range], Range | None]
) -> dict[str, list[float]]:
    found = {}
    for name, costs_j in known_j.items():
        amounts = [told(assumed[name], Range.exactly(cost_j)) for cost_j in costs_j] if name in assumed else []
        values = [amount.value for amount in amounts if amount is not None]
        if values:
            found[name] = values
    return found


def _rated(amounts: Amounts, ways: Ways | None) -> dict[str, WayAmount]:
    """Return the amounts set against the lowest; `ways` None: they cannot be."""
    against = {} if ways is None else against_lowest(amounts, ways)
    found = {}
    for name, own in amounts.items():
        one = against.get(name)
        amount = mean_of_amounts(own)
        plain: Verdict = "cannot tell" if ways is None or name in ways.able else "failed"
        found[name] = WayAmount(amount, one.ratio, one.verdict or plain) if one else WayAmount(amount, verdict=plain)
    return found
