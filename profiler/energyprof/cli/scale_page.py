"""What `energyprof scale` prints: a page for people, and a document for programs."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from energyprof.model import amounts
from energyprof.model.range import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from energyprof.footprint.layer_groups import ShapedRun
    from energyprof.footprint.scaling import Prediction

SCHEMA = "energyprof-scaling/1"
PROVENANCE = "estimated (model)"


def page(found: Prediction, runs: Sequence[ShapedRun], target: dict[str, float], phase: str, width: int) -> str:
    """Return the estimate for people."""
    wanted = ", ".join(f"{name} {value:g}" for name, value in target.items())
    lines = [
        f"{PROVENANCE}: one call of the model with {wanted}, {phase}",
        "",
        f"  energy      {_energy(found)}",
        *(
            line
            for sentence in (*_parts(found), *_tests(found, runs, target))
            for line in textwrap.wrap(sentence, width, initial_indent="  ", subsequent_indent="  ")
        ),
        "",
        "  by kind of layer",
    ]
    whole = found.energy_j.value or 1.0
    lines += [
        f"  {kind:24} {amounts.digits(part / whole * 100):>6} %"
        for kind, part in found.by_kind_j
        if part > 0.005 * whole
    ]
    lines += ["", "  from"]
    lines += [
        f"  {one.energy_j:10.4g} J  {', '.join(f'{name} {value:g}' for name, value in one.shape.items())}  {one.name}"
        for one in runs
    ]
    for warning in _dearer(runs, target, found.energy_j.value):
        lines += textwrap.wrap(warning, width, initial_indent="  ", subsequent_indent="  ")
    for pattern in found.not_powers:
        lines += textwrap.wrap(f"  warning: the operations of {pattern} are no power of the shape", width)
    return "".join(f"{line}\n" for line in lines)


def document(found: Prediction, runs: Sequence[ShapedRun], target: dict[str, float]) -> str:
    """Return the estimate as JSON, schema `energyprof-scaling/1`; energies of one call of the model, in joules."""
    content: dict[str, Any] = {  # JSON
        "schema": SCHEMA,
        "provenance": PROVENANCE,
        "target": target,
        "energy_j": {
            "value": found.energy_j.value,
            "low": found.energy_j.low if found.has_bounds else None,
            "high": found.energy_j.high if found.has_bounds else None,
        },
        "fit_j": {
            "low": found.fit_j.low if found.has_bounds else None,
            "high": found.fit_j.high if found.has_bounds else None,
        },
        "common_error": {"below": found.common_error[0], "above": found.common_error[1]},
        "by_kind_j": dict(found.by_kind_j),
        "times_largest": None if found.is_smaller else found.factor,
        "times_smallest": found.factor if found.is_smaller else None,
        "tested": [one._asdict() for one in found.held_out],
        "repeat_spread": found.repeat_spread,
        "not_powers": found.not_powers,
        "runs": [{"name": one.name, "shape": dict(one.shape), "energy_j": one.energy_j} for one in runs],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _parts(found: Prediction) -> Iterator[str]:
    """Yield what of the bounds is of the fit, and what all joules of these recordings share."""
    below, above = found.common_error
    if not below and not above:
        return
    shared = (
        f"all joules of these recordings may be off together by -{below * 100:.0f} to +{above * 100:.0f} %, what their "
        "sensor or model gets wrong"
    )
    if not found.has_bounds:
        yield shared
        return
    yield (
        f"{shared}, which is in the bounds as in reports; without it, beside other joules of this machine: "
        f"{amounts.small_energy(found.fit_j)}"
    )


def _energy(found: Prediction) -> str:
    """Return it with its bounds; without any where no test says how far off it may be."""
    if found.has_bounds:
        return amounts.small_energy(found.energy_j)
    return f"{amounts.small_energy(Range.exactly(found.energy_j.value))}, bounds not known"


def _tests(found: Prediction, runs: Sequence[ShapedRun], target: dict[str, float]) -> Iterator[str]:
    """Yield what shapes that were left out say of the error, and what they cannot."""
    worst = found.worst
    if worst is None:
        more = "others" if found.is_smaller else "larger ones"
        yield f"error not known: {len(runs)} recordings are needed for the figure itself; add {more} to test it with"
    else:
        which = "the only test" if len(found.held_out) == 1 else f"the worst of {len(found.held_out)} tests"
        yield (
            f"tested: fitted to shapes {'down' if found.is_smaller else 'up'} to {worst.fitted_to}, missed "
            f"{worst.name} by {_miss(worst.miss)}, {which}{', which gives the bounds' if found.has_bounds else ''}"
        )
        yield from _distance(found)
    yield from _outside(found, runs, target)
    if found.repeat_spread is None:
        yield "no shape was recorded twice: what differs from run to run is not known"
    else:
        added = ", which the bounds add" if found.has_bounds else ""
        yield f"recordings of one shape differ by up to {found.repeat_spread * 100:.0f} %{added}"


def _outside(found: Prediction, runs: Sequence[ShapedRun], target: dict[str, float]) -> Iterator[str]:
    """Yield which dimensions lie outside of those recorded where the tests, which go by joules, do not show it."""
    odd = []
    for name, wanted in target.items():
        known = [run.shape[name] for run in runs if name in run.shape]
        if known and (wanted < min(known) or (wanted > max(known) and found.factor <= 1)):
            odd.append(f"{name} {wanted:g} (recorded: {min(known):g} to {max(known):g})")
    if odd:
        yield f"outside of what was recorded: {', '.join(odd)}; what costs there need not go by the same law"


def _miss(miss: float) -> str:
    """Return a miss in percent; where it is large, how many times the prediction was measured, too."""
    times = f" ({1 / (1 + miss):.3g} times as much was measured)" if -1 < miss < -0.5 else ""
    return f"{miss * 100:+.0f} %{times}"


def _dearer(runs: Sequence[ShapedRun], target: dict[str, float], energy_j: float) -> Iterator[str]:
    """Yield a warning of each smaller shape that took more than the target is said to."""
    for run in runs:
        if run.energy_j > energy_j and all(run.shape[name] <= target.get(name, run.shape[name]) for name in run.shape):
            took = amounts.small_energy(Range.exactly(run.energy_j))
            yield f"warning: {run.name} took {took}, more than is told here of a shape no smaller: do not rely on it"


def _distance(found: Prediction) -> Iterator[str]:
    last, size = found.held_out[-1], "smalle" if found.is_smaller else "large"
    yield f"the {size}st shape, {last.name}, from all others: {_miss(last.miss)}"
    if found.is_beyond or not found.has_bounds:
        far = (
            f"beyond what was tested: {found.factor:.3g} times as much as the {size}st recording, tested "
            f"{'down' if found.is_smaller else 'up'} to {found.tested_factor:.3g} times; "
        )
        yield far + ("bounds widened for that" if found.has_bounds else f"too far for bounds: record {size}r shapes")
