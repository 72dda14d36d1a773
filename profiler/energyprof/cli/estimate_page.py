"""What `energyprof estimate` prints: a page for people, and a document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from energyprof.cli.fitted_table import beside, fitted_table
from energyprof.footprint import strubell, training
from energyprof.footprint.accelerators import Accelerator
from energyprof.footprint.dtype_peaks import shipped_peaks
from energyprof.footprint.estimate import Estimate
from energyprof.footprint.strubell import Reproduced
from energyprof.model import amounts
from energyprof.model.footprint_document import footprint_document, range_document
from energyprof.model.footprint_text import footprint_lines
from energyprof.model.line_breaks import wrapped
from energyprof.model.range import Range

SCHEMA = "energyprof-estimate/1"
PROVENANCE = "estimated (model)"
HARDWARE_KEY = (
    "board: its rated power in W; TFLOP/s: its peak with numbers of 16 bits, those of others are in --format json; W: "
    "mean power of one with its share of the host, by which an estimate goes"
)
UNCHECKED_KEY = (
    "* the board's, ^ the operations' figure was read neither on its maker's page nor in text of others: not checked"
)


def page(found: Estimate, width: int) -> str:
    """Return the estimate for people."""
    lines = [*wrapped(f"{PROVENANCE}: worked out from a description, nothing was measured", width), ""]
    lines += wrapped(_heading(found), width)
    rows = [
        ("power", amounts.power(found.power_w), found.power_basis),
        *_work_rows(found),
        *footprint_lines(found.footprint, pue_basis=_pue_basis(found)),
    ]
    rent = "not known" if found.rent_usd is None else amounts.money(found.rent_usd, "USD")
    rows.append(("rent", rent, found.rent_basis))
    lines += _table(rows, width)
    lines += ["", *wrapped(_bounds_said(found), width)]
    return "".join(f"{line}\n" for line in lines)


def document(found: Estimate) -> str:
    """Return the estimate as JSON, schema `energyprof-estimate/1`; energies in joules, masses in grams."""
    described = found.description
    accelerator = described.accelerator
    content: dict[str, Any] = {  # JSON
        "schema": SCHEMA,
        "provenance": PROVENANCE,
        "formula": "energy = PUE * duration * (p_cpu + p_dram + g * p_gpu)",
        "hardware": None if accelerator is None else {"name": accelerator.name, "source": accelerator.source},
        "count": found.count,
        "dtype": described.dtype,
        "device_hours": range_document(found.work.device_hours),
        "hours": range_document(found.hours),
        "flops": found.work.flops,
        "utilisation": None if found.work.utilisation is None else range_document(found.work.utilisation),
        "power_w": range_document(found.power_w),
        "power_basis": found.power_basis,
        "rent_usd": None if found.rent_usd is None else range_document(found.rent_usd),
        "rent_basis": found.rent_basis,
        **footprint_document(found.footprint),
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def reproduction_page(rows: Iterable[Reproduced], width: int) -> str:
    """Return the rows of the paper's table beside what comes out here."""
    lines = [
        *wrapped(f"{strubell.SOURCE}: printed there -> worked out here", width),
        *wrapped(f"kWh = {strubell.PUE} * hours * W / 1000, CO2e = {strubell.LB_PER_KWH} lb * kWh", width),
        "",
    ]
    told, notes = [], []
    for done in rows:
        row = done.row
        mark = ""
        if row.reason:
            notes.append(row.reason)
            mark = "*" * len(notes)
        hardware = f"{row.accelerator.removesuffix('-PCIE').removesuffix('-SXM2')} x{row.count}"
        watts = "-" if row.power_w is None else f"{row.power_w:.2f}"
        kwh, pounds = _beside(row.kwh, done.kwh), _beside(row.lb, done.lb)
        usd = f"{_span(*row.usd)} -> {_span(*done.usd)}"
        told.append((row.model, hardware, watts, f"{row.hours:.0f}{mark}", kwh, pounds, usd))
    heads = ("model", "hardware", "W", "h", "kWh", "CO2e, lb", "cloud USD")
    lines += [*fitted_table(heads, told, width, right=(2, 3), named_by=2), ""]
    for place, note in enumerate(notes):
        lines += wrapped(note, width, f"{'*' * (place + 1)} ", "  ")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def reproduction_document(rows: Iterable[Reproduced]) -> str:
    """Return the same as JSON."""
    told = [
        {
            "model": done.row.model,
            "hardware": done.row.accelerator,
            "count": done.row.count,
            "power_w": done.row.power_w,
            "hours": done.row.hours,
            "hours_used": done.row.hours if done.row.hours_used is None else done.row.hours_used,
            "printed": {"kwh": done.row.kwh, "lb": done.row.lb, "usd": done.row.usd},
            "here": {"kwh": done.kwh, "lb": done.lb, "usd": done.usd},
            "reason": done.row.reason,
        }
        for done in rows
    ]
    return json.dumps({"schema": SCHEMA, "source": strubell.SOURCE, "rows": told}, indent=1, allow_nan=False) + "\n"


