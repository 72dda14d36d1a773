"""Calibration: put a known load on the machine, compare its CPU time with a meter, and keep the model that fits.

Wires the load and the clocks (collect), the fit (attribute) and the file that `load_model` reads (model).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np

from energyprof import discover
from energyprof.attribute.machine_fit import MachineFit, fit_machine
from energyprof.attribute.updates import recover
from energyprof.attribute.windows import Windows
from energyprof.collect.choose import choose_named, sensor_root
from energyprof.collect.cpu_load import LOADS, CpuLoad, Load, busy_ns
from energyprof.collect.devices import open_source, parts_of
from energyprof.collect.meter_log import MeterLog, read_meter_log
from energyprof.collect.poller import Poller
from energyprof.errors import InputError
from energyprof.interfaces import PowerSource, SourceContext
from energyprof.model.domain import Domain, counted_ids
from energyprof.model.fitted_power import FittedPower, fitted_file, text_of_fit
from energyprof.model.span import Flags, Floats

TICK_S: Final = 0.1
SETTLING: Final = 0.2
"""The first part of each load is left out: fans, clocks and slow meters take a while."""
LONGEST_SETTLING_NS: Final = 3_000_000_000
LEAST_WINDOW_NS: Final = 1_000_000_000
LOAD_FILE: Final = "calibration-load.json"
Window = tuple[int, int, float]
"""From, to (CLOCK_MONOTONIC ns), joules."""


class Machine(Protocol):
    """The clocks and the load of a machine; tests have one of their own."""

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in ns."""
        ...

    def epoch_ns(self) -> int:
        """Return the time of day in ns since 1970."""
        ...

    def busy_ns(self) -> int:
        """Return the CPU time that all of the machine has used so far, in ns."""
        ...

    def wait(self, duration_s: float) -> None:
        """Return after so long."""
        ...

    def start(self, load: Load) -> None:
        """Begin a load."""
        ...

    def stop(self) -> None:
        """End the load; a second call does nothing."""
        ...


@dataclass(frozen=True)
class LoadRecord:
    """What was done to the machine, and the CPU time that it took."""

    phases: tuple[tuple[str, int, int], ...]
    """(load, from, to); CLOCK_MONOTONIC ns, as all times here."""
    t_ns: tuple[int, ...]
    busy_ns: tuple[int, ...]
    epoch_offset_ns: int
    """Added to CLOCK_MONOTONIC it makes the time since 1970."""
    cpu: str
    threads: int


@dataclass(frozen=True)
class Calibrated:
    """The model, how it fits, and where it is kept."""

    power: FittedPower
    fit: MachineFit
    path: str


class ThisMachine:
    """The machine we are on."""

    def __init__(self) -> None:
        self._load = CpuLoad()
        self.now_ns = time.monotonic_ns
        self.epoch_ns = time.time_ns
        self.wait = time.sleep
        self.start = self._load.start
        self.stop = self._load.stop

    def busy_ns(self) -> int:
        """Return the CPU time used by all programs since boot."""
        return busy_ns()


def run_load(
    machine: Machine,
    duration_s: float,
    cpu: tuple[str, int],
    progress: Callable[[str, float], None] = lambda _load, _part: None,
    poll: Callable[[], object] = lambda: None,
) -> LoadRecord:
    """Put each load on the machine for its share of `duration_s`; `poll` is called all along, ten times a second.

    `cpu` is the CPU's name and its number of threads; `progress` is told the load and the part done of all, 0..1.
    """
    phases: list[tuple[str, int, int]] = []
    times: list[int] = []
    busy: list[int] = []
    offset_ns = machine.epoch_ns() - machine.now_ns()
    begin_ns = machine.now_ns()
    try:
        for number, load in enumerate(LOADS):
            machine.start(load)
            phase_ns = machine.now_ns()
            until_ns = begin_ns + round((number + 1) / len(LOADS) * duration_s * 1e9)
            while True:
                now_ns = machine.now_ns()
                times.append(now_ns)
                busy.append(machine.busy_ns())
                poll()
                progress(load, min(1.0, (now_ns - begin_ns) / (duration_s * 1e9)))
                if now_ns >= until_ns:
                    break
                machine.wait(min(TICK_S, (until_ns - now_ns) * 1e-9))
            phases.append((load, phase_ns, times[-1]))
    finally:
        machine.stop()
    return LoadRecord(tuple(phases), tuple(times), tuple(busy), offset_ns, *cpu)


