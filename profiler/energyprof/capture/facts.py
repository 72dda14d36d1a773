"""The facts of a run as JSON: a field that this version does not know is left out, one that is missing is an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

import numpy as np

from energyprof.errors import CaptureError
from energyprof.model.cures import Cures, Dephasing, Repeats, Thing, Visit
from energyprof.model.domain import Domain
from energyprof.model.hosts import Host
from energyprof.model.ids import DomainId
from energyprof.model.program import ProgramFacts
from energyprof.model.ranks import RankProcess
from energyprof.model.recording import SpanChunk
from energyprof.model.run_queue import QueuePeriod, RunQueue
from energyprof.model.sampling import DomainFacts, Figure, Sleep
from energyprof.model.told import Metric, Told, UnitCount
from energyprof.model.trace import RecorderFacts, RunFacts

Made = TypeVar("Made")


def run_json(run: RunFacts) -> dict[str, Any]:
    """Return the facts of a run as JSON values."""
    return {**asdict(run), "command": list(run.command), "versions": dict(run.versions)}


def recorder_json(recorder: RecorderFacts) -> dict[str, Any]:
    """Return the recorder's facts as JSON values."""
    return asdict(recorder)


def domains_json(domains: Sequence[Domain]) -> list[dict[str, Any]]:
    """Return domains as JSON values."""
    return [asdict(domain) for domain in domains]


def sampling_json(sampling: Mapping[DomainId, DomainFacts]) -> dict[str, Any]:
    """Return how domains were sampled as JSON values."""
    return {
        domain: {**asdict(facts), "figures": {name: list(figure) for name, figure in facts.figures.items()}}
        for domain, facts in sampling.items()
    }


def sampling_of(value: Any) -> dict[DomainId, DomainFacts]:
    """Return how domains were sampled; raises CaptureError where the facts make none."""
    if not isinstance(value, dict):
        raise CaptureError("the facts of the sampling are damaged")
    found = {}
    for domain, row in value.items():
        known = _known(DomainFacts, row)
        figures = {
            str(name): _made(Figure, dict(zip(Figure._fields, one, strict=True)))
            for name, one in known.get("figures", {}).items()
        }
        found[DomainId(domain)] = _made(DomainFacts, {**known, "figures": figures})
    return found


def cures_json(cures: Cures) -> dict[str, Any]:
    """Return delays and repeated calls as JSON values."""
    return asdict(cures)


def cures_of(value: Any) -> Cures | None:
    """Return delays and repeated calls; None: there were none. Raises CaptureError where the facts make none."""
    if value is None:
        return None
    known = _known(Cures, value)
    dephasing, repeats = known.get("dephasing"), known.get("repeats")
    if repeats is not None:
        rows = _known(Repeats, repeats)
        rows["things"] = tuple(_made(Thing, _known(Thing, thing)) for thing in rows.get("things", ()))
        rows["visits"] = tuple(_visit(visit, len(rows["things"])) for visit in rows.get("visits", ()))
        rows["skipped"] = tuple((str(name), str(reason)) for name, reason in rows.get("skipped", ()))
        repeats = _made(Repeats, rows)
    return Cures(None if dephasing is None else _made(Dephasing, _known(Dephasing, dephasing)), repeats)


def _visit(value: Any, things: int) -> Visit:
    visit = _made(Visit._make, {"iterable": value})
    if not 0 <= visit.thing < things:
        raise CaptureError("the facts of the run are damaged (a visit of nothing)")
    return visit


def told_json(told: Told) -> dict[str, Any]:
    """Return what the program told as JSON values."""
    return asdict(told)


def told_of(value: Any) -> Told:
    """Return what the program told, nothing where there is none; raises CaptureError where the facts make none."""
    known = {} if value is None else _known(Told, value)
    return Told(
        tuple(_made(Metric, _known(Metric, row)) for row in known.get("metrics", ())),
        tuple(_made(UnitCount, _known(UnitCount, row)) for row in known.get("units", ())),
    )


def run_queue_json(queue: RunQueue) -> dict[str, Any]:
    """Return how long threads waited for processors as JSON values."""
    return {"cpus": queue.cpus, "periods": [list(period) for period in queue.periods]}


