"""Power over time: for each domain the span from least to greatest, the mean, the idle floor; below it open stages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import numpy as np

from energyprof.model.history import PowerEnvelope, PowerHistory, StageBand
from energyprof.model.report import DomainRow, Report
from energyprof.model.span import Floats
from energyprof_plugins.exporters.diagram.palette import heat_step
from energyprof_plugins.exporters.figures import percent, seconds, watts
from energyprof_plugins.exporters.html_page.markup import name, path
from energyprof_plugins.exporters.html_page.section import Section

HEIGHT: Final = 200
"""Units of a chart from 0 W to the most that was seen: finer steps than its pixels."""
BAND: Final = 10
"""Steps in which a band shows how much of a bucket its stage was open."""
MOST_DOMAINS: Final = 12
TICKS: Final = 5
BUTTONS: Final = (
    '<div class=bar id=tl-bar hidden><button data-t=in aria-label="Enlarge time">+</button>'
    '<button data-t=out aria-label="Show more time">\u2212</button><button data-t=left aria-label="Earlier">\u2190'
    '</button><button data-t=right aria-label="Later">\u2192</button><button data-t=all>All</button>'
    '<output id=tl-say aria-live="polite"></output></div>'
)


def timeline(report: Report, history: PowerHistory | None) -> Section:
    """Return the charts of all domains and the bands of stages, or nothing where no power over time is known."""
    if history is None or not history.domains:
        return Section("power", "Power over time", "")
    rows = {row.domain: row for row in report.domains}
    stages = {row.stage: row for row in report.stages}
    domains = history.domains[:MOST_DOMAINS]
    parts = [chart for envelope in domains for chart in _chart(envelope, rows.get(envelope.domain), history)]
    for band in history.bands:
        row = stages.get(band.stage)
        if row is not None:
            heat = heat_step(row.total_sum.share or 0.0)
            parts.append(_band(band, path(row.path), name("/".join(row.path)), history.buckets, heat))
    span_s = history.bucket_ns * history.buckets * 1e-9
    ticks = "".join(f"<span>{seconds(span_s * place / (TICKS - 1))}</span>" for place in range(TICKS))
    content = (
        f'{BUTTONS}<div class=tl tabindex=0 role=group aria-label="Power and stages over time" '
        f"data-n={history.buckets} data-t={span_s:.9g}>{''.join(parts)}<div></div><div class=ticks>{ticks}</div></div>"
    )
    return Section("power", "Power over time", content, " ".join(_lead(history, len(history.domains) - len(domains))))


def _lead(history: PowerHistory, domains_left_out: int) -> Iterator[str]:
    yield (
        f"The run in {history.buckets} steps of {seconds(history.bucket_ns * 1e-9)}. Shade: least to greatest power "
        "between two updates of the sensor within a step, so that no peak it saw is lost; line: mean; dashed: idle."
    )
    slow = [envelope for envelope in history.domains if envelope.window_ns > history.bucket_ns]
    if slow:
        told = ", ".join(f"{envelope.domain} every {seconds(envelope.window_ns * 1e-9)}" for envelope in slow[:3])
        yield f"Sensors that update more slowly than that show steps, not what happened within them ({told})."
    yield (
        "White gaps are not known. Stages: as high as the part of the step in which they were open, waiting included; "
        "colour: their share of stage energy, in all."
    )
    if history.bands_left_out:
        yield f"{history.bands_left_out} stages that were open for less time have no band."
    if not history.is_complete:
        yield "Calls that were counted and not stored are missing from the bands."
    if domains_left_out:
        yield f"{domains_left_out} more domains are not drawn."
    yield "Drag to enlarge; with the keyboard + and \u2212, arrows, 0 for all."


def _chart(envelope: PowerEnvelope, row: DomainRow | None, history: PowerHistory) -> Iterator[str]:
    known = envelope.covered_share > 0
    if not known.any():
        return
    most_w = float(envelope.high_w[known].max())
    top_w = most_w if most_w > 0 else 1.0
    low, mean, high = (_heights(column, top_w) for column in (envelope.low_w, envelope.mean_w, envelope.high_w))
    stretches = list(_stretches(known.tolist()))
    shade = "".join(_area(low, high, *stretch) for stretch in stretches)
    line = "".join(_steps(mean, *stretch) for stretch in stretches)
    floor = ""
    if row is not None and row.baseline_w is not None and 0 < row.baseline_w <= top_w:
        at = HEIGHT - round(HEIGHT * row.baseline_w / top_w)
        floor = f'<path class=floor d="M0 {at}H{history.buckets}"/>'
    covered_ns = float(envelope.covered_share.sum()) * history.bucket_ns
    mean_w = float((envelope.mean_w * envelope.covered_share).sum() / envelope.covered_share.sum())
    share = covered_ns / (history.bucket_ns * history.buckets)
    least_w = float(envelope.low_w[known].min())
    said = f"{name(envelope.domain)}: {watts(least_w)} to {watts(most_w)}, mean {watts(mean_w)}"
    said += "" if share >= 0.995 else f", known for {percent(share, 0)} of the run"
    how = ' <span class="badge pE">model</span>' if row is not None and row.provenance == "estimated (model)" else ""
    ticks = "".join(f"<span>{watts(top_w * part)}</span>" for part in (1.0, 0.5, 0.0))
    yield (
        f'<div class="lab pl"><span><b>{name(envelope.domain)}</b>{how}<br> '
        f"<span class=rg>0 to {watts(top_w)}, </span>mean {watts(mean_w)}</span><span class=yt>{ticks}</span></div>"
    )
    yield (
        f'<svg class=pw data-h={HEIGHT} viewBox="0 0 {history.buckets} {HEIGHT}" preserveAspectRatio=none role=img '
        f'aria-label="{said}"><path class=half d="M0 {HEIGHT // 2}H{history.buckets}"/>'
        f'<path class=env d="{shade}"/><path class=mean d="{line}"/>{floor}</svg>'
    )


def _heights(column_w: Floats, top_w: float) -> list[int]:
    """Return distances from the top of the chart; power below 0 is drawn at 0."""
    return [int(at) for at in HEIGHT - np.rint(HEIGHT * np.clip(column_w / top_w, 0.0, 1.0))]


def _stretches(known: list[bool]) -> Iterator[tuple[int, int]]:
    at = 0
    for is_known, group in groupby(known):
        length = len(list(group))
        if is_known:
            yield at, at + length
        at += length


def _area(low: list[int], high: list[int], first: int, behind: int) -> str:
    """Return a closed shape between two step lines, at least one unit high so that it is seen."""
    there = _steps(high, first, behind)
    back, at = [f"V{min(low[behind - 1] + 1, HEIGHT)}"], low[behind - 1]
    for value, group in groupby(range(behind - 1, first - 1, -1), key=low.__getitem__):
        if value != at:
            back.append(f"v{value - at}")
            at = value
        back.append(f"h-{len(list(group))}")
    return f"{there}{''.join(back)}z"


def _steps(heights: list[int], first: int, behind: int) -> str:
    at = heights[first]
    drawn = [f"M{first} {at}"]
    for value, group in groupby(heights[first:behind]):
        if value != at:
            drawn.append(f"v{value - at}")
            at = value
        drawn.append(f"h{len(list(group))}")
    return "".join(drawn)


def _band(band: StageBand, label: str, said: str, buckets: int, heat: int) -> str:
    # What was open at all is seen, however short it was.
    heights = [int(BAND - level) for level in np.ceil(np.clip(band.open_share, 0.0, 1.0) * BAND - 1e-9)]
    shown = "".join(
        f"{_steps(heights, first, behind)}V{BAND}H{first}z"
        for first, behind in _stretches([height < BAND for height in heights])
    )
    share = float(band.open_share.mean())
    return (
        f"<div class=lab>{label}</div>"
        f'<svg class=bd data-h={BAND} viewBox="0 0 {buckets} {BAND}" preserveAspectRatio=none role=img '
        f'aria-label="{said} was open {percent(share, 0)} of the run"><path class="lane h{heat}" d="{shown}"/></svg>'
    )
