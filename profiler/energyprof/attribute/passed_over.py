"""Steps whose layers were not recorded: energies, times and calls divided over the layers as in the steps that were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from energyprof.attribute.device_lanes import HOST, device_lanes, of_device
from energyprof.attribute.ledger import MICRO, whole_microjoules
from energyprof.attribute.passed_energy import divided
from energyprof.attribute.step_shares import StepShares, passed_over_stages, step_shares
from energyprof.model.attribution import Attribution, StageTimes
from energyprof.model.span import Flags, Stage
from energyprof.model.trace import Flows, Trace


def as_sampled(attribution: Attribution, trace: Trace) -> Attribution:
    """Return the attribution with the steps whose layers were not recorded divided over the layers."""
    passed = passed_over_stages(trace)
    if not passed:
        return attribution
    found: dict[int, list[StepShares]] = {HOST: _shares(trace, passed, HOST)}
    domains = []
    for part in attribution.domains:
        (domain,) = (one for one in trace.domains if one.id == part.domain)
        device = device_lanes(domain, trace.lanes)
        if device not in found:
            found[device] = _shares(trace, passed, device)
        known = part if not found[device] else replace(part, fit=None)
        for shares in found[device]:
            known = divided(known, trace.stages, shares)
        domains.append(known)
    times = attribution.times
    for shares in found[HOST]:
        times = _times(times, shares)
    gone = np.zeros(len(trace.stages), np.bool_)
    gone[[shares.passed for shares in found[HOST]]] = True
    return replace(
        attribution,
        domains=tuple(domains),
        times=times,
        follows=_without(attribution.follows, gone),
        calls=_without(attribution.calls, gone),
        warnings=(*attribution.warnings, *_said(trace.stages, found[HOST], attribution.times)),
    )


def _shares(trace: Trace, passed: list[int], device: int) -> list[StepShares]:
    lanes = of_device(trace.lanes, device)
    return [one for stage in reversed(passed) if (one := step_shares(trace, stage, lanes)) is not None]


def _times(times: StageTimes, shares: StepShares) -> StageTimes:
    """Return times and calls with those that were passed over; the stage that stood for them keeps its calls."""
    passed, over = shares.passed, int(times.calls[shares.passed])
    own_ns, wall_ns = int(times.self_wall_ns[passed]), int(times.wall_ns[passed])
    gets = np.flatnonzero(shares.share > 0)
    self_wall = times.self_wall_ns.copy()
    self_wall[gets] += whole_microjoules(own_ns * shares.share[gets] / MICRO, own_ns)
    self_wall[passed] = 0
    more_wall = wall_ns * shares.inclusive
    busy = times.cpu_ns / np.maximum(times.wall_ns, 1)
    return replace(
        times,
        calls=times.calls + np.rint(over * shares.calls).astype(np.int64),
        wall_ns=times.wall_ns + np.rint(more_wall).astype(np.int64),
        self_wall_ns=self_wall,
        cpu_ns=times.cpu_ns + np.rint(more_wall * busy).astype(np.int64),
    )


def _without(flows: Flows, gone: Flags) -> Flows:
    kept = np.flatnonzero(~(gone[flows.source] | gone[flows.target]))
    return Flows(flows.source[kept], flows.target[kept], flows.count[kept], flows.nbytes[kept])


_NAMED: Final = 3
"""Models that the warning names, those called most often."""


def _said(stages: tuple[Stage, ...], found: list[StepShares], times: StageTimes) -> list[str]:
    """Return in how many calls of each model layers were recorded, its forward passes together."""
    counts: dict[str, tuple[int, int]] = {}
    for shares in found:
        if stages[shares.passed].kind == "module":
            name = stages[shares.model].name
            whole, over = counts.get(name, (0, 0))
            counts[name] = whole + int(times.calls[shares.model]), over + int(times.calls[shares.passed])
    return in_how_many_calls(counts)


def in_how_many_calls(counts: Mapping[str, tuple[int, int]]) -> list[str]:
    """Return one warning on all models, by name their calls and those of them whose layers were not recorded."""
    if not counts:
        return []
    often = sorted(counts.items(), key=lambda item: -item[1][0])
    (first, (whole, over)), *others = often
    said = [f"layers of {first} were recorded in {whole - over} of its {whole} calls"]
    said += [f"of {name} in {whole - over} of its {whole}" for name, (whole, over) in others[: _NAMED - 1]]
    if len(often) > _NAMED:
        said.append(f"of {len(often) - _NAMED} more in some of theirs")
    return [f"{', '.join(said)}, drawn at random, to keep the bound of --max-overhead; the rest is inferred from those"]