def run_queue_of(value: Any) -> RunQueue | None:
    """Return how long threads waited for processors; None: not known. Raises CaptureError where the facts make none."""
    if value is None:
        return None
    known = _known(RunQueue, value)
    try:
        periods = tuple(QueuePeriod(*map(int, period)) for period in known.get("periods", ()))
        return RunQueue(float(known["cpus"]), periods)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CaptureError(f"the facts of the run are damaged (the run queue: {error})") from error


def ranks_json(processes: Iterable[RankProcess]) -> list[dict[str, Any]]:
    """Return which process is which rank as JSON values."""
    return [asdict(process) for process in processes]


def ranks_of(value: Any) -> tuple[RankProcess, ...]:
    """Return which process is which rank; raises CaptureError where the facts make none."""
    return tuple(_made(RankProcess, _known(RankProcess, row)) for row in value)


def hosts_json(hosts: Sequence[Host]) -> list[dict[str, Any]]:
    """Return the hosts of a merged run as JSON values."""
    return [{"name": host.name, "run": run_json(host.run), "clock": host.clock} for host in hosts]


def hosts_of(value: Any) -> tuple[Host, ...]:
    """Return the hosts of a merged run; raises CaptureError where the facts make none."""
    rows = [_known(Host, row) for row in value]
    hosts = tuple(_made(Host, {**row, "run": run_of(row.get("run"))}) for row in rows)
    if len({host.name for host in hosts}) != len(hosts):
        raise CaptureError("two of its hosts have the same name")
    return hosts


def open_json(spans: SpanChunk) -> list[list[int]]:
    """Return open spans as JSON values, one row each."""
    columns = (spans.stage, spans.lane, spans.start_ns, spans.end_ns, spans.depth, spans.resumed)
    return [[int(value) for value in row] for row in zip(*columns, strict=True)]


def open_of(value: Any) -> SpanChunk:
    """Return open spans; raises CaptureError where the rows make none."""
    try:
        table = np.array(value, np.int64).reshape(-1, 6)
    except (TypeError, ValueError, OverflowError) as error:
        raise CaptureError(f"its open spans cannot be understood ({error})") from error
    stage, lane, start_ns, end_ns, depth, resumed = table.T
    narrow = [column.astype(np.int32) for column in (stage, lane, depth)]
    return SpanChunk(narrow[0], narrow[1], start_ns, end_ns, narrow[2], np.ones(len(table), np.bool_), resumed > 0)


def run_of(value: Any) -> RunFacts:
    """Return the facts of a run; raises CaptureError where they make none."""
    known = _known(RunFacts, value)
    known["command"] = tuple(known.get("command", ()))
    known["sleeps"] = tuple(_made(Sleep, _known(Sleep, sleep)) for sleep in known.get("sleeps", ()))
    if known.get("program") is not None:
        program = _known(ProgramFacts, known["program"])
        program["files"] = tuple((str(name), str(digest)) for name, digest in program.get("files", ()))
        known["program"] = _made(ProgramFacts, program)
    return _made(RunFacts, known)


def recorder_of(value: Any) -> RecorderFacts:
    """Return the recorder's facts; raises CaptureError where they make none."""
    return _made(RecorderFacts, _known(RecorderFacts, value))


def domains_of(value: Any) -> tuple[Domain, ...]:
    """Return domains; raises CaptureError where they make none."""
    rows = [_known(Domain, row) for row in value]
    for row in rows:
        row.update({name: tuple(row[name]) for name in ("lag_ns", "gain_error") if name in row})
    return tuple(_made(Domain, row) for row in rows)


def to_ascii(value: object) -> bytes:
    """Return JSON values as ASCII bytes; lone surrogates in names survive as escapes."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _known(cls: type, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CaptureError("the facts of the run are damaged")
    return {field.name: value[field.name] for field in fields(cls) if field.name in value}


def _made(cls: Callable[..., Made], known: dict[str, Any]) -> Made:
    try:
        return cls(**known)
    except (TypeError, ValueError) as error:
        raise CaptureError(f"the facts of the run are damaged ({error})") from error
