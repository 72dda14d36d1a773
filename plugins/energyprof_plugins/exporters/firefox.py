"""The run as a profile of the Firefox Profiler: stages as a call tree and as markers, power in tracks of its own.

It is a processed profile of version 70 (newer viewers upgrade it on load), as `@firefox-devtools/profiler-cli` 0.10.0
reads it. A power counter counts picowatt-hours since the sample before; what the readings leave open counts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Literal

from energyprof.interfaces import RenderContext
from energyprof.model.power_series import PowerSeries
from energyprof.model.report import Report
from energyprof.model.trace import Trace
from energyprof_plugins.exporters.firefox_tables import StackTables, stretches
from energyprof_plugins.exporters.footprint_note import footprint_note
from energyprof_plugins.exporters.span_timeline import (
    MOST_POINTS,
    MOST_SPANS,
    TimelineSpan,
    Track,
    laid_out,
    said_of_cut,
    shown_rows,
    tracks,
)
from energyprof_plugins.exporters.visible import program_name, visible

VERSION: Final = 70
JOULES_PER_PWH: Final = 3.6e-9
CATEGORIES: Final = [
    {"name": "Stage", "color": "blue", "subcategories": ["Other"]},
    {"name": "Other", "color": "grey", "subcategories": ["Other"]},
]
MARKERS: Final = [
    {
        "name": "Stage",
        "display": ["marker-chart", "marker-table", "timeline-overview"],
        "chartLabel": "{marker.data.name}",
        "tableLabel": "{marker.data.name}",
        "tooltipLabel": "{marker.data.name}",
        "fields": [
            {"key": "name", "label": "Stage", "format": "string"},
            {"key": "stage", "label": "Path", "format": "string"},
        ],
    }
]
"""What the viewer shows of each span."""


class Firefox:
    """Write the spans of every thread, and the power of every domain."""

    name = "firefox"
    suffix = ".firefox.json"
    summary = "spans, call tree and native power tracks; https://profiler.firefox.com opens it"
    shows_time: Literal[True] = True

    def __init__(self, most_spans: int = MOST_SPANS) -> None:
        self._most_spans = most_spans

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the document, ASCII only; raises LookupError without a trace."""
        trace, series = context.trace(), context.power()
        rows = shown_rows(trace, self._most_spans)
        tables = StackTables(trace)
        found = tracks(trace) or [Track(-1, 0, visible(program_name(report.run.command)), "main thread", True)]
        threads = [_thread(track, list(laid_out(trace, track.lane, rows)), tables, trace) for track in found]
        main = next((place for place, track in enumerate(found) if track.is_main), 0)
        document = {
            "meta": _meta(report, trace, said_of_cut(trace, len(rows))),
            "libs": [],
            "pages": [],
            "counters": [_counter(one.at_most(MOST_POINTS), found[main].pid, main) for one in series],
            "shared": tables.document(),
            "threads": threads,
        }
        return f"{json.dumps(document, allow_nan=False)}\n"


def _meta(report: Report, trace: Trace, cut: str) -> dict[str, Any]:
    program = visible(program_name(report.run.command))
    return {
        "interval": 1,
        "startTime": trace.run.start_unix_ns / 1e6,
        "profilingStartTime": 0,
        "profilingEndTime": max(trace.run.end_ns - trace.run.start_ns, 0) / 1e6,
        "processType": 0,
        "product": f"{program} ({cut})" if cut else program,
        "importedFrom": f"energyprof {visible(report.run.versions.get('energyprof', ''))}",
        "stackwalk": 0,
        "version": 31,
        "preprocessedProfileVersion": VERSION,
        "symbolicated": True,
        "usesOnlyOneStackType": True,
        "doesNotUseFrameImplementation": True,
        "sourceCodeIsNotOnSearchfox": True,
        "keepProfileThreadOrder": True,
        "categories": CATEGORIES,
        "markerSchema": MARKERS,
        **_footprint(report),
    }


