"""Open the power sources of a run: those asked for, else what this machine has; one that fails is said, never fatal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from energyprof.collect.choose import Finding, choose_automatically, choose_named, examine
from energyprof.errors import EnergyprofError
from energyprof.interfaces import PowerSource, SourceContext
from energyprof.model.domain import Domain

Opened: TypeAlias = list[tuple[PowerSource, Sequence[Domain]]]

LONGEST_LEAD_OUT_NS = 1_200_000_000


def open_sources(
    wanted: Sequence[tuple[str, str]],
    installed: Sequence[str],
    load: Callable[[str], PowerSource],
    context: SourceContext,
    warn: Callable[[str], None],
) -> Opened:
    """Open the sources asked for as (name, argument), or the best of the installed ones where none was."""
    if wanted:
        return open_named(wanted, load, context, warn)
    sources = []
    for name in installed:
        try:
            sources.append(load(name))
        except EnergyprofError as error:
            warn(str(error))
    return open_automatically(sources, context, warn)


def open_named(
    wanted: Sequence[tuple[str, str]],
    load: Callable[[str], PowerSource],
    context: SourceContext,
    warn: Callable[[str], None],
) -> Opened:
    """Open the sources asked for as (name, argument); each that cannot serve is a warning and left out."""
    findings = []
    for name, argument in wanted:
        try:
            findings.append(choose_named(load(name), argument, context))
        except EnergyprofError as error:
            warn(str(error))
    return _open(findings, warn)


def open_automatically(sources: Sequence[PowerSource], context: SourceContext, warn: Callable[[str], None]) -> Opened:
    """Open every usable sensor; where none can be opened, every usable model."""
    findings = examine(sources, context)
    opened = _open(choose_automatically(findings), warn)
    if not opened:
        opened = _open([found for found in findings if found.reason is None and found.source.measures == "model"], warn)
    return opened


def lead_out_ns(opened: Opened) -> int:
    """Return how long after the end the slowest sensor still speaks of it: lag plus period, at most 1.2 s."""
    sensors = [domain for _, domains in opened for domain in domains if domain.provenance == "sensor"]
    longest_ns = max((domain.lag_ns[1] + (domain.period_ns or 0) for domain in sensors), default=0)
    return min(longest_ns, LONGEST_LEAD_OUT_NS)


def _open(findings: Sequence[Finding], warn: Callable[[str], None]) -> Opened:
    """Open sources; a domain that an earlier source offers already is not read twice."""
    opened: Opened = []
    offered: set[str] = set()
    for found in findings:
        name = found.source.name
        try:
            domains = tuple(found.source.open(found.context))
        except Exception as error:  # whatever a driver throws costs this run one source, not more
            said = str(error) if isinstance(error, EnergyprofError) else f"{type(error).__name__}: {error}"
            warn(f"power source {name} could not be opened: {said}")
            _close(found.source)
            continue
        twice = sorted(offered & {domain.id for domain in domains})
        if twice:
            warn(f"power source {name} is left out: {', '.join(twice)} is read by another; choose with --source")
            _close(found.source)
            continue
        offered.update(domain.id for domain in domains)
        opened.append((found.source, domains))
    return opened


def _close(source: PowerSource) -> None:
    try:
        source.close()
    except Exception:  # a driver that cannot be closed is out of this run all the same
        return
