"""The ledger, the sensors and the profiler's own cost, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.attribution import COURSE_BY_SAMPLES
from energyprof.model.report import DomainRow, Overhead, Report
from energyprof_plugins.exporters.account import Ledger, covered_text, ledger, percent_covered, sensed_word
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.figures import (
    MINUS,
    column_unit,
    decimals_for,
    grouped,
    percent,
    rounded_to_add_up,
    seconds,
)

SENSORS_SHOWN = 8
NOTHING: Final = {
    "stages": "in stages",
    "idle": "idle",
    "outside stages": "outside stages",
    "other processes": "to other processes",
    "unattributed": "unattributed",
}
"""How a part of the account is told that nothing was spent in."""
FITTED: Final = "fitted with"
"""The note that says which lag, window and time constant a domain's fit used; other notes are warnings, or in JSON."""


def ledger_lines(report: Report, glyphs: Glyphs, wide: bool) -> Iterator[str]:
    """Yield the account over all domains that count; the parts as printed add up to the sum as printed.

    Parts of which there is nothing are named without a figure.
    """
    account = ledger(report)
    unit, uj_per_unit, decimals = _ledger_unit(account)
    parts_uj = {
        "stages": account.stages_uj,
        "idle": account.idle_uj,
        "outside stages": account.outside_uj,
        "other processes": account.others_uj,
        "unattributed": account.told_unattributed_uj,
    }
    empty = [name for name, part in parts_uj.items() if not part] if any(parts_uj.values()) else []
    parts_uj = {name: part for name, part in parts_uj.items() if name not in empty}
    nothing = f"nothing {_either([NOTHING[name] for name in empty])}" if empty else ""
    shown, total = rounded_to_add_up([part / uj_per_unit for part in parts_uj.values()], decimals)
    spent = _spent(account, sensed_word(report), uj_per_unit, decimals)
    difference = grouped(account.difference_uj / uj_per_unit, decimals if account.difference_uj else 0)
    if wide:
        signed = [f"- {part[1:]}" if part.startswith(MINUS) else f"+ {part}" for part in shown]
        line = " ".join(f"{part} {name}" for part, name in zip(signed, parts_uj, strict=True)).removeprefix("+ ")
        yield glyphs.text(f"ledger  {line}{f', {nothing}' if nothing else ''}")
        yield glyphs.text(f"        = {total} {unit}   {spent} {unit}   difference {difference} {unit}")
    else:
        yield "ledger"
        room = max(map(len, [*shown, total]))
        for part, name in zip(shown, parts_uj, strict=True):
            yield glyphs.text(f"  {part:>{room}} {unit}  {name}")
        if nothing:
            yield f"  {nothing}"
        yield glyphs.text(f"= {total:>{room}} {unit}  {spent} {unit}, difference {difference} {unit}")
    covered = covered_text(report)
    if covered:
        yield glyphs.text(f"        {covered}" if wide else f"  {covered}")


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _ledger_unit(account: Ledger) -> tuple[str, float, int]:
    """Return the unit of the account, its size in microjoules, and the decimals that all its figures have."""
    unit, unit_j = column_unit(max(account.spent_uj, account.stages_uj) / 1e6)
    return unit, unit_j * 1e6, decimals_for(account.spent_uj / 1e6 / unit_j)


def _spent(account: Ledger, sensed: str, uj_per_unit: float, decimals: int) -> str:
    """Return what the parts must add up to; a modelled sum is never called measured, an imported one only on word."""
    sides = {sensed: account.measured_uj, "estimated": account.estimated_uj}
    given = {word: side / uj_per_unit for word, side in sides.items() if side} or {sensed: 0.0}
    shown, _ = rounded_to_add_up(list(given.values()), decimals)
    return " + ".join(f"{word} {side}" for word, side in zip(given, shown, strict=True))


