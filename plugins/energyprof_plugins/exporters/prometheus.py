"""The run as Prometheus metrics, for the textfile collector of node_exporter or a push gateway.

The format is version 0.0.4 of https://prometheus.io/docs/instrumenting/exposition_formats/. A run is over when this is
written, so all of it are gauges. What is not known has no sample, and none is 0 for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.ids import StageId
from energyprof.model.range import Range
from energyprof.model.report import EnergyRow, Report, StageRow, SumRow
from energyprof_plugins.exporters.account import is_stage
from energyprof_plugins.exporters.visible import program_name, visible

MOST_STAGES: Final = 500
"""Every label value is a series in the database for good: of more stages only the costliest are told."""
LINES: Final = ("stages", "idle", "outside", "others", "unattributed")


class Prometheus:
    """Write energies with their bounds, calls and times per stage, and the account per domain."""

    name = "prometheus"
    suffix = ".prom"
    summary = "metrics in text; node_exporter's textfile collector and a Pushgateway read it"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the metrics, a family after the other."""
        run = {"program": program_name(report.run.command)}
        names = _Names()
        shown = _costliest([row for row in report.stages if is_stage(row)])
        families = (
            *_of_run(report, run),
            *_of_footprint(report, run),
            *_of_ledger(report, run),
            *_of_stages(report, shown, run, names),
        )
        return "".join(family.text() for family in families if family.samples)


@dataclass(frozen=True, slots=True)
class _Family:
    """All samples of one metric."""

    name: str
    meaning: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)

    def add(self, labels: Mapping[str, str], value: float | None) -> None:
        """Add a sample unless nothing is known."""
        if value is not None:
            self.samples.append((labels, value))

    def text(self) -> str:
        """Return the family as it is written."""
        head = f"# HELP {self.name} {self.meaning}\n# TYPE {self.name} gauge\n"
        return head + "".join(f"{self.name}{_labels(labels)} {value!r}\n" for labels, value in self.samples)


class _Names:
    """Stage ids as labels. No series may come twice: what looks the same once shortened is told apart by a number."""

    def __init__(self) -> None:
        self._labels: dict[StageId, str] = {}
        self._taken: dict[str, int] = {}

    def label(self, stage: StageId) -> str:
        """Return the label of a stage."""
        if stage not in self._labels:
            text = visible(stage)
            count = self._taken[text] = self._taken.get(text, 0) + 1
            self._labels[stage] = text if count == 1 else f"{text} ({count})"
        return self._labels[stage]


def _of_run(report: Report, run: Mapping[str, str]) -> Iterator[_Family]:
    energies = _energies("energyprof_run_energy", "Energy of the whole run, all domains that count.")
    _add(energies, run, report.measured)
    yield from energies
    wall = _Family("energyprof_run_wall_seconds", "Length of the run.")
    wall.add(run, report.run.wall_s)
    yield wall
    start = _Family("energyprof_run_start_timestamp_seconds", "When the run began, Unix time.")
    start.add(run, datetime.fromisoformat(report.run.start).timestamp() if report.run.start else None)
    yield start
    status = _Family("energyprof_run_exit_status", "Exit status of the program, negative: ended by that signal.")
    status.add(run, report.run.exit_code)
    yield status
    overhead = _Family("energyprof_recorder_share_ratio", "What recording cost, relative to the run.")
    overhead.add(run, report.overhead.share)
    yield overhead