def _footprint(report: Report) -> dict[str, Any]:
    """Return the grid by which the viewer tells CO2e of a selection, and a line for its panel of facts."""
    note = footprint_note(report)
    if report.footprint is None or not note:
        return {}
    assumed = report.footprint.assumptions
    entry = {"label": "CO2e and cost", "format": "string", "value": note}
    found: dict[str, Any] = {"extra": [{"label": "Footprint", "entries": [entry]}]}
    if assumed.grid is not None:
        found["gramsOfCO2ePerKWh"] = assumed.grid.g_per_kwh * (1.0 if assumed.pue is None else assumed.pue.value)
    return found


def _thread(track: Track, spans: Sequence[TimelineSpan], tables: StackTables, trace: Trace) -> dict[str, Any]:
    samples = list(stretches(spans))
    stacks = [tables.stack(stages) for _, _, stages in samples]
    return {
        "processType": "default",
        "processStartupTime": 0,
        "processShutdownTime": None,
        "registerTime": 0,
        "unregisterTime": None,
        "pausedRanges": [],
        "name": track.name,
        "isMainThread": track.is_main,
        "processName": track.process,
        "pid": str(track.pid),
        "tid": track.lane + 1,
        "samples": {
            "length": len(samples),
            "stack": stacks,
            "time": [start_ns / 1e6 for start_ns, _, _ in samples],
            "weight": [(end_ns - start_ns) / 1e6 for start_ns, end_ns, _ in samples],
            "weightType": "tracing-ms",
        },
        "markers": {
            "length": len(spans),
            "name": [tables.name(span.stage) for span in spans],
            "startTime": [span.start_ns / 1e6 for span in spans],
            "endTime": [span.end_ns / 1e6 for span in spans],
            "phase": [1] * len(spans),
            "category": [0] * len(spans),
            "data": [
                {"type": "Stage", "name": tables.text(span.stage), "stage": visible(trace.stages[span.stage].id)}
                for span in spans
            ],
        },
    }


def _counter(series: PowerSeries, pid: int, thread: int) -> dict[str, Any]:
    """Return a power track: a sample of nothing where a stretch begins after a gap, else the energy up to its end."""
    time: list[float] = []
    count: list[float] = []
    rows = zip(series.start_ns.tolist(), series.end_ns.tolist(), series.energy_j.tolist(), strict=True)
    last_ns = -1
    for start_ns, end_ns, energy_j in rows:
        if start_ns > last_ns:
            time.append(start_ns / 1e6)
            count.append(0)
        time.append(end_ns / 1e6)
        count.append(energy_j / JOULES_PER_PWH)
        last_ns = end_ns
    name = visible(series.domain.id)
    how = "estimated (model)" if series.domain.provenance == "model" else "measured"
    gaps = len(series.gaps_ns())
    unknown = f"; {gaps} {'gap' if gaps == 1 else 'gaps'} without readings counted as nothing" if gaps else ""
    return {
        "name": name,
        "category": "power",
        "description": f"{how}, {visible(series.domain.source)}{unknown}",
        "pid": str(pid),
        "mainThreadIndex": thread,
        "samples": {"length": len(time), "time": time, "count": count},
        "display": _display(name),
    }


def _display(name: str) -> dict[str, Any]:
    shown = [
        ("Power", "count", "power", "power"),
        ("Energy used in the current selection", "selection-total", "energy", "power-energy-preview"),
        ("Average power in the current selection", "selection-rate", "power", "power-average-preview"),
        ("Energy used in the visible range", "committed-range-total", "energy", "power-energy-range"),
    ]
    rows: list[dict[str, Any]] = []
    for label, source, scale, key in shown:
        wish = {"unit": "number", "co2": "per-watthour", "scale": scale}
        rows.append({"type": "value", "source": source, "format": wish, "label": label, "labelKey": key})
        if source.startswith("selection"):
            rows[-1]["requiresPreviewSelection"] = True
    return {
        "graphType": "line-rate",
        "unit": "pWh",
        "color": "grey",
        "markerSchemaLocation": None,
        "sortWeight": 30,
        "label": name,
        "tooltipRows": rows,
    }