def windows_of_log(log: MeterLog, record: LoadRecord) -> list[Window]:
    """Return the meter's windows in the machine's time."""
    shift_ns = 0 if log.is_monotonic else record.epoch_offset_ns
    windows = [(begin - shift_ns, end - shift_ns, energy_j) for begin, end, energy_j in log.windows()]
    first_ns, last_ns = record.phases[0][1], record.phases[-1][2]
    if not windows or windows[-1][1] < last_ns or windows[0][0] > first_ns:
        said = "no time" if not windows else f"{_clock(windows[0][0], record)} to {_clock(windows[-1][1], record)}"
        raise InputError(
            f"the meter's log covers {said}, the load {_clock(first_ns, record)} to {_clock(last_ns, record)}; "
            "hand over a log of all of it: energyprof calibrate --fit-only --meter-csv FILE (the load is kept)"
        )
    return windows


def fit_windows(windows: Sequence[Window], record: LoadRecord) -> MachineFit:
    """Fit the windows that lie within one load each, its beginning left out; raises InputError."""
    names: list[str] = []
    kept: list[Window] = []
    for load, begin_ns, end_ns in record.phases:
        from_ns = begin_ns + min(round(SETTLING * (end_ns - begin_ns)), LONGEST_SETTLING_NS)
        within = [window for window in windows if from_ns <= window[0] and window[1] <= end_ns]
        inside = _merged(within, end_ns - begin_ns)
        names += [load] * len(inside)
        kept += inside
    table = np.array(kept, np.float64).reshape(-1, 3)
    t_ns, used_ns = np.array(record.t_ns, np.float64), np.array(record.busy_ns, np.float64)
    cpu_s: Floats = (np.interp(table[:, 1], t_ns, used_ns) - np.interp(table[:, 0], t_ns, used_ns)) * 1e-9
    return fit_machine(table[:, 2], (table[:, 1] - table[:, 0]) * 1e-9, cpu_s, tuple(names))


