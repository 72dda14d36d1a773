"""The table of stages: what each took itself and in all, with interval, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Final

from energyprof.model.ids import StageId
from energyprof.model.recorded_names import PASSED_OVER
from energyprof.model.report import OUTSIDE, Report, StageRow
from energyprof_plugins.exporters.account import Known, counted_domains, is_stage, known, microjoules
from energyprof_plugins.exporters.figures import column_unit, grouped, joules, seconds
from energyprof_plugins.exporters.html_page.markup import DEEPEST_PATH, badge, figure, name, path, rate, words
from energyprof_plugins.exporters.html_page.section import Section
from energyprof_plugins.exporters.html_page.tables import HOW, INTERVAL, NAMELESS, Column, Row, Table, stacked

MOST_ROWS: Final = 2000
LAYER: Final = "module_class"
"""The fact that makes a stage a layer: those have a table of their own."""


@dataclass(frozen=True, slots=True)
class StageTable:
    """What the tables and charts of stages have in common."""

    report: Report
    own: tuple[Known, ...]
    total: tuple[Known, ...]
    stages_uj: int
    groups: dict[StageId, tuple[int, ...]]
    """Stage -> numbers of the groups that it cannot be told apart from."""
    names: dict[StageId, str]

    @staticmethod
    def of(report: Report) -> StageTable:
        """Return the known part of every stage's energy."""
        counted = counted_domains(report)
        groups: dict[StageId, tuple[int, ...]] = {}
        for number, group in enumerate(report.unsplit):
            for member in group.members:
                groups[member] = (*groups.get(member, ()), number)
        return StageTable(
            report,
            tuple(known(row.self_energy, counted) for row in report.stages),
            tuple(known(row.total_energy, counted) for row in report.stages),
            sum(microjoules(row.stages_j) for row in report.ledger if row.domain in counted),
            groups,
            {row.stage: row.name for row in report.stages},
        )

    def section(self) -> Section:
        """Return the table; of more stages than fit a page, those that took most."""
        report = self.report
        if not report.stages:
            hint = words('No stage was recorded; mark one with: with energyprof.stage("name"):')
            return Section("stages", "Stages", f"<p>{hint}</p>")
        listed = [
            place for place, row in enumerate(report.stages)
            if is_stage(row) and not is_layer(row) and PASSED_OVER not in row.facts
        ]  # fmt: skip
        kept = frozenset(sorted(listed, key=lambda place: -self.total[place].energy_uj)[:MOST_ROWS])
        shown = [place for place in in_tree_order(report) if place in kept]
        if not shown:
            return Section("stages", "Stages", "")
        largest = max(max(abs(self.total[place].high_uj), self.stages_uj) for place in shown) / 1e6
        unit, unit_j = column_unit(largest or 1.0)
        # As in the terminal: one call of one stage is a million calls of another.
        each, each_j = column_unit(median([call for place in shown if (call := _per_call(self, place))] or [1.0]))
        with_embodied = any(report.stages[place].embodied_j is not None for place in shown)
        columns = [
            Column("Stage", "t"), HOW, Column(f"itself, {unit}", "n", INTERVAL), NAMELESS,
            Column(f"in all, {unit}", "n", INTERVAL),
            *([Column(f"embodied, {unit}", "n", INTERVAL)] if with_embodied else []),
            Column("calls", "n"), Column(f"{each} / call", "n"), Column("wall", "n", "on CPU"),
        ]  # fmt: skip
        rows = [self._row(place, unit_j, each_j, with_embodied) for place in shown]
        lead = "In pipeline order; a column head sorts."
        if len(shown) < len(listed):
            lead += f" {len(listed) - len(shown)} cheaper stages are left out; --format json has all."
        if len(listed) < sum(map(is_stage, report.stages)):
            lead += " Layers of models have a table of their own below."
        passed = sum(row.calls for row in report.stages if PASSED_OVER in row.facts)
        if passed:
            calls = f"{grouped(passed)} call{'' if passed == 1 else 's'}"
            lead += f" In {calls} of models no layer was recorded; they count to the layers, as inferred."
        return Table("stages", "Stages", columns, rows).section(lead, self._sums())

    def _row(self, place: int, unit_j: float, each_j: float, with_embodied: bool) -> Row:
        row, own, total = self.report.stages[place], self.own[place], self.total[place]
        cells = [self.how(row, place), _energy(own, unit_j), "", _energy(total, unit_j)]
        if with_embodied:
            cells.append(stacked(*figure(row.embodied_j, row.embodied_low_j, row.embodied_high_j, unit_j)))
        per_call_j = None if total.nothing or not row.calls else _per_call(self, place)
        each = rate(per_call_j, each_j, total.energy_j, *total.bounds_j)
        cells += [grouped(row.calls), each, stacked(seconds(row.wall_s), seconds(row.cpu_s))]
        whole = name("/".join(row.path)) if len(row.path) > DEEPEST_PATH else ""
        place_in_code = f"{name(row.file)}:{row.line}" if row.file else ""
        title = ", ".join(filter(None, (whole, place_in_code)))
        return Row(f'<tr id=r{place} data-s="{place}">', path(row.path), cells, title)

    def how(self, row: StageRow, place: int) -> str:
        """Return how a stage's own energy is known, and which groups it stands in."""
        own = self.own[place]
        shown = "" if own.nothing else badge(row.self_sum.provenance)
        if own.nothing and own.high_uj == 0 and row.self_sum.low_j is None:
            return "not read"
        for number in self.groups.get(row.stage, ()):
            others = len(self.report.unsplit[number].members) - 1
            with_whom = f"not separable from {others} other{'s' if others > 1 else ''}" if others else "not separable"
            shown += f' <a href="#u{number}">{with_whom}</a>'
        return shown

    def _sums(self) -> str:
        """Return how rows and groups add up to the ledger's line."""
        stages = [place for place, row in enumerate(self.report.stages) if is_stage(row)]
        named_uj = sum(self.own[place].energy_uj for place in stages)
        counted = counted_domains(self.report)
        if not counted:
            return ""
        joint_uj = sum(microjoules(group.energy_j) for group in self.report.unsplit if group.domain in counted)
        joint = f" + not separable {joules(joint_uj / 1e6)}" if joint_uj else ""
        return (
            f"<p class=dim>All stages and layers themselves {joules(named_uj / 1e6)}{joint} = in stages "
            f"{joules(self.stages_uj / 1e6)}.</p>"
        )


def in_tree_order(report: Report) -> list[int]:
    """Return the places of all stages, each followed by what is inside it."""
    places = {row.stage: place for place, row in enumerate(report.stages)}
    inside: dict[int | None, list[int]] = {}
    for place, row in enumerate(report.stages):
        inside.setdefault(None if row.parent is None else places.get(row.parent), []).append(place)
    ordered = []
    waiting = inside.get(None, [])[::-1]
    while waiting:
        place = waiting.pop()
        ordered.append(place)
        waiting += inside.get(place, [])[::-1]
    return ordered


def is_layer(row: StageRow) -> bool:
    """Return whether a stage is a layer of a model."""
    return LAYER in row.facts or row.stage == OUTSIDE


def _per_call(table: StageTable, place: int) -> float:
    calls = table.report.stages[place].calls
    return table.total[place].energy_j / calls if calls else 0.0


def _energy(of: Known, unit_j: float) -> str:
    return "" if of.nothing else stacked(*figure(of.energy_j, *of.bounds_j, unit_j))