def sensor_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield one line per power domain: its energy, where it comes from and how well it was read."""
    unit, uj_per_unit, decimals = _ledger_unit(ledger(report))
    accounts = {row.domain: row for row in report.ledger}
    for row in report.domains[:SENSORS_SHOWN]:
        account = accounts[row.domain]
        if account.measured_j is None:
            energy = "energy unknown"
        else:
            energy = f"{grouped(account.measured_j * 1e6 / uj_per_unit, decimals)} {unit}"
        facts = [
            f"{glyphs.name(row.domain)} {energy}",
            f"{row.provenance}: {glyphs.name(row.source)}{_error(row)}",
            *_reading(row),
        ]
        if account.covered_share is not None and account.measured_j is not None and covered_text(report):
            facts.append(f"covers {percent_covered(account.covered_share)} of the run")
        if not row.counts and account.measured_j is not None:
            whole = f"part of {glyphs.name(row.parent)}" if row.parent else "contains the others"
            facts.append(f"{whole}, not added")
        if row.timing != "nominal" and row.provenance == "measured":
            facts.append(glyphs.name(row.timing if "probe" in row.timing else f"timing {row.timing}"))
        yield glyphs.text(" \u00b7 ".join(facts))
        told = " \u00b7 ".join(_device(row))
        if told:
            yield glyphs.text(f"  {told}")
        for note in row.notes:
            if note.startswith(FITTED):
                yield glyphs.text(f"  {note}")
    if len(report.domains) > SENSORS_SHOWN:
        yield f"+ {len(report.domains) - SENSORS_SHOWN} more domains"


_SHOWN: Final = {
    "power_limit_w": ("limit {} W", 1.0, 0),
    "sm_clock_hz": ("clock {} GHz", 1e9, 2),
    "clock_hz": ("clock {} GHz", 1e9, 2),
    "temperature_c": ("{} \u00b0C", 1.0, 0),
}


def _device(row: DomainRow) -> Iterator[str]:
    """Yield what explains the power of a device: its limit, whether its clock was lowered, how warm it was."""
    for name, (text, unit, decimals) in _SHOWN.items():
        figure = row.facts.get(name)
        if figure is not None:
            least, most = (grouped(figure[key] / unit, decimals) for key in ("min", "max"))
            yield text.format(most if least == most else f"{least} to {most}")


def overhead_line(report: Report) -> str:
    """Return what the profiler cost the program and the machine."""
    cost = report.overhead
    spans = f"{grouped(cost.spans)} span{'' if cost.spans == 1 else 's'}"
    return (
        f"overhead  {percent(cost.share)} of the time for {spans}{_governed(cost)} \u00b7 "
        f"collector {seconds(cost.collector_s)} CPU \u00b7 sampling {percent(cost.sampler_share, 2)} of a core"
    )


def _governed(cost: Overhead) -> str:
    """Return what was done to keep the bound; nothing where nothing was."""
    done = []
    if cost.folded:
        done.append(f"{grouped(cost.folded)} too short layers folded")
    if cost.steps_share < 1:
        done.append(f"layers recorded in {percent(cost.steps_share)} of the calls")
    if cost.bound_share is None or not done:
        return ""
    return f" (kept below {percent(cost.bound_share)}: {', '.join(done)})"


def _error(row: DomainRow) -> str:
    below, above = row.gain_error
    if not below and not above:
        return ""
    whose = "the model's error" if row.provenance == "estimated (model)" else "the sensor's error"
    if below == above:
        return f", {whose} \u00b1{percent(above, 0)}"
    return f", {whose} {MINUS}{percent(below, 0)} to +{percent(above, 0)}"


def _reading(row: DomainRow) -> Iterator[str]:
    if row.period_s is not None:
        achieved_hz = row.achieved_hz if row.provenance == "measured" else None
        read = f", read every {seconds(1 / achieved_hz)}" if achieved_hz else ""
        if achieved_hz and any(note.startswith(COURSE_BY_SAMPLES) for note in row.notes):
            yield f"counter {achieved_hz:.2g} Hz, its course by samples of {seconds(row.period_s)}"
        else:
            yield f"every {seconds(row.period_s)}{read}"
    if row.failures:
        yield f"{grouped(row.failures)} of {grouped(row.reads)} reads failed"
