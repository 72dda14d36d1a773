"""Import: spans and power that other programs have recorded become a run like any other.

Wires the importers (plugins), the matching of their clocks (attribute) and the file (capture). The file appears under
its name when it is complete, or not at all.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np

from energyprof import __version__, discover
from energyprof.attribute.align import Activity, Shift, shift_between
from energyprof.capture.writer import CaptureWriter
from energyprof.errors import InputError
from energyprof.interfaces import PowerImporter, SpanImporter
from energyprof.model.domain import Domain, counted_ids
from energyprof.model.ids import DomainId
from energyprof.model.imported import ImportedPower, ImportedSpans, ImportWishes
from energyprof.model.power import Readings
from energyprof.model.recording import LaneRow, SpanChunk
from energyprof.model.span import LANE_KINDS
from energyprof.model.trace import RecorderFacts, RunFacts

HEAD_BYTES: Final = 4096
WALL_CLOCK_ERROR_NS: Final = 1_000_000
"""Two programs of one computer that note its wall clock: a bound on what reading it and converting to it takes."""
CUT_OFF_NS: Final = 1_000_000_000
"""Readings of so long beyond the spans are worth a word."""
_DEVICE: Final = LANE_KINDS.index("device")
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class ImportRequest:
    """What to import, and what the user knows of it."""

    spans: Path
    importer: str
    """The option that named the file: `spans` or `chrome`."""
    power: Path
    output: Path
    wishes: ImportWishes = field(default_factory=ImportWishes)
    offset_ns: int | None = None
    """Added to a time of the power file it makes one of the spans; None: to be found."""
    uncertainty_ns: int = 0
    """How far off that may be to either side, on top of what is found."""
    measured: bool = False
    """The user says that a sensor measured the power."""
    idle_before: bool = False
    """Before the first span nothing ran: the power of then is the idle power."""
    devices: Mapping[int, int] = field(default_factory=dict)
    """By number in the spans, the number in the power file."""


@dataclass(frozen=True, slots=True)
class Match:
    """How the two clocks were brought together."""

    offset_ns: int
    error_ns: int
    said: str


class Imported(NamedTuple):
    """What became of it."""

    path: Path
    spans: int
    stages: int
    """Those that spans are of."""
    domains: tuple[DomainId, ...]
    match: Match
    warnings: tuple[str, ...]


def import_recording(request: ImportRequest, progress: Progress = lambda _what, _part: None) -> Imported:
    """Read both files, match their clocks and write the run; raises InputError and leaves nothing behind."""
    if request.output.exists():
        raise InputError(f"{request.output} exists already and is never overwritten; choose another name with -o")
    spans = _span_importer(request.importer).read(
        str(request.spans), request.wishes, lambda part: progress(request.spans.name, part)
    )
    power = _power_importer(request.power).read(
        str(request.power), request.wishes, lambda part: progress(request.power.name, part)
    )
    spans, mapped = _on_devices(spans, power.domains, request.devices)
    match = match_clocks(spans, power, request)
    domains, readings = _in_time(power, match, request)
    _refuse_apart(spans, readings, match, request)
    warnings = (
        match.said,
        *_not_vouched(domains, request),
        *_cut_off(spans, readings, request),
        *mapped,
        *spans.warnings,
        *power.warnings,
    )
    run = _run_facts(spans, power, match, request)
    scratch = request.output.with_name(f".{request.output.name}.{os.getpid()}")
    try:
        _write(scratch, run, spans, domains, readings, warnings, progress)
        _put_in_place(scratch, request.output)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{scratch}{suffix}").unlink(missing_ok=True)
    found = tuple(domain.id for domain in domains)
    stages = len(np.unique(spans.spans.stage))  # one that others name as their parent need not have run itself
    return Imported(request.output, len(spans.spans), stages, found, match, warnings)


def span_options() -> tuple[str, ...]:
    """Return the words that hand over a file of spans."""
    return tuple(_load_spans(spec).option for spec in discover.plugins(discover.SPAN_IMPORTERS))


def _load_spans(spec: discover.PluginSpec) -> SpanImporter:
    return cast(SpanImporter, spec.load()())


def _span_importer(option: str) -> SpanImporter:
    found = [_load_spans(spec) for spec in discover.plugins(discover.SPAN_IMPORTERS)]
    return next(importer for importer in found if importer.option == option)


def _power_importer(path: Path) -> PowerImporter:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name the power log with --power") from error
    found = [cast(PowerImporter, spec.load()()) for spec in discover.plugins(discover.POWER_IMPORTERS)]
    return next(importer for importer in sorted(found, key=lambda one: one.rank) if importer.knows(head))


def match_clocks(spans: ImportedSpans, power: ImportedPower, request: ImportRequest) -> Match:
    """Return what to add to the times of the power file: as given, by wall clock, none, or by activity."""
    extra_ns = request.uncertainty_ns
    if request.offset_ns is not None:
        error_ns = extra_ns + power.clock.error_ns
        return Match(request.offset_ns, error_ns, f"clocks: --offset as given, {_plus_minus(error_ns)}")
    span_unix, power_unix = spans.clock.unix_offset_ns, power.clock.unix_offset_ns
    if span_unix is not None and power_unix is not None:
        error_ns = spans.clock.error_ns + power.clock.error_ns + WALL_CLOCK_ERROR_NS + extra_ns
        assumed = "; ".join(text for text in (spans.clock.assumption, power.clock.assumption) if text)
        said = f"clocks: matched by the time of day, {_plus_minus(error_ns)}"
        return Match(power_unix - span_unix, error_ns, f"{said}; {assumed}" if assumed else said)
    if span_unix is None and power_unix is None and (request.importer == "spans" or _share_time(spans, power)):
        return Match(0, extra_ns, f"clocks: spans and power are taken to have one clock, {_plus_minus(extra_ns)}")
    return _by_activity(spans, power, extra_ns)


def _by_activity(spans: ImportedSpans, power: ImportedPower, extra_ns: int) -> Match:
    counted = counted_ids(power.domains)
    found: list[Shift] = []
    reasons: list[str] = []
    for domain in (domain for domain in power.domains if domain.id in counted):
        shift = shift_between(_activity(spans, domain), domain, power.readings[domain.id])
        if isinstance(shift, str):
            reasons.append(shift)
        else:
            found.append(shift)
    if not found:
        raise InputError(
            f"the clocks of spans and power cannot be matched: no common time of day, and {'; '.join(reasons)}; "
            "say what to add to the times of the power file with --offset SECONDS"
        )
    best = min(found, key=lambda shift: shift.error_ns)
    error_ns = best.error_ns + extra_ns
    said = (
        f"clocks: matched by how power follows the spans (correlation {best.correlation:.2f}): "
        f"{best.offset_ns * 1e-9:+.6g} s, {_plus_minus(error_ns)} at 95 %; if you know it, say --offset"
    )
    return Match(best.offset_ns, error_ns, said)


def _activity(spans: ImportedSpans, domain: Domain) -> Activity:
    """Return when the lanes that the domain feeds were busy: those of its device, else those of the host."""
    outermost = spans.spans.depth == 0
    on_device = np.array([lane.kind == _DEVICE for lane in spans.lanes], np.bool_)[spans.spans.lane]
    wanted = on_device if domain.driver == "device" and on_device.any() else ~on_device
    rows = outermost & wanted
    return Activity.of(spans.spans.start_ns[rows], spans.spans.end_ns[rows])


def _share_time(spans: ImportedSpans, power: ImportedPower) -> bool:
    """Tell whether the times of both cover each other as they are."""
    first, last = int(spans.spans.start_ns.min()), int(spans.spans.end_ns.max())
    return any(int(rows.t_before_ns[0]) < last and int(rows.t_after_ns[-1]) > first for rows in power.readings.values())


def _on_devices(
    spans: ImportedSpans, domains: Sequence[Domain], devices: Mapping[int, int]
) -> tuple[ImportedSpans, tuple[str, ...]]:
    """Give the device lanes the numbers of the power file, and say what was assumed."""
    there = sorted({lane.tid for lane in spans.lanes if lane.kind == _DEVICE})
    read = sorted(
        int(number)
        for kind, _, number in (str(domain.id).partition(":") for domain in domains)
        if kind == "gpu" and number.isdecimal()
    )
    renamed, told = dict(devices), []
    if not devices and len(there) == len(read) == 1 and there != read:
        renamed = {there[0]: read[0]}
        told.append(
            f"device {there[0]} of the spans is taken to be gpu:{read[0]}, the only one in the power file; "
            f"if not, say --device {there[0]}=N"
        )
    missing = [f"gpu:{renamed.get(one, one)}" for one in there if renamed.get(one, one) not in read]
    if missing and read:
        told.append(
            f"the power file has nothing of {', '.join(missing)}, on which spans ran: their energy is not known; "
            "where the numbers differ, say --device SPANS=POWER"
        )

    def moved(lane: LaneRow) -> LaneRow:
        return replace(lane, tid=renamed.get(lane.tid, lane.tid)) if lane.kind == _DEVICE else lane

    return replace(spans, lanes=tuple(moved(lane) for lane in spans.lanes)), tuple(told)


def _in_time(
    power: ImportedPower, match: Match, request: ImportRequest
) -> tuple[tuple[Domain, ...], dict[DomainId, Readings]]:
    """Return domains and readings in the time of the spans, what is not known of the match among the sensors' lags.

    A lag is never below 0: where the readings may be early, they are put later, and the lag is longer by as much.
    """
    domains, readings = [], {}
    for domain in power.domains:
        least, most = domain.lag_ns[0] - match.error_ns, domain.lag_ns[1] + match.error_ns
        later_ns = max(0, -least)
        lag_ns = (least + later_ns, most + later_ns)
        domains.append(replace(domain, lag_ns=lag_ns, is_vouched=request.measured))
        rows, by_ns = power.readings[domain.id], match.offset_ns + later_ns
        readings[domain.id] = replace(rows, t_before_ns=rows.t_before_ns + by_ns, t_after_ns=rows.t_after_ns + by_ns)
    return tuple(domains), readings


def _refuse_apart(
    spans: ImportedSpans, readings: Mapping[DomainId, Readings], match: Match, request: ImportRequest
) -> None:
    """Raise InputError where no reading lies within the run: a wrong time zone, offset or file."""
    first, last = int(spans.spans.start_ns.min()), int(spans.spans.end_ns.max())
    covers = [(int(rows.t_before_ns[0]), int(rows.t_after_ns[-1])) for rows in readings.values() if len(rows)]
    if any(begin < last and end > first for begin, end in covers):
        return
    unix_ns = spans.clock.unix_offset_ns
    begin, end = min((one for one, _ in covers), default=0), max((one for _, one in covers), default=0)
    said, log = (f"{_moment(one, unix_ns)} to {_moment(two, unix_ns)}" for one, two in ((first, last), (begin, end)))
    raise InputError(
        f"{request.power} covers {log}, {request.spans} {said}: they have no time in common ({match.said}); "
        "check --timezone and --offset, or hand over the log of that time"
    )


def _moment(t_ns: int, unix_offset_ns: int | None) -> str:
    if unix_offset_ns is None:
        return f"{t_ns * 1e-9:.6f} s"
    at = datetime.fromtimestamp((t_ns + unix_offset_ns) * 1e-9, timezone.utc)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _plus_minus(error_ns: int) -> str:
    return f"\u00b1{error_ns * 1e-6:.3g} ms"


def _not_vouched(domains: Sequence[Domain], request: ImportRequest) -> tuple[str, ...]:
    if request.measured:
        return ()
    names = ", ".join(domain.id for domain in domains)
    text = (
        f"{names}: imported from {request.power.name}, and nobody says that a sensor measured it, so no figure is "
        "called measured; if one did, import it with --measured"
    )
    return (text,)


def _cut_off(spans: ImportedSpans, readings: Mapping[DomainId, Readings], request: ImportRequest) -> tuple[str, ...]:
    """Say what of the power lies before the first span and after the last, and so in no figure."""
    first, last = int(spans.spans.start_ns.min()), int(spans.spans.end_ns.max())
    held = [rows for rows in readings.values() if len(rows)]
    before_ns = max((first - int(rows.t_before_ns[0]) for rows in held), default=0)
    after_ns = max((int(rows.t_after_ns[-1]) - last for rows in held), default=0)
    if max(before_ns, after_ns) < CUT_OFF_NS or (request.idle_before and after_ns < CUT_OFF_NS):
        return ()
    parts = [f"{before_ns * 1e-9:.3g} s before the first span"] if before_ns >= CUT_OFF_NS else []
    parts += [f"{after_ns * 1e-9:.3g} s after the last"] if after_ns >= CUT_OFF_NS else []
    text = f"the run lasts from the first span to the last: readings of {' and '.join(parts)} are in no energy"
    if before_ns >= CUT_OFF_NS and not request.idle_before:
        text += (
            "; if nothing ran before the first span, import with --idle-before, which takes the idle power from there"
        )
    return (text,)


def _run_facts(spans: ImportedSpans, power: ImportedPower, match: Match, request: ImportRequest) -> RunFacts:
    first = int(spans.spans.start_ns.min())
    unix_ns = spans.clock.unix_offset_ns
    if unix_ns is None and power.clock.unix_offset_ns is not None:
        unix_ns = power.clock.unix_offset_ns - match.offset_ns
    return RunFacts(
        command=(request.spans.name,),
        start_unix_ns=0 if unix_ns is None else first + unix_ns,
        start_ns=first,
        end_ns=int(spans.spans.end_ns.max()),
        exit_code=None,
        host=spans.host,
        versions={
            "energyprof": __version__,
            "python": platform.python_version(),
            "imported": f"{spans.source} {request.spans.name}, {power.source} {request.power.name}",
        },
        lead_in_s=1.0 if request.idle_before else 0.0,
    )


def _write(  # noqa: PLR0913, PLR0917 - all that a run is
    path: Path,
    run: RunFacts,
    spans: ImportedSpans,
    domains: Sequence[Domain],
    readings: Mapping[DomainId, Readings],
    warnings: Sequence[str],
    progress: Progress,
) -> None:
    writer = CaptureWriter(path)
    writer.set_run(run)
    writer.set_recorder(RecorderFacts(spans=len(spans.spans)))
    for line in warnings:
        writer.warn(" ".join(line.split()))
    writer.add_domains(domains)
    writer.add_readings(readings)
    writer.add_lanes(spans.lanes)
    writer.add_stages(spans.stages)
    rows, piece = spans.spans, 1 << 16
    for at in range(0, len(rows), piece):
        writer.add_spans(_part(rows, at, at + piece))
        writer.commit(force=True)
        progress("writing", min((at + piece) / len(rows), 1.0))
    writer.finish()


def _part(rows: SpanChunk, start: int, end: int) -> SpanChunk:
    part = slice(start, end)
    return SpanChunk(
        rows.stage[part],
        rows.lane[part],
        rows.start_ns[part],
        rows.end_ns[part],
        rows.depth[part],
        rows.is_open[part],
        rows.resumed[part],
    )


def _put_in_place(scratch: Path, output: Path) -> None:
    """Give the finished file its name, never over another one."""
    try:
        os.link(scratch, output)
    except FileExistsError:
        raise InputError(f"{output} exists already and is never overwritten; choose another name with -o") from None
    except OSError:  # a file system without hard links
        os.rename(scratch, output)