def _merged(windows: Sequence[Window], phase_ns: int) -> list[Window]:
    """Return windows of at least a second, or an eighth of a short load: CPU time counts in steps of 10 ms."""
    least_ns = min(LEAST_WINDOW_NS, phase_ns // 8)
    merged: list[Window] = []
    for begin_ns, end_ns, energy_j in windows:
        if merged and merged[-1][1] == begin_ns and merged[-1][1] - merged[-1][0] < least_ns:
            first_ns, _, before_j = merged.pop()
            merged.append((first_ns, end_ns, before_j + energy_j))
        else:
            merged.append((begin_ns, end_ns, energy_j))
    return [window for window in merged if window[1] - window[0] >= least_ns]


class ReferenceSource:
    """A better source on the same machine, read while the load runs."""

    def __init__(self, source: PowerSource, domains: Sequence[Domain], now_ns: Callable[[], int]) -> None:
        self.domains = domains
        self._start_ns = now_ns()
        devices = open_source(source, domains, parts_of(source)).devices
        self._pollers = [Poller(device, now_ns, self._start_ns) for device in devices]

    def poll(self) -> None:
        """Read every device once."""
        for poller in self._pollers:
            poller.poll()

    def close(self) -> None:
        """Close the source."""
        for poller in self._pollers:
            poller.close()

    def windows(self, end_ns: int) -> list[Window]:
        """Return the energy of all domains that count between their updates; raises InputError where one gave none."""
        readings = {id_: rows for poller in self._pollers for id_, rows in poller.drain().items()}
        counted = counted_ids(self.domains)
        found = []
        for domain in (domain for domain in self.domains if domain.id in counted):
            rows = readings.get(domain.id)
            windows = None if rows is None else recover(domain, rows, self._start_ns, end_ns).run
            if windows is None or not len(windows):
                raise InputError(f"{domain.id} of {domain.source} gave no energy meanwhile; choose another source")
            found.append(windows)
        if not found:
            raise InputError("the source has no domain that counts; choose another one")
        begin_ns, end = max(float(one.start_ns[0]) for one in found), min(float(one.end_ns[-1]) for one in found)
        within = (found[0].start_ns >= begin_ns) & (found[0].end_ns <= end)
        edges = np.unique(np.append(found[0].start_ns[within], found[0].end_ns[within]))
        gained = np.sum([np.diff(_counted_j(windows, edges)) for windows in found], axis=0)
        is_read = np.all([~_meets_a_gap(windows, edges) for windows in found], axis=0)
        shifted = edges + self._start_ns
        return [(round(shifted[row]), round(shifted[row + 1]), float(gained[row])) for row in np.flatnonzero(is_read)]

    def error(self) -> tuple[float, float]:
        """Return the largest error that a domain states: the model cannot be better than what it was fitted against."""
        counted = [domain for domain in self.domains if domain.id in counted_ids(self.domains)]
        low, high = zip(*(domain.gain_error for domain in counted), strict=True)
        return max(low), max(high)


def _counted_j(windows: Windows, edges_ns: Floats) -> Floats:
    """Return the energy measured up to each edge, spread evenly over each window."""
    times = np.column_stack((windows.start_ns, windows.end_ns)).ravel()
    after = np.cumsum(windows.energy_j)
    counter: Floats = np.interp(edges_ns, times, np.column_stack((after - windows.energy_j, after)).ravel())
    return counter


def _meets_a_gap(windows: Windows, edges_ns: Floats) -> Flags:
    """Return which stretches between two edges have time in them that was not measured."""
    times = np.column_stack((windows.start_ns, windows.end_ns)).ravel()
    measured_ns = np.cumsum(windows.duration_ns())
    counter = np.column_stack((measured_ns - windows.duration_ns(), measured_ns)).ravel()
    covered_ns = np.diff(np.interp(edges_ns, times, counter))
    missing: Flags = covered_ns < 0.999 * np.diff(edges_ns)
    return missing


def open_reference(name: str, argument: str) -> ReferenceSource:
    """Open a source to calibrate against; raises SourceError, PluginError or InputError."""
    source = cast(PowerSource, discover.find(discover.POWER_SOURCES, name).load()())
    if source.measures != "sensor":
        raise InputError(f"{name} is no sensor; calibrate against one that `energyprof doctor` finds, or a meter")
    context = SourceContext(start_ns=time.monotonic_ns(), now_ns=time.monotonic_ns, root=sensor_root())
    finding = choose_named(source, argument, context)
    return ReferenceSource(source, tuple(source.open(finding.context)), time.monotonic_ns)


def keep(fit: MachineFit, record: LoadRecord, meter: str, meter_error: tuple[float, float], day: str) -> Calibrated:
    """Write the fitted model where `load_model` finds it; raises InputError where there is no place for it."""
    low, high = (min(error + fit.error, 1.0) for error in meter_error)
    power = FittedPower(record.cpu, record.threads, fit.idle_w, fit.cpu_w, (low, high), day, meter)
    path = fitted_file(_folder(), power.cpu, power.threads)
    _write(path, text_of_fit(power))
    return Calibrated(power, fit, path)


def keep_load(record: LoadRecord) -> str:
    """Write what was done to the machine, for a meter whose log comes later; return the path."""
    path = os.path.join(_folder(), LOAD_FILE)
    _write(path, json.dumps(asdict(record)))
    return path


def kept_load() -> LoadRecord:
    """Return the load of last time; raises InputError where there was none."""
    path = os.path.join(_folder(), LOAD_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            value: dict[str, Any] = json.load(file)
        phases = tuple((str(load), int(begin_ns), int(end_ns)) for load, begin_ns, end_ns in value.pop("phases"))
        times, busy = tuple(value.pop("t_ns")), tuple(value.pop("busy_ns"))
        return LoadRecord(phases, times, busy, **value)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError("no load has been run here yet; try: energyprof calibrate --meter-csv FILE") from error


def fit_log(path: Path, record: LoadRecord) -> MachineFit:
    """Fit a meter's log; raises InputError."""
    return fit_windows(windows_of_log(read_meter_log(path), record), record)


def this_cpu(root: str | None = None) -> tuple[str, int]:
    """Return the CPU's name and its number of hardware threads, as `load_model` looks for them."""
    facts: dict[str, str] = {}
    threads = 0
    try:
        with open(os.path.join(root or sensor_root(), "proc/cpuinfo"), encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                facts.setdefault(key.strip(), value.strip())
                threads += key.strip() == "processor"
    except OSError:
        pass
    return facts.get("model name") or facts.get("CPU part") or "unknown CPU", threads or os.cpu_count() or 1


def _folder() -> str:
    folder = discover.cache_folder()
    if not folder:
        raise InputError("there is no folder to keep the model in; set XDG_CACHE_HOME to one that can be written")
    return folder


def _write(path: str, text: str) -> None:
    scratch = f"{path}.{os.getpid()}"
    try:
        with open(scratch, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(scratch, path)
    except OSError as error:
        reason = f"{path} cannot be written ({error.strerror}); make room for it, or set XDG_CACHE_HOME"
        raise InputError(reason) from error


def _clock(t_ns: int, record: LoadRecord) -> str:
    return datetime.fromtimestamp((t_ns + record.epoch_offset_ns) * 1e-9).strftime("%Y-%m-%d %H:%M:%S")
