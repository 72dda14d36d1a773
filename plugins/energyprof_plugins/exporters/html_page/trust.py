"""How sure the figures are: sensors and how they were read, what cannot be told apart and why, what profiling cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.ids import StageId
from energyprof.model.report import DomainRow, Report, StageRow, UnsplitRow
from energyprof_plugins.exporters.console.account_lines import overhead_line
from energyprof_plugins.exporters.figures import grouped, percent, seconds, watts
from energyprof_plugins.exporters.html_page.markup import badge, name, path, told, whole_figures, words
from energyprof_plugins.exporters.html_page.section import Section

MOST_GROUPS: Final = 200
MOST_MEMBERS: Final = 40
WAYS: Final = (
    ("measured", "a sensor's reading lay wholly within the stage"),
    ("inferred", "several stages shared the sensor's readings; the interval says how well they could be told apart"),
    ("inferred (repeat mode)", "the layer was called again and again by itself until the sensor could see it"),
    ("estimated (model)", "no sensor: a model of the machine made the figure, and its stated error is the interval"),
)  # fmt: skip


def caution_section(report: Report) -> Section:
    """Return what the reader should know before the figures are used."""
    lines = "".join(f"<li>{whole_figures(name(line))}" for line in report.warnings)
    return Section("cautions", "What to know first", f"<ul class=find>{lines}</ul>" if lines else "")


def trust_section(report: Report) -> Section:
    """Return sensors, groups and cost."""
    ways = "".join(f"<dt>{badge(way)}<dd>{words(meaning)}" for way, meaning in WAYS)  # type: ignore[arg-type]
    sensors = "".join(_sensor(row) for row in report.domains)
    content = (
        "<p>Every \u00b1 and every range is a 95 % interval.</p>"
        f"<dl>{ways}</dl><h3>Sensors</h3><dl>{sensors}</dl>{_groups(report)}"
        f"<h3>What profiling cost</h3><p>{whole_figures(words(overhead_line(report)))}</p>"
    )
    return Section("sure", "How sure is this", content)


def _sensor(row: DomainRow) -> str:
    return f"<dt>{name(row.domain)}<dd>{badge(row.provenance)} {'; '.join(_facts(row))}"


def _facts(row: DomainRow) -> Iterator[str]:
    yield name(row.source)
    if row.period_s is not None:
        yield f"a new value every {seconds(row.period_s)}"
    yield f"{grouped(row.reads)} reads" + (f", {grouped(row.failures)} failed" if row.failures else "")
    if row.gaps:
        yield f"{grouped(row.gaps)} gap{'s' if row.gaps > 1 else ''} whose energy is not known"
    below, above = row.gain_error
    if below or above:
        equal = below == above
        said = f"\u00b1{percent(above, 0)}" if equal else f"\u2212{percent(below, 0)} to +{percent(above, 0)}"
        inside = "in every interval" if row.provenance == "estimated (model)" else "common to all figures"
        yield f"its own error {said}, {inside}"
    yield "idle power not known" if row.baseline_w is None else f"idle power {watts(row.baseline_w)}"
    if row.others_share is not None:
        yield f"{percent(row.others_share, 0)} of what was used was other programs'"
    yield f"timing: {name(row.timing)}"
    for note in row.notes:
        yield name(note)


def _groups(report: Report) -> str:
    if not report.unsplit:
        return ""
    by_id = {row.stage: row for row in report.stages}
    shown = "".join(_group(number, group, by_id) for number, group in enumerate(report.unsplit[:MOST_GROUPS]))
    more = len(report.unsplit) - MOST_GROUPS
    left_out = f"<p>{more} more groups are left out; --format json has all.</p>" if more > 0 else ""
    return f"<h3>What cannot be told apart</h3><ul>{shown}</ul>{left_out}"


def _group(number: int, group: UnsplitRow, by_id: dict[StageId, StageRow]) -> str:
    members = [path(by_id[stage].path) if stage in by_id else name(stage) for stage in group.members[:MOST_MEMBERS]]
    more = len(group.members) - len(members)
    listed = "".join(f"<li>{member}" for member in members) + (f"<li>and {more} more" if more else "")
    amount = told(group.energy_j, group.low_j, group.high_j)
    together = f"{len(group.members)} parts together" if len(group.members) > 1 else "one part"
    return (
        f"<li id=u{number}>{name(group.domain)}: {together} {amount}. {name(group.reason)}"
        f"<details><summary>which</summary><ul>{listed}</ul></details>"
    )
