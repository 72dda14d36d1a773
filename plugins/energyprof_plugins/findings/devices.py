"""Which models a run has on devices, and which power domain a device is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from energyprof.model.domain import Domain
from energyprof.model.report import DomainRow, Report, StageRow
from energyprof.model.span import Stage
from energyprof.model.trace import Trace

DEVICE = "device"
"""The fact of a model: where its weights are."""


def models_on_devices(report: Report) -> frozenset[str]:
    """Return the names of models whose weights are on a device of their own, no processor."""
    return frozenset(
        row.name for row in report.stages if row.kind == "module" and row.facts.get(DEVICE, "cpu") != "cpu"
    )


def is_of(models: frozenset[str], stage: Stage | StageRow) -> bool:
    """Return whether a stage is a layer of one of the models, or its backward."""
    if stage.kind not in {"module", "backward"}:
        return False
    return any(stage.name == model or stage.name.startswith(f"{model}.") for model in models)


def device_domains(report: Report, trace: Trace) -> Iterator[tuple[int, DomainRow]]:
    """Yield the devices that are power domains of their own: number, and how it was read."""
    rows: Mapping[str, DomainRow] = {row.domain: row for row in report.domains if row.counts}
    for domain in trace.domains:
        number = _number_of(domain)
        if number is not None and domain.id in rows:
            yield number, rows[domain.id]


def _number_of(domain: Domain) -> int | None:
    _, _, number = domain.local_id.partition(":")
    return int(number) if domain.driver == "device" and number.isdecimal() else None
