"""What `doctor` prints, as JSON-ready values: schema `energyprof-doctor/1`. The page for people is made of the same."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from typing import Any

from energyprof import __version__, discover
from energyprof.cli.doctor_probes import probe_row
from energyprof.collect.choose import sensor_root
from energyprof.collect.surroundings import surroundings
from energyprof.diagnosis import Choice, SourceState, choices, examine_all, has_sensor
from energyprof.errors import InputError
from energyprof.interfaces import PowerSource, SourceContext
from energyprof.launch.processor import cpu_model
from energyprof.model.domain import Domain
from energyprof.probe.record import Record
from energyprof.probe.store import KeptProbes, ProbeStore, identity_of
from energyprof.sources import parsed_source

SCHEMA = "energyprof-doctor/1"


def findings() -> dict[str, Any]:
    """Return the state of this machine."""
    from energyprof.report.renderer import find_renderer
    from energyprof.run import formats

    store, cpu = ProbeStore(discover.cache_folder()), cpu_model()
    states = _examined(KeptProbes(discover.cache_folder(), cpu).known)
    around, chosen = surroundings(sensor_root()), choices(states)
    try:
        renderer, missing = str(find_renderer()), None
    except LookupError as error:
        renderer, missing = None, str(error)
    return {
        "schema": SCHEMA,
        "energyprof": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": {
            "virtual_machine": around.virtual_machine or None,
            "container": around.container or None,
            "meaning": [] if has_sensor(states) else list(around.meaning()),
        },
        "sources": [_source_row(state, chosen, store, cpu) for state in states],
        "choices": [
            {"domain": one.domain, "source": one.source, "why": one.why, "counts": one.counts} for one in chosen
        ],
        "has_sensor": has_sensor(states),
        "cache": _cache(store),
        "renderer": renderer,
        "renderer_missing": missing,
        "formats": [exporter.name for exporter in formats()],
    }


def probe_findings(
    wanted: Sequence[str], seconds: float | None, is_loaded: bool, progress: Callable[[str, float], None]
) -> dict[str, Any]:
    """Probe the sources wanted, else every sensor that can serve, and return what came out."""
    from energyprof.probing import probe

    if wanted:
        named = [(text, *parsed_source(text)) for text in wanted]
    else:
        states = _examined(lambda _source, domain: domain)
        named = [(one.name, one.name, "") for one in states if one.measures == "sensor" and one.is_usable]
        if not named:
            return {"probed": [], "remarks": ["nothing was probed: there is no sensor to probe"]}
    sources = []
    for text, name, argument in named:
        source = _load(name)
        if source.measures == "model":
            raise InputError(f"{name} is a model: there is nothing to probe; name a sensor")
        sources.append((text, source, argument))
    store = ProbeStore(discover.cache_folder())
    outcome = probe(sources, store, cpu_model(), seconds, is_loaded=is_loaded, progress=progress)
    rows = [
        {
            "source": one.record.identity.source,
            "domain": one.domain,
            "quantity": one.quantity,
            "faster_than_reads": one.habits.is_faster,
            **probe_row(one.record),
            "kept": one.kept or None,
        }
        for one in outcome.probed
    ]
    return {"probed": rows, "remarks": list(outcome.remarks)}


def _examined(adapt: Callable[[str, Domain], Domain]) -> tuple[SourceState, ...]:
    now_ns = time.monotonic_ns()
    context = SourceContext(
        start_ns=now_ns,
        now_ns=time.monotonic_ns,
        cpu_time_ns=time.process_time_ns,
        root=sensor_root(),
        cache=discover.cache_folder(),
    )
    names = sorted({spec.name for spec in discover.plugins(discover.POWER_SOURCES)})
    return examine_all(names, _load, context, adapt=adapt)


def _load(name: str) -> PowerSource:
    source: PowerSource = discover.find(discover.POWER_SOURCES, name).load()()
    return source


def _source_row(state: SourceState, chosen: Sequence[Choice], store: ProbeStore, cpu: str) -> dict[str, Any]:
    used = {one.domain for one in chosen if one.source == state.name}
    failures = dict(state.failures)
    return {
        "name": state.name,
        "measures": state.measures,
        "rank": state.rank,
        "available": state.is_usable,
        "answered": state.is_answering,
        "reason": state.reason,
        "left_out": list(state.left_out),
        "used": bool(used),
        "devices": state.devices,
        "call_s": state.call_s,
        "domains": [
            {
                "id": domain.id,
                "source": domain.source,
                "quantity": domain.quantity,
                "parent": domain.parent,
                "used": domain.id in used,
                "period_s": _seconds(domain.period_ns),
                "window_s": _seconds(domain.window_ns),
                "lag_s": [t_ns / 1e9 for t_ns in domain.lag_ns],
                "timing": domain.timing,
                "gain_error": list(domain.gain_error),
                "failure": failures.get(domain.id),
                "probe": _probe(store, state.name, domain, cpu),
            }
            for domain in state.domains
        ],
    }


def _probe(store: ProbeStore, source: str, domain: Domain, cpu: str) -> dict[str, Any] | None:
    found = store.find(identity_of(source, domain, cpu))
    return None if found.record is None else {**probe_row(found.record), "kept": found.path}


def _cache(store: ProbeStore) -> dict[str, Any]:
    folder = discover.cache_folder()
    files = []
    for found in store.all():
        about = None if found.record is None else _about(found.record)
        date = None if found.record is None else found.record.date
        probe = None if found.record is None else probe_row(found.record)
        row = {"path": found.path, "kind": "probe", "about": about, "date": date, "fault": found.fault or None}
        files.append({**row, "probe": probe})
    try:
        names = sorted(os.listdir(folder)) if folder else []
    except OSError:
        names = []
    files += [
        {"path": os.path.join(folder, name), "kind": "plugin index", "about": None, "date": None, "fault": None}
        for name in names
        if name.startswith("plugins-")
    ]
    return {"folder": folder or None, "files": files}


def _about(record: Record) -> str:
    return f"{record.identity.source} {record.identity.domain} ({record.identity.device})"


def _seconds(t_ns: int | None) -> float | None:
    return None if t_ns is None else t_ns / 1e9
