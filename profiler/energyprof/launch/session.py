"""One profiled run as the foreground sees it: program, collector and user, from the start to the end of both."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from energyprof.launch.arrivals import Arrivals
from energyprof.launch.canary import Canary
from energyprof.launch.collector import MODULE, Collector, Result
from energyprof.launch.environment import collector_environment
from energyprof.launch.preload import Preload
from energyprof.launch.program_note import ProgramNote
from energyprof.launch.pump import Ending, Pump
from energyprof.launch.run_notes import note_config, note_ending
from energyprof.launch.start import Started
from energyprof.model.overhead_bound import DEFAULT

_LIVE_TICK_S = 0.2
_TICK_S = 1.0
_LEAD_IN_TICK_S = 0.05
_HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LEAD_IN_PATIENCE_S = 5.0
"""Until the collector says that it reads sensors it loads Python; a program is not kept waiting for ever."""
_GIVING_UP = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


class Settings(NamedTuple):
    """What the collector is told."""

    run_dir: str
    output: str
    """The recording, an empty file so far."""
    sources: tuple[tuple[str, str], ...] = ()
    """(name, argument); empty: chosen automatically."""
    max_hz: float = 100.0
    is_live: bool = False
    stacks: str = "off"
    """Whether functions are sampled: `on`, `auto` (while stages cover less than half of the time) or `off`."""
    collector_module: str = MODULE
    is_shared: bool = False
    """Others' part of the energy is to be told apart."""
    max_size: int = 0
    """Bytes that the recording may have; 0: any number."""
    max_overhead: str = DEFAULT
    """What recording may cost; reading sensors takes no more of one core."""
    identify: Callable[[], Mapping[str, Any]] | None = None
    """Return which version of the program it is; called in a thread. None: nobody asks."""


class Audience(Protocol):
    """Who is shown what happens while the program runs."""

    def live(self, event: Mapping[str, Any]) -> None:
        """Show elapsed_s, power_w, energy_j and stage."""
        ...

    def clear(self) -> None:
        """Leave the terminal as the program would have: it has stopped, or ended."""
        ...

    def say(self, message: str) -> None:
        """Show one line that cannot wait for the report."""
        ...


class Outcome(NamedTuple):
    """What is left when both have ended."""

    ending: Ending
    result: Result


class LeadIn:
    """A collector that reads the sensors before there is a program."""

    def __init__(self, settings: Settings, package: str) -> None:
        """Have it ready to be begun."""
        self._settings = settings
        self._package = package
        self._collector: Collector | None = None
        self.lead_in_s = 0.0

    @property
    def collector(self) -> Collector:
        """The collector, once it has begun."""
        assert self._collector is not None
        return self._collector

    def begin(self) -> None:
        """Start it; raises OSError. Ctrl-C comes through when it is known which process is to be ended then."""
        settings = self._settings
        config = {
            "run_dir": settings.run_dir,
            "output": settings.output,
            "sources": [list(source) for source in settings.sources],
            "max_hz": settings.max_hz,
            "parent_pid": os.getpid(),
        }
        environment = collector_environment(os.environ, self._package)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        try:
            numbers = {int(number) for number in mask}
            self._collector = Collector(config, settings.run_dir, environment, numbers, settings.collector_module)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def cancel(self) -> None:
        """End it, if it has begun: there is no program."""
        if self._collector is not None:
            self._collector.cancel()

    def wait(self, lead_in_s: float, audience: Audience) -> None:
        """Return when sensors have been read for so long, or cannot be; Ctrl-C comes through."""
        self.lead_in_s = lead_in_s
        until_s = time.monotonic() + lead_in_s + _LEAD_IN_PATIENCE_S
        is_sampling = False
        while time.monotonic() < until_s and not self.collector.has_ended:
            for event in self.collector.events():
                if event["event"] == "sampling":
                    until_s = until_s if is_sampling else time.monotonic() + lead_in_s
                    is_sampling = True
                    audience.live({"lead_in_s": max(0.0, until_s - time.monotonic()), **event})
            time.sleep(max(0.0, min(_LEAD_IN_TICK_S, until_s - time.monotonic())))
        audience.clear()


