"""The table of a search's trials: what each took and found, and how many joules it was up to there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from energyprof.model.report import Report
from energyprof.model.trial_rows import TrialRow, Trials
from energyprof_plugins.exporters.console.trial_lines import trial_sums
from energyprof_plugins.exporters.console.trial_order import became, conclusions, ranked, value_text
from energyprof_plugins.exporters.figures import column_unit, seconds
from energyprof_plugins.exporters.html_page.markup import badge, figure, name, whole_figures
from energyprof_plugins.exporters.html_page.section import Section
from energyprof_plugins.exporters.html_page.stage_rows import MOST_ROWS
from energyprof_plugins.exporters.html_page.tables import INTERVAL, NAMELESS, Column, Row, Table, stacked

NO_STUDY: Final = "no study"
LEAD: Final = "Best values first, study by study; a column head sorts. Best is the {best} value{unless}."

REPEATED: Final = "As 0: with the parameters of trial 0."


def trial_section(report: Report) -> Section:
    """Return the table below what each study took together, or nothing where there are no trials."""
    found = report.trials
    if found is None:
        return Section("trials", "Trials", "")
    studies = found.studies or (found,)
    listed = [(study, row) for study in studies for row in ranked(study)]
    shown = listed[:MOST_ROWS]
    unit, unit_j = column_unit(max((row.up_to.energy_j for _, row in shown if row.up_to is not None), default=0.0))
    columns = [
        Column("Trial", "t"), *([Column("study", "t")] if found.studies else []), Column("state", "t"),
        Column("value", "n"), Column(f"in all, {unit}", "n", INTERVAL), NAMELESS,
        Column(f"up to it, {unit}", "n", INTERVAL), Column("wall", "n"), Column("how it is known", "t"),
    ]  # fmt: skip
    best = {id(study): study.best() for study in studies}
    rows = [
        _row(row, unit_j, study=study if found.studies else None, is_best=row is best[id(study)])
        for study, row in shown
    ]
    lead = LEAD.format(**_best(studies))
    lead = f"{lead} {REPEATED}" if any(row.repeats is not None for _, row in shown) else lead
    if len(shown) < len(listed):
        lead += f" {len(listed) - len(shown)} more trials are left out; --format json has all."
    section = Table("trials", "Trials", columns, rows).section(lead)
    return replace(section, content="".join(_sums(study) for study in studies) + section.content)


def _best(studies: Sequence[Trials]) -> dict[str, str]:
    """Return which value is the best, in words."""
    lowest = [study.lower_is_better for study in studies]
    if all(lowest):
        return {"best": "lowest", "unless": ", which is what the search looks for"}
    if any(lowest):
        return {"best": "highest, or the lowest where the study looks for that", "unless": ""}
    return {"best": "highest", "unless": "; where lower ones are better, energyprof trials --lower-is-better tells it"}


def _sums(study: Trials) -> str:
    lines = "".join(f"<li>{whole_figures(name(line))}" for line in (*trial_sums(study), *conclusions(study)))
    heading = f"<h3>{name(study.study)}</h3>" if study.study else ""
    return f"{heading}<ul>{lines}</ul>\n"


def _row(row: TrialRow, unit_j: float, *, study: Trials | None, is_best: bool) -> Row:
    energy, up_to = row.total_sum, row.up_to
    cells = [
        *([] if study is None else [name(study.study or NO_STUDY)]), ", ".join(_states(row, is_best=is_best)),
        name(value_text(row)) if value_text(row) else "",
        stacked(*figure(energy.energy_j, energy.low_j, energy.high_j, unit_j)), "",
        "" if up_to is None else stacked(*figure(up_to.energy_j, up_to.low_j, up_to.high_j, unit_j)),
        seconds(row.wall_s), badge(energy.provenance),
    ]  # fmt: skip
    params = f"<br><small>{name(row.params)}</small>" if row.params else ""
    return Row("<tr>", f"{row.number}{params}", cells)


def _states(row: TrialRow, *, is_best: bool) -> Iterator[str]:
    """Yield words for the state of a trial: also that it came to its end, which a list for people leaves out."""
    if row.state == "complete":
        yield "<b>best</b>" if is_best else "complete"
    yield from map(name, became(row))
