"""The run as Chrome's trace events: spans on their threads, power as counters; Perfetto and chrome://tracing open it.

Times are microseconds with three decimals, written from whole nanoseconds: where floats make a child stick out of its
parent by less than one, Perfetto reports an import error and drops slices (seen with its UI v52). The format is
described in https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU ("Trace Event Format").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Literal

from energyprof.interfaces import RenderContext
from energyprof.model.ids import StageId
from energyprof.model.power_series import PowerSeries
from energyprof.model.report import Report, StageRow
from energyprof.model.trace import Trace
from energyprof_plugins.exporters.footprint_note import footprint_note
from energyprof_plugins.exporters.span_timeline import (
    MOST_POINTS,
    MOST_SPANS,
    laid_out,
    said_of_cut,
    shown_rows,
    tracks,
)
from energyprof_plugins.exporters.visible import program_name, visible


class ChromeTrace:
    """Write spans, each with what a call of its stage takes on average, and the power of every domain in watts."""

    name = "chrome"
    suffix = ".trace.json"
    summary = "spans and power over time; https://ui.perfetto.dev and chrome://tracing open it"
    shows_time: Literal[True] = True

    def __init__(self, most_spans: int = MOST_SPANS) -> None:
        self._most_spans = most_spans

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the document, ASCII only, an event a line; raises LookupError without a trace."""
        trace, series = context.trace(), context.power()
        rows = shown_rows(trace, self._most_spans)
        cut = said_of_cut(trace, len(rows))
        facts = {
            "program": visible(program_name(report.run.command)),
            "start": report.run.start,
            "exporter": f"energyprof {visible(report.run.versions.get('energyprof', ''))}",
            "power": "mean of each stretch between two updates of the sensor; a model's where it says so",
            "spans": cut or "all",
        }
        facts |= {"footprint": note} if (note := footprint_note(report)) else {}
        stages = [(json.dumps(visible(stage.name)), stage.id) for stage in trace.stages]
        told = _told(report)
        lines = [*_names(trace, series, cut), *_power(trace, series)]
        for track in tracks(trace):
            for span in laid_out(trace, track.lane, rows):
                name, stage = stages[span.stage]
                lines.append(
                    f'{{"ph":"X","pid":{track.pid},"tid":{track.lane + 1},"ts":{_us(span.start_ns)},'
                    f'"dur":{_us(span.end_ns - span.start_ns)},"name":{name},"cat":"stage"{told.get(stage, "")}}}'
                )
        body = ",\n".join(lines)
        return f'{{"displayTimeUnit":"ms","otherData":{json.dumps(facts)},"traceEvents":[\n{body}\n]}}\n'


def _us(t_ns: int) -> str:
    return f"{t_ns // 1000}.{t_ns % 1000:03d}"


def _names(trace: Trace, series: Sequence[PowerSeries], cut: str) -> Iterator[str]:
    """Yield what the tracks are called: processes once, threads in the order of their lanes."""
    seen = set()
    for track in tracks(trace):
        if track.pid not in seen:
            seen.add(track.pid)
            yield _meta("process_name", track.pid, 0, name=track.process)
            if cut:
                yield _meta("process_labels", track.pid, 0, labels=cut)
        yield _meta("thread_name", track.pid, track.lane + 1, name=track.name)
        yield _meta("thread_sort_index", track.pid, track.lane + 1, sort_index=track.lane + 1)
    if series:
        yield _meta("process_name", _power_pid(trace), 0, name="power")
        yield _meta("process_sort_index", _power_pid(trace), 0, sort_index=-1)


def _power_pid(trace: Trace) -> int:
    """Return a number that no process has: Perfetto hangs counters on a process."""
    return int(max(trace.lanes.pid.tolist(), default=0)) + 1


def _power(trace: Trace, series: Sequence[PowerSeries]) -> Iterator[str]:
    """Yield the power of each domain; a counter has no way to say that nothing is known, so gaps are slices."""
    pid = _power_pid(trace)
    for place, full in enumerate(series):
        shown = full.at_most(MOST_POINTS)
        domain = visible(shown.domain.id)
        name = json.dumps(f"{domain} ({'estimated, ' if shown.domain.provenance == 'model' else ''}W)")
        for start_ns, power_w in zip(shown.start_ns.tolist(), shown.power_w().tolist(), strict=True):
            yield f'{{"ph":"C","pid":{pid},"ts":{_us(start_ns)},"name":{name},"args":{{"W":{_short(power_w)}}}}}'
        gaps = shown.gaps_ns()
        if gaps:
            yield _meta("thread_name", pid, place + 1, name=f"{domain}: not known")
        for start_ns, end_ns in gaps:
            yield (
                f'{{"ph":"X","pid":{pid},"tid":{place + 1},"ts":{_us(start_ns)},"dur":{_us(end_ns - start_ns)},'
                f'"name":"no reading: the counter shows the power before","cat":"gap"}}'
            )


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _meta(event: str, pid: int, tid: int, /, **args: str | int) -> str:
    return json.dumps({"ph": "M", "pid": pid, "tid": tid, "ts": 0, "name": event, "args": args})


def _told(report: Report) -> dict[StageId, str]:
    """Return what is written with each span of a stage: the mean of a call, for a single one is not known."""
    return {row.stage: _arguments(row) for row in report.stages}


def _arguments(row: StageRow) -> str:
    total = row.total_sum
    if total.energy_j is None:
        return f',"args":{{"stage_energy":"not known","calls":{row.calls}}}'
    each = f'"mean_J_per_call":{_short(total.energy_j / row.calls)},' if row.calls else ""
    how = json.dumps(total.provenance)
    return f',"args":{{{each}"stage_J":{_short(total.energy_j)},"calls":{row.calls},"how":{how}}}'
