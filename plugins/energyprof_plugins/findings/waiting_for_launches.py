"""A device stands idle between small launches: the host is slower at launching than the device at working.

Events in its streams tell where it had done all that was launched (`launches`), not for how long of that time it
worked: nothing of it at least, all of it at most. Its driver tells more where it says which part of the time any kernel
ran (NVML's `utilization.gpu`): what is idle even by the highest of its figures is saved at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from energyprof.interfaces import FinishedRun
from energyprof.model.domain import Provenance
from energyprof.model.finding import Finding
from energyprof.model.recorded_names import UNRECORDED_LAYERS
from energyprof.model.report import DomainRow, StageRow
from energyprof.model.span import Flags
from energyprof.model.trace import Trace
from energyprof_plugins.findings.devices import device_domains, is_of, models_on_devices
from energyprof_plugins.findings.launches import Launches, launches
from energyprof_plugins.findings.spending import counted

LEAST_SHARE: Final = 0.5
"""Of a stage's time on the host that is clear, in which the device waits."""
LEAST_WAIT_S: Final = 0.5
LEAST_TOLD_S: Final = 3.0
"""In a shorter time a driver that is asked once a second may not have been asked when the device worked most."""


class WaitingForLaunches:
    """Find stages whose layers the device has done before the next is launched."""

    name = "waiting_for_launches"
    summary = "devices that idle between small launches (needs torch on a GPU, whose power is read)"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each device and outermost stage in which it waits most of the time."""
        models = models_on_devices(run.report)
        if not models:
            return
        trace = run.trace()
        if trace.counted is not None:  # not all boundaries were stored
            return
        launching = _launching(trace, models)
        rows = {row.stage: row for row in run.report.stages}
        for device, domain in device_domains(run.report, trace):
            found = launches(trace, device, launching)
            for index in _outermost(trace, found):
                row = rows.get(trace.stages[index].id)
                if row is not None:
                    yield _finding(self.name, row, domain, found, index)


def _launching(trace: Trace, models: frozenset[str]) -> Flags:
    """Return which stages are layers of the models; one that stands for layers not recorded is of that it stands in."""
    flags = np.zeros(len(trace.stages), np.bool_)
    for index, stage in enumerate(trace.stages):  # parents stand first
        stands_for_layers = stage.name == UNRECORDED_LAYERS and stage.parent is not None
        flags[index] = is_of(models, stage) or (stands_for_layers and bool(flags[stage.parent]))
    return flags


def _outermost(trace: Trace, found: Launches) -> Iterator[int]:
    """Yield the stages in which the device waits most of the time, none that stands in another one of them."""
    inside: set[int] = set()
    for index, stage in enumerate(trace.stages):  # parents stand first
        waiting_s, otherwise_s = float(found.waiting_s[index]), float(found.otherwise_s[index])
        if stage.parent in inside:
            inside.add(index)
        elif waiting_s >= max(LEAST_WAIT_S, LEAST_SHARE * (waiting_s + otherwise_s)):
            inside.add(index)
            yield index


def _finding(rule: str, row: StageRow, domain: DomainRow, found: Launches, index: int) -> Finding:
    waiting_s, whole_s, pieces = float(found.waiting_s[index]), float(found.whole_s[index]), int(found.pieces[index])
    most = 1 - float(found.otherwise_s[index]) / whole_s
    of_device = next((one for one in row.total_energy if one.domain == domain.domain), None)
    now_j = None if of_device is None else of_device.energy_j
    busiest = _busiest(domain, waiting_s)
    told = "" if busiest is None else f"; its driver never saw it work more than {100 * busiest:.0f} % of the time"
    provenance: Provenance = domain.provenance if of_device is None else of_device.provenance
    return Finding(
        rule=rule,
        offenders=(row.stage,),
        fault="the device idles between small launches",
        evidence=f"in {waiting_s:.3g} s of {whole_s:.3g} s {domain.domain} had done all that was launched, in "
        f"{counted(pieces, 'piece')} of {1e6 * waiting_s / pieces:.0f} us on average{told}",
        remedy="launch more at once: larger batches, torch.compile(model, mode='reduce-overhead') or CUDA graphs",
        now_j=now_j,
        provenance=provenance,
        saving_j=_saving_j(now_j, waiting_s, most, domain, busiest),
    )


def _saving_j(
    now_j: float | None, waiting_s: float, most: float, domain: DomainRow, busiest: float | None
) -> tuple[float, float] | None:
    """Return idle power for as long as the device surely did nothing, up to all it drew while it may have waited."""
    if now_j is None or domain.baseline_w is None:
        return None
    most_j = max(now_j * most, 0.0)
    least_j = 0.0 if busiest is None else domain.baseline_w * waiting_s * (1 - busiest)
    return min(least_j, most_j), most_j


def _busiest(domain: DomainRow, waiting_s: float) -> float | None:
    """Return the highest utilisation that the driver told; None: it tells none, or there was no time to ask."""
    figure = domain.facts.get("utilization_ratio")
    return None if figure is None or waiting_s < LEAST_TOLD_S else min(max(figure["max"], 0.0), 1.0)