def follow(
    started: Started,
    settings: Settings,
    audience: Audience,
    preloads: Sequence[Callable[[], None]],
    lead_in: LeadIn | None = None,
) -> Outcome:
    """Start the collector of a program that has just been started, or tell it so, and see both to their end."""
    _release_streams()
    watch = _Watch(audience, settings.is_live)
    config = {
        "run_dir": settings.run_dir,
        "output": settings.output,
        "command": list(started.program.command),
        "sources": [list(source) for source in settings.sources],
        "root_pid": started.pid,
        "start_ns": started.start_ns,
        "start_unix_ns": started.start_unix_ns,
        "max_hz": settings.max_hz,
        "live": settings.is_live,
        "stacks": settings.stacks,
        "shared": settings.is_shared,
        "foreground_pid": os.getpid(),
        "lead_in_s": 0.0 if lead_in is None else lead_in.lead_in_s,
        "max_size": settings.max_size,
        "max_overhead": settings.max_overhead,
    }
    arrivals = started.arrivals
    if lead_in is None:
        watch.start(config, settings, started.package, arrivals.mask_for_program)
    else:
        watch.take_over(lead_in.collector, config, settings)
    loading = Preload(*preloads, is_needed=lambda: watch.reads_sensors)
    note = None if settings.identify is None else ProgramNote(settings.identify, settings.run_dir)
    canary = Canary()
    try:
        ending = Pump(started.pid, arrivals, canary, on_tick=watch.tick, on_stop=audience.clear).run()
    finally:
        canary.close()
    loading.hurry()
    if note is not None:
        note.close()
    audience.clear()
    return Outcome(ending, watch.finish(ending, lambda: _is_given_up(arrivals)))


class _Watch:
    """The collector as long as there is one; its failure is news, never an exception."""

    def __init__(self, audience: Audience, is_live: bool) -> None:
        self._audience = audience
        self._is_live = is_live
        self._collector: Collector | None = None
        self._failure = ""
        self._run_dir = ""
        self.reads_sensors: bool | None = None
        """What the collector says once it has opened them; False: models are all it has, whose energy takes no fit."""

    def start(self, config: Mapping[str, Any], settings: Settings, package: str, mask: set[int]) -> None:
        environment = collector_environment(os.environ, package)
        self._run_dir = settings.run_dir
        note_config(self._run_dir, config)
        try:
            self._collector = Collector(config, settings.run_dir, environment, mask, settings.collector_module)
        except OSError as error:
            self._failure = f"the collector cannot be started: {error.strerror}"

    def take_over(self, collector: Collector, config: Mapping[str, Any], settings: Settings) -> None:
        self._run_dir = settings.run_dir
        note_config(self._run_dir, config)
        self._collector = collector
        collector.begin(config)

    def tick(self) -> float:
        for event in self._collector.events() if self._collector else ():
            if event["event"] == "live":
                self._audience.live(event)
            elif event["event"] == "ready":
                self.reads_sensors = bool(event.get("reads_sensors", True))
            elif event["event"] in {"failed", "warning"}:
                self._say(event)
        return _LIVE_TICK_S if self._is_live else _TICK_S

    def _say(self, event: Mapping[str, Any]) -> None:
        self._audience.say(str(event.get("message", "the collector failed")))

    def _hear(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "warning":  # since the last tick; why it failed is in the result
            self._say(event)

    def finish(self, ending: Ending, is_given_up: Callable[[], bool]) -> Result:
        collector = self._collector
        result = Result((), self._failure) if collector is None else collector.finish(ending, is_given_up, self._hear)
        if result.failure:
            note_ending(self._run_dir, ending._asdict())
        return result


def _is_given_up(arrivals: Arrivals) -> bool:
    arrival = arrivals.wait(0.0)
    return arrival is not None and arrival.signum in _GIVING_UP


def _release_streams() -> None:
    """Let go of the program's input and output: who reads it at the end of a pipe sees it end with the program."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    if null > 1:
        os.close(null)
