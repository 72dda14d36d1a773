"""A merged run taken apart: what each host's sensors saw was spent by that host's own lanes and processes alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np

from energyprof.attribute.sampled import Sampled
from energyprof.model.hosts import HOST_SHIFT
from energyprof.model.power import ThreadCpu
from energyprof.model.span import Flags, LaneRuns, Spans
from energyprof.model.trace import Trace


def by_host(trace: Trace) -> Mapping[str, Trace]:
    """Return the trace of each host by its name; a run that was not merged is one, without a name.

    Stages and lanes are numbered as in the whole; times stay as they are, each host's run has its own beginning.
    """
    if not trace.hosts:
        return {"": trace}
    return {host.name: _part(trace, number) for number, host in enumerate(trace.hosts)}


def seen_on(seen: Sampled, whole: Trace, part: Trace) -> Sampled:
    """Return the samples of one host's processes, in the same table of functions."""
    if not whole.hosts:
        return seen
    number = next(number for number, host in enumerate(whole.hosts) if host.run is part.run)
    rows = seen.pid >> HOST_SHIFT == number
    place = np.cumsum(rows) - 1
    shift_ns = float(whole.run.start_ns - part.run.start_ns)
    return replace(
        seen,
        start_ns=seen.start_ns[rows] + shift_ns,
        end_ns=seen.end_ns[rows] + shift_ns,
        stage=seen.stage[rows],
        pid=seen.pid[rows],
        tid=seen.tid[rows],
        entry=seen.entry[rows],
        stack=seen.stack[rows],
        above=tuple((place[row[rows[row]]], entry[rows[row]]) for row, entry in seen.above),
        unseen=seen.unseen.of(seen.unseen.pid >> HOST_SHIFT == number, shift_ns),
    )


def _part(trace: Trace, number: int) -> Trace:
    host = trace.hosts[number]
    domains = tuple(domain for domain in trace.domains if domain.host == host.name)
    is_here = trace.lanes.pid >> HOST_SHIFT == number
    runs, cpu = trace.lane_runs, trace.cpu
    run_rows, cpu_rows = is_here[runs.lane], cpu.pid >> HOST_SHIFT == number
    return replace(
        trace,
        run=host.run,
        domains=domains,
        readings={domain.id: trace.readings[domain.id] for domain in domains if domain.id in trace.readings},
        spans=_spans(trace.spans, is_here[trace.spans.lane]),
        lane_runs=LaneRuns(*(getattr(runs, column.name)[run_rows] for column in fields(LaneRuns))),
        cpu=ThreadCpu(*(getattr(cpu, column.name)[cpu_rows] for column in fields(ThreadCpu))),
        host_use=trace.hosts_use[number],
        ranks=tuple(process for process in trace.ranks if process.pid >> HOST_SHIFT == number),
        hosts=(),
        hosts_use=(),
    )


def _spans(spans: Spans, rows: Flags) -> Spans:
    columns = {column.name: getattr(spans, column.name)[rows] for column in fields(Spans)}
    parent, place = columns["parent"], np.cumsum(rows) - 1
    columns["parent"] = np.where(parent >= 0, place[parent], -1).astype(np.int32)
    return Spans(**columns)