def hardware_page(table: Sequence[Accelerator], width: int) -> str:
    """Return the table of accelerators; the source of each stands below it where it does not fit beside."""
    heads = ("name", "year", "board", "TFLOP/s", "W", "source")
    told = [
        (
            one.name,
            str(one.year),
            "-" if one.board_w is None else f"{one.board_w:g}",
            f"{one.peak_flops / 1e12:g}",
            "-" if one.power_w is None else _plain_watts(one.power_w),
        )
        for one in table
    ]
    sources = [f"{one.source}{_unchecked(one)}" for one in table]
    lines = beside([heads, *((*row, source) for row, source in zip(told, sources, strict=True))], width, right=(2, 3))
    if not lines:
        first, *rows = beside([heads[:-1], *told], width, right=(2, 3))
        below = (wrapped(source, width, "  ", "  ") for source in sources)
        lines = [first, *(line for row, source in zip(rows, below, strict=True) for line in (row, *source))]
    lines += [*wrapped(HARDWARE_KEY, width), *wrapped(UNCHECKED_KEY, width)]
    return "".join(f"{line}\n" for line in lines)


def _unchecked(one: Accelerator) -> str:
    marks = "".join(
        mark
        for mark, figure in (("*", "board"), ("^", "peak"))
        if figure not in one.seen and not (mark == "*" and one.board_w is None)
    )
    return f" {marks}" if marks else ""


def hardware_document(table: Iterable[Accelerator]) -> str:
    """Return the table of accelerators as JSON."""
    by_dtype = shipped_peaks()
    rows = [
        {
            "name": one.name,
            "year": one.year,
            "board_w": one.board_w,
            "peak_flops": one.peak_flops,
            "peak_flops_by_dtype": by_dtype.get(one.name, {}),
            "power_w": None if one.power_w is None else range_document(one.power_w),
            "power_basis": one.power_basis,
            "usd_per_hour": one.usd_per_hour,
            "price_year": one.price_year,
            "source": one.source,
            "further": one.further,
            "seen": one.seen,
        }
        for one in table
    ]
    return json.dumps({"schema": SCHEMA, "accelerators": rows}, indent=1, allow_nan=False) + "\n"


def _heading(found: Estimate) -> str:
    described = found.description
    name = "one system" if described.accelerator is None else f"{found.count} x {described.accelerator.name}"
    if found.work.flops is None:
        return f"{name} for {amounts.count(found.hours)} h"
    assert described.parameters is not None  # else there would be no operations
    assert described.tokens is not None
    return f"{name}: {_scaled(described.parameters)} parameters, {_scaled(described.tokens)} tokens"


def _work_rows(found: Estimate) -> Iterable[tuple[str, str, str]]:
    if found.work.flops is not None and found.work.utilisation is not None:
        given = found.description.utilisation is not None
        basis = "as given" if given else training.UTILISATION_SOURCE
        dtype = found.description.dtype
        of_type = "" if dtype is None else f", in {dtype}"
        yield "operations", f"{found.work.flops:.3g} FLOP{of_type}", "6 * parameters * tokens (arXiv 2001.08361)"
        yield "utilisation", amounts.with_bounds(found.work.utilisation, lambda part: f"{part * 100:.3g} %"), basis
        yield "duration", f"{amounts.count(found.hours)} h", f"with {found.count} of them at once"
    if found.count > 1:
        yield "device time", f"{amounts.count(found.work.device_hours)} h", "hours times accelerators"


def _pue_basis(found: Estimate) -> str:
    origins = dict(found.footprint.assumptions.origins)
    return origins.get("pue", training.PUE_SOURCE)


def _bounds_said(found: Estimate) -> str:
    if found.footprint.facility_j.is_exact:
        return "No bounds: every figure was given as if it were exact."
    return (
        "In brackets: every assumption at its lower, and every one at its upper end. "
        "A measured run of the same program tells more: energyprof run SCRIPT."
    )


def _table(rows: Iterable[tuple[str, str, str]], width: int) -> list[str]:
    lines = []
    for name, figure, basis in rows:
        lines += wrapped(figure, width, f"  {name:11} ", " " * 16)
        lines += wrapped(basis, width, " " * 16, " " * 16)
    return lines


def _beside(printed: float | None, here: float | None) -> str:
    if printed is None or here is None:
        return "-"
    return f"{_thousands(printed)} -> {_thousands(here)}"


def _span(low: float, high: float) -> str:
    return f"{_thousands(low)} to {_thousands(high)}"


def _thousands(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _plain_watts(power_w: Range) -> str:
    return amounts.with_bounds(power_w, lambda watts: f"{watts:.0f}")


def _scaled(value: float) -> str:
    return amounts.in_units(Range.exactly(value), (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0))).strip()
