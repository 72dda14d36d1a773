"""The first lines of a report: what took the energy, in which run, and how far the figures can be trusted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text

from energyprof.model.report import EnergyRow, FunctionRow, Report, StageRow, UnsplitRow
from energyprof_plugins.exporters.account import (
    MODEL,
    Known,
    counted_domains,
    known,
    ledger,
    microjoules,
    sum_word,
    unread_domains,
)
from energyprof_plugins.exporters.console.function_table import shown_functions
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.stage_table import WIDE, fit_command, fit_path
from energyprof_plugins.exporters.figures import joules_with_bounds, percent, seconds, unit_of, watts
from energyprof_plugins.exporters.function_names import is_installed, shown_name, shown_place
from energyprof_plugins.exporters.visible import program_name

SMALLEST_TOLD = 0.01
"""Of the unit of the sentence: less can only be told in another unit."""
SURE_FROM, SURE_UNTIL = 0.95, 0.995
"""Below, an order is not told; above, rounding would make it certain."""

LINES = {
    "idle": "was idle power while no stage ran",
    "outside": "was spent outside any stage (imports, for instance)",
    "others": "was spent by other processes",
    "unattributed": "could be attributed to nothing",
}
"""How the sentence tells a line of the account, in the order of the account."""

TELLING = 0.1
"""Of all energy: what no function spent by itself says little of where it went."""
EVERYTHING = 0.9
"""Of what functions spent: what has more below it is what the program starts with."""
ALIKE = 0.98
"""Of what the costliest spent: such functions call each other."""


def verdict(report: Report, glyphs: Glyphs, width: int) -> Text:
    """Return the one sentence: the share, the total with its interval, and the outermost stage that took most.

    What that stage took follows where the line has room for it, in the same unit. A line of the account that is larger
    than that stage comes first: that is where most went.
    """
    whole = report.measured
    if not report.domains:
        return Text.assemble(("energyprof ", "dim"), "no power was recorded in this run")
    if whole.energy_j is None:
        return Text.assemble(("energyprof ", "dim"), "no reading covers this run: its energy is not known")
    energy_j, culprit = whole.energy_j, _costliest(report)
    unit = unit_of(energy_j)
    amount = joules_with_bounds(energy_j, whole.low_j, whole.high_j, unit)
    word = sum_word(report)
    amount = amount if word == "measured" else f"{'an' if word[0] in 'aeiou' else 'a'} {word} {amount}"
    if culprit is None or energy_j <= 0:
        why = ": no reading shows what the stages took" if report.stages else ", no stage was recorded"
        return Text.assemble(("energyprof ", "dim"), (glyphs.text(amount), "bold"), why)
    function = _costliest_function(report)
    if function is not None:
        return _function_sentence(function, energy_j, amount, glyphs, width)
    row, total = culprit
    share = glyphs.text(percent(total.energy_j / energy_j, 0))
    name = fit_path((row.name,), 40 if width >= WIDE else 24, glyphs)
    line, line_uj = _largest_line(report)
    if line_uj > max(total.energy_uj, _largest_joint_uj(report)):
        small = total.energy_j < SMALLEST_TOLD * unit[1]
        took = joules_with_bounds(total.energy_j, *total.bounds_j, None if small else unit)
        most = (
            ("of the stages ", name, f" took most: {share}") if _are_several(report) else ("", name, f" took {share}")
        )
        return Text.assemble(
            ("energyprof ", "dim"),
            (glyphs.text(percent(line_uj / 1e6 / energy_j, 0)), "bold"),
            glyphs.text(f" of {amount} {LINES[line]}; {most[0]}"),
            (most[1], "bold"),
            f"{most[2]}, {glyphs.text(took)}",
        )
    said = glyphs.text(f" of {amount} went into ")
    told = joules_with_bounds(total.energy_j, *total.bounds_j, unit)
    is_whole = told == joules_with_bounds(energy_j, whole.low_j, whole.high_j, unit)
    detail = glyphs.text(f": {told}")
    sentence = Text.assemble(("energyprof ", "dim"), (share, "bold"), said, (name, "bold"))
    is_told = not is_whole and total.energy_j >= SMALLEST_TOLD * unit[1] and sentence.cell_len + len(detail) <= width
    return sentence.append(detail) if is_told else sentence


def verdict_sentence(report: Report) -> str:
    """Return the one sentence without the name of this program; empty: nothing shows where the energy went."""
    if not report.measured.energy_j or (_costliest(report) is None and _costliest_function(report) is None):
        return ""
    return verdict(report, Glyphs(unicode=True), 200).plain.removeprefix("energyprof ")


def _function_sentence(found: FunctionRow, energy_j: float, amount: str, glyphs: Glyphs, width: int) -> Text:
    """Return the sentence of a run of which nothing but sampled functions is known."""
    of_itself = _is_telling(found, energy_j)
    spent_j = (found.energy_j if of_itself else found.total_j) or 0.0
    name = fit_path((shown_name(found.function, found.file),), 40 if width >= WIDE else 24, glyphs)
    share, said = glyphs.text(percent(spent_j / energy_j, 0)), glyphs.text(f" of {amount} went into ")
    what = " itself" if of_itself else " and what it calls"
    sentence = Text.assemble(("energyprof ", "dim"), (share, "bold"), said, (name, "bold"), what)
    place = glyphs.name(shown_place(found.file))
    for more in (f" ({place})" if place and place != name else "", ", by samples"):
        if sentence.cell_len + cell_len(more) <= width:
            sentence.append(more)
    return sentence


def run_line(report: Report, glyphs: Glyphs) -> str:
    """Return which run it was: command, length, how it ended, mean power."""
    run = report.run
    facts = [fit_command(program_name(run.command), 60, glyphs), seconds(run.wall_s)]
    if run.exit_code is None:
        facts.append("imported" if "imported" in run.versions else "its end was not seen")
    elif run.exit_code < 0:
        facts.append(f"ended by {_signal_name(-run.exit_code)}")
    elif run.exit_code > 0:
        facts.append(f"exit status {run.exit_code}")
    if report.mean_power_w:
        facts.append(f"mean {watts(report.mean_power_w)}")
    return glyphs.text(" \u00b7 ".join(facts))


def ranking_line(report: Report, glyphs: Glyphs) -> str | None:
    """Return which of the two costliest stages took more and how sure that is; None: nothing tells them apart for sure.

    Of several domains, the one that took most is told of; outermost stages come before what is inside them.
    """
    told = {row.domain: row for row in reversed(report.rankings) if row.of == "self"}
    told |= {row.domain: row for row in reversed(report.rankings) if row.of == "total"}
    measured = {row.domain: row.measured_j or 0.0 for row in report.ledger if row.domain in counted_domains(report)}
    best = max(measured, key=lambda domain: measured[domain], default=None)
    if best not in told or told[best].probability < SURE_FROM:
        return None
    row, names = told[best], {stage.stage: stage.name for stage in report.stages}
    more, less = (fit_path((names[stage],), 24, glyphs) for stage in (row.more, row.less))
    sure = percent(row.probability, 0) if row.probability < SURE_UNTIL else f"more than {percent(0.99, 0)}"
    where = f" on {glyphs.name(row.domain)}" if len(report.domains) > 1 else ""
    own = " by itself" if row.of == "self" else ""
    return f"{more} costs more{own} than {less}{where}, {glyphs.text(sure)} sure"


def trust_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield the lines that say what is modelled or not known; a run whose domains are all measured needs none."""
    unread = unread_domains(report)
    if unread:
        names = ", ".join(map(glyphs.name, unread))
        yield f"{names}: not read in this run, its energy is unknown and in no figure below"
    modelled = [row for row in report.domains if row.provenance == MODEL]
    if modelled and len(modelled) == len(report.domains):
        yield f"{MODEL}: no power sensor was read, every figure below is an estimate"
    elif modelled:
        sensed = [row for row in report.domains if row.provenance != MODEL]
        measured, estimated = (", ".join(glyphs.name(row.domain) for row in rows) for rows in (sensed, modelled))
        yield f"{measured} measured, {estimated} {MODEL}: sums of both are partly estimated"


