"""The ranks of a distributed program as a table, with a line on how evenly they work; and the hosts of a merged run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from energyprof.model.rank_rows import RankRow
from energyprof.model.report import Report
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.interval_columns import Interval, IntervalColumns
from energyprof_plugins.exporters.console.stage_table import LETTERS, WIDE, fit_path
from energyprof_plugins.exporters.figures import column_unit, grouped, percent, seconds

RANKS_SHOWN: Final = 16
"""Rows at most; of more the costliest. The JSON report has all."""
EVEN: Final = 0.05
"""Below this part more work than the mean ranks count as even."""


def rank_table(report: Report, glyphs: Glyphs, width: int) -> Table:
    """Return the table of ranks."""
    shown = _shown(report)
    largest_j = max((row.energy_sum.energy_j or 0.0 for row in shown), default=0.0)
    unit, unit_j = column_unit(largest_j)
    figures = IntervalColumns.of(unit, [_interval(row, unit_j) for row in shown])
    is_wide = width >= WIDE
    headings = ["rank", *figures.headings(), "share %", *(["open", "works"] if is_wide else []), "waits", "CPU", "how"]
    lines = [_cells(row, figures, unit_j, is_wide) for row in shown]
    lines = [[glyphs.text(cell) for cell in line] for line in lines]
    hosts = {row.host for row in report.ranks}
    names = [f"rank {row.rank}" + (f" {glyphs.name(row.host)}" if len(hosts) > 1 else "") for row in shown]
    others = sum(max(cell_len(line[at]) for line in [headings[1:], *lines]) + 2 for at in range(len(headings) - 1))
    room = max(width - others, 10)
    names = [name if cell_len(name) <= room else fit_path((name,), room, glyphs) for name in names]
    table = Table(box=glyphs.rule(), padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(glyphs.text(heading), justify="left" if heading in {"rank", "how"} else "right", no_wrap=True)
    for name, line in zip(names, lines, strict=True):
        table.add_row(Text(name), *map(Text, line))
    return table


def rank_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield what stands below the table: what is left out, and how evenly the ranks work."""
    left_out = len(report.ranks) - len(_shown(report))
    if left_out:
        yield f"+ {grouped(left_out)} more ranks, in: energyprof report --format json"
    uneven = report.imbalance
    if uneven is None:
        return
    waits = f"together the ranks wait {seconds(uneven.waiting_s)}"
    if uneven.ratio < EVEN:
        yield glyphs.text(f"balance  the ranks work alike, within {percent(max(uneven.ratio, 0.01), 0)}; {waits}")
    else:
        yield glyphs.text(
            f"imbalance  {percent(uneven.ratio, 0)}: rank {uneven.slowest} works {seconds(uneven.work_s)}, the mean is "
            f"{seconds(uneven.mean_work_s)}; {waits}"
        )


def host_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield a line for each host of a merged run."""
    for row in report.hosts:
        ended = "" if row.exit_code == 0 else f" \u00b7 exit code {row.exit_code}" if row.exit_code is not None else ""
        yield glyphs.text(
            f"{glyphs.name(row.host)} \u00b7 from {seconds(row.start_s)} for {seconds(row.wall_s)}{ended} \u00b7 "
            f"clock {row.clock}"
        )


def _shown(report: Report) -> list[RankRow]:
    if len(report.ranks) <= RANKS_SHOWN:
        return list(report.ranks)
    costliest = sorted(report.ranks, key=lambda row: (-(row.energy_sum.energy_j or 0.0), row.rank))[:RANKS_SHOWN]
    return sorted(costliest, key=lambda row: row.rank)


def _interval(row: RankRow, unit_j: float) -> Interval:
    energy = row.energy_sum
    return (energy.energy_j or 0.0) / unit_j, (energy.low_j or 0.0) / unit_j, (energy.high_j or 0.0) / unit_j


def _cells(row: RankRow, figures: IntervalColumns, unit_j: float, is_wide: bool) -> list[str]:
    is_known = row.energy_sum.energy_j is not None
    energy = figures.cells(*_interval(row, unit_j)) if is_known else figures.value_only("unknown")
    share = "" if row.energy_sum.share is None else percent(row.energy_sum.share).removesuffix(" %")
    times = [seconds(row.wall_s), seconds(row.work_s)] if is_wide else []
    how = LETTERS[row.energy_sum.provenance] if is_known else ""
    return [*energy, share, *times, seconds(row.waiting_s), seconds(row.cpu_s), how]