def _of_footprint(report: Report, run: Mapping[str, str]) -> Iterator[_Family]:
    """Yield CO2e and cost of the run with their bounds, and the grid's figure with its year and source."""
    row = report.footprint
    if row is None:
        return
    assumed, bound = row.assumptions, "end of its 95 % interval"
    told: list[tuple[str, str, Range | None, dict[str, str]]] = [
        ("energyprof_run_carbon{}_grams", "CO2e of the run.", row.carbon_g, {"provenance": row.carbon_provenance}),
        ("energyprof_run_cost{}", "Price of the run's electricity.", row.cost, {"provenance": row.cost_provenance}),
    ]
    if assumed.price is not None:
        told[1][3]["currency"] = assumed.price.currency
    for name, meaning, figure, labels in told:
        if figure is None:
            continue
        parts = (
            ("", figure.value, ""),
            ("_low", figure.low, f" Lower {bound}."),
            ("_high", figure.high, f" Upper {bound}."),
        )
        for end, value, words in parts:
            family = _Family(name.format(end), f"{meaning}{words}")
            family.add({**run, **labels}, value)
            yield family
    if assumed.grid is not None:
        grid = _Family("energyprof_carbon_intensity_grams_per_kwh", "CO2e of a kilowatt-hour, as assumed.")
        year = "" if assumed.grid.year is None else str(assumed.grid.year)
        grid.add(
            {**run, "region": assumed.grid.region, "year": year, "source": assumed.grid.source}, assumed.grid.g_per_kwh
        )
        yield grid


def _of_ledger(report: Report, run: Mapping[str, str]) -> Iterator[_Family]:
    measured = _Family("energyprof_domain_energy_joules", "Energy of a power domain; counts=false: within another one.")
    parts = _Family("energyprof_ledger_energy_joules", "Account of a power domain; its lines add up to the domain.")
    covered = _Family("energyprof_domain_covered_ratio", "Part of the run whose energy is known.")
    counts = {row.domain: str(row.counts).lower() for row in report.domains}
    for row in report.ledger:
        labels = {**run, "domain": row.domain, "provenance": row.provenance, "counts": counts.get(row.domain, "true")}
        measured.add(labels, row.measured_j)
        covered.add(labels, row.covered_share)
        for line in LINES:
            parts.add({**labels, "line": line}, getattr(row, f"{line}_j"))
    yield from (measured, parts, covered)


def _of_stages(report: Report, shown: Iterable[StageRow], run: Mapping[str, str], names: _Names) -> Iterator[_Family]:
    own = _energies("energyprof_stage_self_energy", "Energy of a stage itself, those below it excluded.")
    total = _energies("energyprof_stage_total_energy", "Energy of a stage with those below it.")
    calls = _Family("energyprof_stage_calls", "Calls of a stage.")
    wall = _Family("energyprof_stage_wall_seconds", "Time in a stage with those below it.")
    told = 0
    for row in shown:
        told += 1
        stage = {**run, "stage": names.label(row.stage), "kind": row.kind}
        calls.add(stage, row.calls)
        wall.add(stage, row.wall_s)
        for families, energies in ((own, row.self_energy), (total, row.total_energy)):
            for energy in energies:
                _add(families, {**stage, "domain": energy.domain}, energy)
    left_out = _Family("energyprof_stages_left_out", f"Stages that are not told, beyond the {MOST_STAGES} costliest.")
    left_out.add(run, sum(map(is_stage, report.stages)) - told)
    yield from (*own, *total, calls, wall, left_out)


def _energies(name: str, meaning: str) -> tuple[_Family, _Family, _Family]:
    bound = "end of its 95 % interval"
    return (
        _Family(f"{name}_joules", meaning),
        _Family(f"{name}_low_joules", f"{meaning} Lower {bound}."),
        _Family(f"{name}_high_joules", f"{meaning} Upper {bound}."),
    )


def _add(families: tuple[_Family, _Family, _Family], labels: Mapping[str, str], row: EnergyRow | SumRow) -> None:
    said = {**labels, "provenance": row.provenance}
    for family, value in zip(families, (row.energy_j, row.low_j, row.high_j), strict=True):
        family.add(said, value)


def _costliest(rows: list[StageRow]) -> list[StageRow]:
    if len(rows) <= MOST_STAGES:
        return rows
    by_cost = sorted(rows, key=lambda row: -(row.total_sum.energy_j or 0.0))
    kept = {row.stage for row in by_cost[:MOST_STAGES]}
    return [row for row in rows if row.stage in kept]


def _labels(labels: Mapping[str, str]) -> str:
    written = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{','.join(written)}}}"


def _escaped(value: str) -> str:
    return visible(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
