"""Probe power sources: open them, listen, put a load on, work out their habits, and keep what was found.

Each device is listened to in a thread of its own; one that hangs is left behind, and said. The load is a process of
its own (probe/load.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from energyprof import __version__
from energyprof.collect.choose import sensor_root, why_unavailable
from energyprof.collect.devices import Device, open_source, parts_of
from energyprof.collect.poller import Poller
from energyprof.errors import SourceError
from energyprof.interfaces import PowerSource, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.power import Readings
from energyprof.probe.agreement import Agreement, compare
from energyprof.probe.habits import Habits, habits
from energyprof.probe.listening import listen
from energyprof.probe.load_course import Course, planned
from energyprof.probe.load_process import LoadProcess
from energyprof.probe.record import Record
from energyprof.probe.response import Response, fit_response
from energyprof.probe.store import ProbeStore, identity_of

SECONDS = 10.0
"""How long a probe listens by default; enough for ten updates of a sensor that has one a second."""
SECONDS_LOADED = 25.0
OPENING_S = 2.0
HUNG_S = 2.0
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Probed:
    """What came out of one domain."""

    record: Record
    domain: str
    """Its id here and now; the record's may leave out the number of a device that has a serial."""
    habits: Habits
    response: Response | None
    quantity: str
    """`energy` or `power`."""
    kept: str
    """Where the record is kept; empty where it could not be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All domains probed, and what there is to say."""

    probed: tuple[Probed, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Channel:
    """One domain of one source: what was heard, and under which load."""

    name: str
    """As it was asked for."""
    source: str
    domain: Domain
    readings: Readings
    course: Course | None
    origin_ns: int
    duration_s: float
    load: str = ""
    """The kind of load that was put on."""


def probe(  # noqa: PLR0913 - what, how long and how, by keyword
    wanted: Sequence[tuple[str, PowerSource, str]],
    store: ProbeStore,
    cpu: str,
    seconds: float | None = None,
    *,
    is_loaded: bool = False,
    progress: Progress = lambda _what, _part: None,
) -> Outcome:
    """Probe sources given as (name, source, argument); `cpu` names the processor, `progress` is told what goes on."""
    remarks: list[str] = []
    duration_s = seconds if seconds is not None else SECONDS_LOADED if is_loaded else SECONDS
    with ExitStack() as closing:
        opened = _opened(wanted, remarks, closing)
        channels = _heard(opened, duration_s, is_loaded, progress, remarks)
    progress("working it out", 1.0)
    remarks += _contradictions(channels)
    found = [_kept(channel, channels, store, cpu) for channel in channels]
    return Outcome(tuple(found), tuple(dict.fromkeys(remarks)))


@dataclass(frozen=True, slots=True)
class _Open:
    name: str
    source: PowerSource
    domains: tuple[Domain, ...]
    threads: list[threading.Thread] = field(default_factory=list)
    """Those that read it."""

    def close(self) -> None:
        """Close the source, unless a call hangs in its driver: to shut that down then is the surest way to crash it."""
        if not any(thread.is_alive() for thread in self.threads):
            with suppress(Exception):  # a driver that cannot be closed has been read all the same
                self.source.close()


def _opened(wanted: Sequence[tuple[str, PowerSource, str]], remarks: list[str], closing: ExitStack) -> list[_Open]:
    """Open each in a thread of its own, and have those closed in the end that answered in time."""
    found: list[_Open | None] = [None] * len(wanted)
    faults = [f"it did not open within {OPENING_S:g} s; mend its driver"] * len(wanted)

    def open_one(row: int) -> None:
        name, source, argument = wanted[row]
        context = SourceContext(argument, time.monotonic_ns(), time.monotonic_ns, time.process_time_ns, sensor_root())
        try:
            reason = why_unavailable(source, context)
            if reason is not None:
                raise SourceError(reason)
            domains = tuple(source.open(context))
        except Exception as error:  # whatever a driver throws costs this probe one source
            faults[row] = str(error)
        else:
            found[row] = _Open(name, source, domains)

    threads = [threading.Thread(target=open_one, args=(row,), daemon=True) for row in range(len(wanted))]
    deadline_s = time.monotonic() + OPENING_S
    for thread in threads:
        thread.start()
    opened = []
    for row, thread in enumerate(threads):
        thread.join(max(0.0, deadline_s - time.monotonic()))
        one = found[row]
        if one is None:
            remarks.append(f"{wanted[row][0]} is not probed: {faults[row]}")
        else:
            closing.callback(one.close)
            opened.append(one)
    return opened


def _heard(
    opened: Sequence[_Open], duration_s: float, is_loaded: bool, progress: Progress, remarks: list[str]
) -> list[_Channel]:
    """Listen to all at once; with a load, first to those that a busy processor moves, then to GPUs."""
    if not is_loaded:
        return _session(opened, duration_s, None, progress, remarks)
    channels = []
    for kind, driver in (("cpu", "cpu"), ("cuda", "device")):
        mine = [one for one in opened if any(domain.driver == driver for domain in one.domains)]
        if mine:
            heard = _session(mine, duration_s, kind, progress, remarks)
            channels += [channel for channel in heard if channel.domain.driver == driver]
    return channels


def _session(
    opened: Sequence[_Open], duration_s: float, kind: str | None, progress: Progress, remarks: list[str]
) -> list[_Channel]:
    periods = [domain.period_ns for one in opened for domain in one.domains if domain.period_ns]
    plan = planned(max(periods, default=None), round(duration_s * 1e9)) if kind else ()
    with ExitStack() as closing:
        load = closing.enter_context(LoadProcess(kind, plan)) if kind else None
        if load is not None and load.failure:
            remarks.append(load.failure)
            load = None
        start_ns = time.monotonic_ns() if load is None else load.start()
        until_ns = start_ns + round(duration_s * 1e9)
        ears = [ear for one in opened for ear in _ears(one, start_ns, until_ns)]
        what = f"listening to {', '.join(one.name for one in opened)}{f' under a {kind} load' if load else ''}"
        while time.monotonic_ns() < until_ns and any(ear.thread.is_alive() for ear in ears):
            progress(what, (time.monotonic_ns() - start_ns) / (until_ns - start_ns))
            time.sleep(0.1)
        workers = None if load is None else load.finish()
        channels = [channel for ear in ears for channel in ear.channels(remarks)]
    if workers is None:
        if load is not None:
            remarks.append(f"the {kind} load broke off: {load.failure}; lag and window stay unknown")
        return channels
    course = Course.of(workers, start_ns)
    return [replace(channel, course=course, load=kind or "") for channel in channels]


def _ears(opened: _Open, start_ns: int, until_ns: int) -> list[_Ear]:
    """Return one for each device that answers for itself."""
    devices = open_source(opened.source, opened.domains, parts_of(opened.source)).devices
    ears = [_Ear(opened, device, start_ns, until_ns) for device in devices if device.domains]
    opened.threads.extend(ear.thread for ear in ears)
    return ears


class _Ear:
    """One device being listened to."""

    def __init__(self, opened: _Open, device: Device, start_ns: int, until_ns: int) -> None:
        self._opened = opened
        self._domains = device.domains
        self._start_ns = start_ns
        self._duration_s = (until_ns - start_ns) * 1e-9
        self._poller = Poller(device, time.monotonic_ns)
        self.thread = threading.Thread(
            target=listen, args=(self._poller.poll, time.monotonic_ns, time.sleep, until_ns), daemon=True
        )
        self.thread.start()

    def channels(self, remarks: list[str]) -> list[_Channel]:
        """Return what was heard; of a source that hangs, until then."""
        name = self._opened.name
        self.thread.join(HUNG_S)
        if self.thread.is_alive():
            remarks.append(f"{name} did not answer within {HUNG_S:g} s in the middle of it; what came before counts")
        heard = self._poller.drain()
        remarks += self._poller.warnings()
        return [
            _Channel(name, self._opened.source.name, domain, heard[domain.id], None, self._start_ns, self._duration_s)
            for domain in self._domains
            if domain.id in heard
        ]


def _contradictions(channels: Sequence[_Channel]) -> list[str]:
    return [text for channel in channels for text in _against_others(channel, channels)]


def _against_others(channel: _Channel, channels: Sequence[_Channel]) -> list[str]:
    """Return how a counter contradicts the power readings of the same domain by other sources, if it does."""
    said = []
    for other, found in _compared(channel, channels):
        if found.contradicts:
            more = "more" if found.difference > 0 else "less"
            figures = f"{found.counted_j:.4g} J, {found.integrated_j:.4g} J"
            said.append(
                f"{channel.domain.id}: the counter of {channel.name} shows {abs(found.difference):.0%} {more} than "
                f"the power of {other.domain.id} by {other.name} adds up to ({figures}); one of them is wrong: "
                "compare both with a meter before you trust either"
            )
    return said


def _compared(channel: _Channel, channels: Sequence[_Channel]) -> list[tuple[_Channel, Agreement]]:
    """Return how a counter agrees with each power reading of the same device."""
    if channel.domain.quantity != "energy":
        return []
    same = [one for one in channels if one.domain.quantity == "power" and _shows_the_same(channel.domain, one.domain)]
    pairs = []
    for other in same:
        blur_ns = sum(_blur_ns(one.domain) for one in (channel, other))
        found = compare((channel.domain, channel.readings), (other.domain, other.readings), blur_ns)
        if found is not None:
            pairs.append((other, found))
    return pairs


def _shows_the_same(counter: Domain, power: Domain) -> bool:
    """Return whether two domains are one device through two channels: the same id, or `gpu:0:instant` in `gpu:0`."""
    is_channel = counter.driver == "device" and power.parent == counter.id and power.id.startswith(f"{counter.id}:")
    return power.id == counter.id or is_channel


def _blur_ns(domain: Domain) -> float:
    period = domain.period_ns or 100_000_000
    return period + (domain.window_ns or period if domain.quantity == "power" else 0) + domain.lag_ns[1]


def _kept(channel: _Channel, channels: Sequence[_Channel], store: ProbeStore, cpu: str) -> Probed:
    domain = channel.domain
    seen = habits(domain, channel.readings)
    response = None
    if channel.course is not None:
        response = fit_response(domain, channel.readings, channel.course, channel.origin_ns)
    record = _record(channel, seen, response, cpu)
    record = replace(record, remarks=(*record.remarks, *_against_others(channel, channels)))
    for other, found in sorted(_compared(channel, channels), key=lambda pair: -abs(pair[1].difference))[:1]:
        record = replace(
            record,
            compared_with=f"{other.domain.id} by {other.name}",
            difference=found.difference,
            difference_error=found.error,
        )
    earlier = store.find(record.identity).record
    fault = store.keep(record.with_load_of(earlier))
    path = "" if fault else store.path_of(record.identity)
    return Probed(record.with_load_of(earlier), str(domain.id), seen, response, domain.quantity, path)


def _record(channel: _Channel, seen: Habits, response: Response | None, cpu: str) -> Record:
    domain, today = channel.domain, datetime.now(timezone.utc).date().isoformat()
    remarks = []
    if seen.is_stuck(domain):
        remarks.append(
            f"{domain.id}: the counter of {channel.name} stood still for {seen.still_ns * 1e-9:.1f} s; its figures "
            "cannot be trusted: update the driver, or leave the source out"
        )
    if channel.course is not None and response is None:
        remarks.append(
            f"{domain.id}: {channel.name} did not follow the load, so its lag and window stay unknown; "
            "probe again while nothing else runs"
        )
    record = Record(
        identity=identity_of(channel.source, domain, cpu),
        energyprof=__version__,
        date=today,
        reads=seen.reads,
        period_ns=None if seen.period_ns is None else round(seen.period_ns),
        period_error_ns=round(seen.period_error_ns),
        quantum=seen.quantum,
        call_p50_ns=round(seen.call_p50_ns),
        call_p99_ns=round(seen.call_p99_ns),
        remarks=tuple(remarks),
        duration_s=round(channel.duration_s, 1),
        failures=seen.failures,
        is_regular=seen.is_regular,
    )
    if response is None:
        return record
    low, high = response.lag_range_ns
    window = response.window_range_ns
    return replace(
        record,
        load_date=today,
        response=response.kind,
        lag_ns=(round(low), round(high)),
        window_ns=None if response.window_ns is None else round(response.window_ns),
        window_range_ns=None if window is None else (round(window[0]), round(window[1])),
        load=channel.load,
        swing_w=response.swing_w,
        explained=response.explained,
    )
