"""What a probe has found, for `doctor`: as JSON-ready values, and as a block of the page for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from energyprof.probe.record import Record

_LOADS = {"cpu": "busy processors", "cuda": "matrix products on the GPU"}


def probe_row(record: Record) -> dict[str, Any]:
    """Return everything that is kept of one domain, times in seconds, None where it is not known."""
    return {
        "device": record.identity.device,
        "cpu": record.identity.cpu,
        "energyprof": record.energyprof,
        "date": record.date,
        "duration_s": record.duration_s or None,
        "reads": record.reads,
        "failures": record.failures,
        "period_s": _seconds(record.period_ns),
        "period_error_s": _seconds(record.period_error_ns),
        "is_regular": record.is_regular,
        "quantum": record.quantum,
        "call_p50_s": _seconds(record.call_p50_ns),
        "call_p99_s": _seconds(record.call_p99_ns),
        "compared_with": record.compared_with or None,
        "difference": record.difference,
        "difference_error": record.difference_error,
        "load_date": record.load_date or None,
        "load": record.load or None,
        "response": record.response or None,
        "lag_s": _bounds(record.lag_ns),
        "window_s": _seconds(record.window_ns),
        "window_range_s": _bounds(record.window_range_ns),
        "time_constant_s": _seconds(record.response_ns),
        "swing_w": record.swing_w,
        "explained": record.explained,
        "remarks": list(record.remarks),
    }


def probe_facts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what to print of such a row: (what, figure)."""
    yield "updates every", _period(row)
    unit = "J" if row["quantity"] == "energy" else "W"
    yield "smallest step", "never moved" if row["quantum"] is None else f"{row['quantum']:.3g} {unit}"
    yield "a call takes", f"{duration(row['call_p50_s'])} (99 % under {duration(row['call_p99_s'])})"
    if row["quantity"] == "energy":
        yield "counter", _agreement(row)
    yield from _response(row)
    listened = f" in {row['duration_s']:.3g} s" if row["duration_s"] else ""
    failed = f", {row['failures']} failed" if row["failures"] else ""
    yield "made", f"{row['date']} by energyprof {row['energyprof']}: {row['reads']} reads{listened}{failed}"
    yield from (("remark", text) for text in row["remarks"])
    yield "kept in", row["kept"] or "nowhere: the cache folder cannot be written"


def duration(t_s: float | None) -> str:
    """Return a duration with a fitting unit and three digits; a dash for an unknown one."""
    if t_s is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if t_s >= size:
            return f"{t_s / size:.3g} {unit}"
    return f"{t_s * 1e9:.3g} ns" if t_s else "0 s"


def _period(row: Mapping[str, Any]) -> str:
    if row["period_s"] is not None:
        irregular = "" if row["is_regular"] else ", irregular"
        return f"{duration(row['period_s'])} \u00b1 {duration(row['period_error_s'])}{irregular}"
    is_faster = row.get("faster_than_reads")
    return "shorter than the time between reads" if is_faster else "not known: too few updates, or as many as reads"


def _agreement(row: Mapping[str, Any]) -> str:
    if row["difference"] is None:
        return "not compared: no power of the same device was read beside it"
    return f"{row['difference']:+.1%} \u00b1 {row['difference_error']:.1%} against the power of {row['compared_with']}"


def _response(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if row["lag_s"] is None:
        yield "lag, window", "not known; they show under a load: energyprof doctor --probe --load"
        return
    yield "shows it after", " to ".join(duration(t_s) for t_s in row["lag_s"])
    if row["time_constant_s"] is not None:
        low, high = (duration(t_s / 2) for t_s in row["window_range_s"])
        yield "time constant", f"{duration(row['time_constant_s'])} ({low} to {high}), a first-order response"
    elif row["window_s"] is not None:
        low, high = (duration(t_s) for t_s in row["window_range_s"])
        yield "averages over", f"{duration(row['window_s'])} ({low} to {high})"
    load = _LOADS.get(row["load"] or "", "a load")
    swing = "" if row["swing_w"] is None else f", which added {row['swing_w']:.3g} W"
    fit = "" if row["explained"] is None else f" and explain {row['explained']:.0%} of what was read"
    yield "found with", f"{load}{swing}{fit} ({row['load_date']})"


def _bounds(bounds_ns: tuple[int, int] | None) -> list[float] | None:
    return None if bounds_ns is None else [t_ns / 1e9 for t_ns in bounds_ns]


def _seconds(t_ns: int | None) -> float | None:
    return None if t_ns is None else t_ns / 1e9
