"""What `doctor` prints, as JSON-ready values: schema `energyprof-doctor/1`. The page for people is made of the same."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from typing import Any

from energyprof import __version__, discover
from energyprof.collect.choose import sensor_root
from energyprof.collect.surroundings import surroundings
from energyprof.diagnosis import Choice, SourceState, choices, examine_all, has_sensor
from energyprof.errors import InputError
from energyprof.interfaces import PowerSource, SourceContext
from energyprof.launch.processor import cpu_model
from energyprof.model.domain import Domain
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
    rows = []
    for one in outcome.probed:
        record = one.record
        rows.append(
            {
                "source": record.identity.source,
                "domain": record.identity.domain,
                "quantity": one.quantity,
                "reads": record.reads,
                "failures": one.habits.failures,
                "period_s": _seconds(record.period_ns),
                "period_error_s": _seconds(record.period_error_ns),
                "is_regular": one.habits.is_regular,
                "faster_than_reads": one.habits.is_faster,
                "quantum": record.quantum,
                "call_p50_s": _seconds(record.call_p50_ns),
                "call_p99_s": _seconds(record.call_p99_ns),
                "response": record.response or None,
                "lag_s": None if record.lag_ns is None else [t_ns / 1e9 for t_ns in record.lag_ns],
                "window_s": _seconds(record.window_ns),
                "window_range_s": None
                if record.window_range_ns is None
                else [t_ns / 1e9 for t_ns in record.window_range_ns],
                "load_date": record.load_date or None,
                "remarks": list(record.remarks),
                "kept": one.kept or None,
            }
        )
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
                "probe": _probe_path(store, state.name, domain, cpu),
            }
            for domain in state.domains
        ],
    }


def _probe_path(store: ProbeStore, source: str, domain: Domain, cpu: str) -> str | None:
    found = store.find(identity_of(source, domain, cpu))
    return found.path if found.record is not None else None


def _cache(store: ProbeStore) -> dict[str, Any]:
    folder = discover.cache_folder()
    files = []
    for found in store.all():
        about = None if found.record is None else f"{found.record.identity.source} {found.record.identity.domain}"
        date = None if found.record is None else found.record.date
        files.append({"path": found.path, "kind": "probe", "about": about, "date": date, "fault": found.fault or None})
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


def _seconds(t_ns: int | None) -> float | None:
    return None if t_ns is None else t_ns / 1e9
