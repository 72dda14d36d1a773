"""What `energyprof project` prints: verdict, curves, sums and what matters most; and a document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from energyprof.cli.fitted_table import fitted_table
from energyprof.footprint.common_error import LOAD_SD
from energyprof.footprint.footprint import ESTIMATED, footprint
from energyprof.footprint.projection import COMMON_ERROR, Projection, Sensitivity
from energyprof.footprint.projection_chart import axes, characters, span_days, verdict
from energyprof.model import amounts
from energyprof.model.footprint_document import footprint_document, range_document
from energyprof.model.footprint_rows import Assumptions, FootprintRow
from energyprof.model.footprint_text import footprint_lines
from energyprof.model.line_breaks import wrapped
from energyprof.model.range import Range

if TYPE_CHECKING:
    from energyprof.cli.projected_energy import Energy

SCHEMA = "energyprof-projection/1"
GROUND = 12
"""Characters of the names of what is assumed."""
NAMES = {
    "training_j": "energy of a training",
    "trainings": "trainings",
    "request_j": "energy of a request",
    "clients": "clients",
    "requests_per_client_day": "requests per client and day",
    "days": "days",
}
BOTH = "factor of both energies"


class Told(NamedTuple):
    """A projection with where its energies are from and what turns them into grams and money."""

    found: Projection
    training: Energy
    request: Energy
    assumptions: Assumptions
    notes: tuple[str, ...] = ()
    """What is to be said of both energies together."""


def page(told: Told, width: int) -> str:
    """Return the projection for people."""
    found = told.found
    lines = [*wrapped(verdict(found), width), "estimated (model): a linear projection of", ""]
    for name, basis in _grounds(told):
        lines += wrapped(basis, width, f"  {name:{GROUND}}", " " * (GROUND + 2))
    for caution in dict.fromkeys((*told.notes, *told.training.cautions, *told.request.cautions)):
        lines += wrapped(caution, width, "  note: ", "  ")
    lines += ["", *characters(found, width), ""]
    legend = "-  all trainings   *  serving so far   : .  their bounds   X  they cross   ^  days asked for"
    lines += wrapped(legend, width, "  ", "  ")
    if axes(found)[0].is_log:
        lines += wrapped(
            "both axes are logarithmic, so that the crossing and the days asked for are seen", width, "  ", "  "
        )
    lines.append("")
    share = found.serving_j.value / found.total_j.value if found.total_j.value > 0 else 0.0
    after = amounts.days(found.assumed.days)
    lines += [
        f"after {after}",
        f"  training    {amounts.energy(found.training_j)}",
        f"  serving     {amounts.energy(found.serving_j)}",
        f"  both        {amounts.energy(found.total_j)}",
        f"  serving is  {_share(share)} of both",
    ]
    for name, figure, basis in _footprint_rows(told):
        lines += wrapped(figure, width, f"  {name:{GROUND}}", " " * 16)
        lines += wrapped(basis, width, " " * 16, " " * 16)
    lines += ["", *wrapped("what matters most, one assumption moved and the others as they are", width)]
    heads = ("assumption", "from .. to", "overtaking after", "energy of both")
    lines += [f"  {line}" for line in fitted_table(heads, [*map(_moved, found.sensitivity)], width - 2)]
    if not all(row.has_bounds for row in found.sensitivity):
        single = "; one training is not halved" if found.assumed.trainings == Range.exactly(1.0) else ""
        lines += wrapped(f"it had no bounds: halved and doubled{single}", width, "  * ", "    ")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def document(told: Told) -> str:
    """Return the projection as JSON, schema `energyprof-projection/1`; energies in joules."""
    found = told.found
    days = span_days(found)
    content: dict[str, Any] = {  # JSON
        "schema": SCHEMA,
        "provenance": ESTIMATED,
        "formula": "serving = clients * requests_per_client_day * request_j * days; training = trainings * training_j",
        "grounds": {
            name: {
                "provenance": one.provenance,
                "basis": one.basis,
                "cautions": one.cautions,
                "runs": len(one.reports),
                "assumed_sd": one.assumed_sd,
                "start_j": one.start_j,
            }
            for name, one in (("training", told.training), ("request", told.request))
        },
        "notes": told.notes,
        "assumed": {name: range_document(getattr(found.assumed, name)) for name in NAMES},
        "overtaking_days": {
            "value": found.overtaking.days,
            "earliest": found.overtaking.earliest_days,
            "latest": found.overtaking.latest_days,
        },
        "common_error": None
        if found.common is None
        else {
            "training_j": range_document(found.common.training_j),
            "request_j": range_document(found.common.request_j),
            "ratio": range_document(found.common.ratio),
            "factor": range_document(found.common.factor),
            "load_sd": LOAD_SD if found.common.has_loads else None,
        },
        "training_j": range_document(found.training_j),
        "serving_j": range_document(found.serving_j),
        "total_j": range_document(found.total_j),
        "curves": [
            {
                "day": days * step / 50,
                "training_j": range_document(found.training_j),
                "serving_j": range_document(found.assumed.per_day_j.times(days * step / 50)),
            }
            for step in range(51)
        ],
        "sensitivity": [
            {
                "assumption": row.name,
                "low": row.low,
                "high": row.high,
                "has_bounds": row.has_bounds,
                "overtaking_days": row.days,
                "total_j": row.total_j,
            }
            for row in found.sensitivity
        ],
        "footprint": None if told.assumptions.is_empty else footprint_document(_footprint(told)),
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _grounds(told: Told) -> Iterator[tuple[str, str]]:
    assumed = told.found.assumed
    yield "training", f"{amounts.energy(assumed.training_j)}, {_said(told.training)}"
    yield "trainings", f"{amounts.count(assumed.trainings)}, all before the first day"
    yield "request", f"{amounts.small_energy(assumed.request_j)}, {_said(told.request)}"
    yield "clients", amounts.count(assumed.clients)
    yield "requests", f"{amounts.count(assumed.requests_per_client_day)} of a client and day"
    if told.found.common is not None:
        ratio = told.found.common.ratio
        upto = "" if ratio.is_exact else f" up to {ratio.low:.3g} .. {ratio.high:.3g}: their domains' parts differ"
        loads = ""
        if told.found.common.has_loads:
            loads = (
                "; the model goes by CPU time, and what it gets wrong of one kind of load and not of another does not "
                f"cancel (a standard deviation of {100 * LOAD_SD:g} % each)"
            )
        yield "error", f"that both share cancels in the days{upto}{loads}"


def _said(energy: Energy) -> str:
    return energy.basis if energy.provenance == energy.basis else f"{energy.provenance}: {energy.basis}"


def _footprint(told: Told) -> FootprintRow:
    return footprint(told.found.total_j, ESTIMATED, told.assumptions)


def _footprint_rows(told: Told) -> Iterator[tuple[str, str, str]]:
    if told.assumptions.is_empty:
        return
    origin = dict(told.assumptions.origins).get("pue", "")
    yield from (row for row in footprint_lines(_footprint(told), pue_basis=origin) if row[0] != "energy")


def _moved(row: Sensitivity) -> tuple[str, str, str, str]:
    days = _from_to(("never" if end is None else amounts.days(Range.exactly(end))) for end in row.days)
    total = _from_to(amounts.energy(Range.exactly(end)) for end in row.total_j)
    moved = f"{_figure(row, row.low)} .. {_figure(row, row.high)}"
    return NAMES.get(row.name, BOTH), moved, days, f"{total}{'' if row.has_bounds else ' *'}"


def _from_to(ends: Iterable[str]) -> str:
    """Return both ends, or one where they read the same: what is moved does not move it."""
    return " .. ".join(dict.fromkeys(ends))


def _share(part: float) -> str:
    """Return a part as percent, never all or nothing where the other has something."""
    if 0.999 < part < 1:
        return "over 99.9 %"
    return "under 0.1 %" if 0 < part < 0.001 else f"{amounts.digits(round(part * 100, 1))} %"


def _figure(row: Sensitivity, value: float) -> str:
    if row.name == COMMON_ERROR:
        return f"{value:.3g}"
    if row.name == "request_j":
        return amounts.small_energy(Range.exactly(value))
    return amounts.energy(Range.exactly(value)) if row.name == "training_j" else amounts.count(Range.exactly(value))