def _largest_line(report: Report) -> tuple[str, int]:
    """Return the line of the account besides stages that has most, and its microjoules."""
    account = ledger(report)
    parts_uj = (account.idle_uj, account.outside_uj, account.others_uj, account.unattributed_uj)
    return max(zip(LINES, parts_uj, strict=True), key=lambda line: line[1])


def _largest_joint_uj(report: Report) -> int:
    """Return what the costliest stages took that cannot be told apart: one of them may have taken most."""
    counted = counted_domains(report)
    return max((microjoules(row.energy_j) for row in report.unsplit if row.domain in counted), default=0)


def _are_several(report: Report) -> bool:
    """Return whether more than one outermost stage was recorded."""
    return sum(row.parent is None for row in report.stages) > 1


def _costliest(report: Report) -> tuple[StageRow, Known] | None:
    """Return the outermost stage that took most, of those of which that is known; None: of none."""
    counted = counted_domains(report)
    alone = {(row.domain, row.members[0]): row for row in report.unsplit if len(row.members) == 1}
    inner = {row.parent for row in report.stages}
    best: tuple[StageRow, Known] | None = None
    for row in report.stages:
        if row.parent is not None or (report.repeat is not None and row.stage == report.repeat.stage):
            continue
        # What only its own name is refused for is its own all the same; with stages below it may be theirs as well.
        mine = [
            _joint(energy, alone[energy.domain, row.stage])
            if energy.energy_j is None and row.stage not in inner and (energy.domain, row.stage) in alone
            else energy
            for energy in row.total_energy
        ]
        total = known(mine, counted)
        if total.nothing or (total.refused and total.energy_uj <= 0):
            continue
        if best is None or (-total.energy_uj, row.stage) < (-best[1].energy_uj, best[0].stage):
            best = row, total
    return best


def _costliest_function(report: Report) -> FunctionRow | None:
    """Return the function that took most where nothing else has a name; None: there are stages or layers.

    That is what spent most by itself, if that tells much; else what spent most with all it calls, but for what
    everything goes through, and of several that call each other what was written for this program.
    """
    is_bare = len(report.stages) == 1 and report.stages[0].kind == "program"
    rows = shown_functions(report) if is_bare else []
    if not rows or not report.measured.energy_j or _is_telling(rows[0], report.measured.energy_j):
        return rows[0] if rows else None
    divided_j = sum(row.energy_j or 0.0 for row in rows)
    inner = [row for row in report.functions if 0 < (row.total_j or 0.0) < EVERYTHING * divided_j]
    most_j = max((row.total_j or 0.0 for row in inner), default=0.0)
    alike = [row for row in inner if (row.total_j or 0.0) >= ALIKE * most_j]
    return min(
        alike,
        key=lambda row: (is_installed(row.file), -(row.total_j or 0.0), row.function, row.file, row.line),
        default=rows[0],
    )


def _is_telling(row: FunctionRow, energy_j: float) -> bool:
    """Return whether what a function spent itself says where the energy of the run went."""
    return (row.energy_j or 0.0) >= TELLING * energy_j


def _joint(energy: EnergyRow, row: UnsplitRow) -> EnergyRow:
    return replace(energy, energy_j=row.energy_j, low_j=row.low_j, high_j=row.high_j)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
