"""Start recording inside the user's program: the recorder, and the instruments that wait for their frameworks.

Called before the program's own first line, so everything here is small, and nothing of it ever raises or prints.
"""

from __future__ import annotations

import atexit
import os
import sys

from energyprof.model.overhead_bound import DEFAULT, MAX_OVERHEAD, bound_of
from energyprof.record.faults import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from energyprof.interfaces import Instrument
    from energyprof.record.cure_frames import CureFrames
    from energyprof.record.dephase import Dephaser
    from energyprof.record.imports import ImportWatcher
    from energyprof.record.recorder import Recorder
    from energyprof.record.repeats import RepeatPhase
    from energyprof.record.stacks import StackSampler

    class Removable(Protocol):
        """What has been installed."""

        def remove(self) -> None: ...


RUN_DIR = "ENERGYPROF_RUN_DIR"
INSTRUMENTS = "ENERGYPROF_INSTRUMENTS"
"""JSON list of [name, framework, "module:attr", source file of the plugin]."""
STACKS = "ENERGYPROF_STACKS"
"""`on`, or `auto`: as long as nobody else looks at the program; anything else: no sampling of stacks."""
DEPHASE = "ENERGYPROF_DEPHASE"
"""JSON object: low_ns, high_ns, stage (a regular expression, or nothing): delay iterations."""
REPEAT = "ENERGYPROF_REPEAT"
"""JSON object: visit_ns, rounds: repeat layers at the end, in the process that the foreground started."""
FLOW = "ENERGYPROF_FLOW"
"""`off`: it is not watched which stage's results which stage receives."""
LANES = {
    "_posixsubprocess": "energyprof.record.launches:ForkExec",
    "asyncio": "energyprof.record.tasks:TaskLanes",
    "concurrent.futures.thread": "energyprof.record.work_items:WorkItems",
    "multiprocessing.connection": "energyprof.record.messages:WorkerMessages",
    "multiprocessing.forkserver": "energyprof.record.forkserver:ForkserverChildren",
    "os": "energyprof.record.launches:OsLaunches",
    "threading": "energyprof.record.threads:ThreadSpawns",
    "uvloop": "energyprof.record.uvloop_tasks:UvloopTasks",
}
"""What makes lanes of a module's threads, tasks and processes, and hands over what these did in time.

Installed when the program itself imports the module.
"""


def start() -> None:
    """Record this process if the environment asks for it; a second call does nothing."""
    run_dir = os.environ.get(RUN_DIR)
    if not run_dir or _Running.recording is not None or not os.path.isdir(run_dir):
        return  # the folder of a run that is over: this process was launched by one that outlived it
    try:
        recording = _Running.recording = Recording(run_dir, os.environ.get(MAX_OVERHEAD, DEFAULT))
        atexit.register(finish)  # the first to register is the last to be called
        recording.take_cures(os.environ.get(DEPHASE, ""), os.environ.get(REPEAT, ""))
        recording.start(os.environ.get(INSTRUMENTS, ""), flow=os.environ.get(FLOW) != "off")
    except Exception:  # the program must run as if we were not there
        note(run_dir, "starting the recorder")


def begin(run_dir: str, instruments: str, *, max_overhead: str = DEFAULT, flow: bool = True) -> None:
    """Record this process, which asks for it by itself, until `stop`; raises OSError if nothing can be written."""
    recording = Recording(run_dir, max_overhead)
    try:
        recording.start(instruments, flow=flow)
    except BaseException:
        recording.stop()
        raise
    _Running.recording = recording


def recorded_into() -> str:
    """Return the run folder that this process records into, or nothing."""
    return "" if _Running.recording is None else _Running.recording.run_dir


def flush() -> None:
    """Write what has been recorded so far."""
    if _Running.recording is not None:
        _Running.recording.flush()


def finish() -> None:
    """Repeat what is to be repeated, unless the program was ended by an exception, and stop."""
    recording = _Running.recording
    if recording is not None:
        recording.repeat()
    stop()


def installed() -> tuple[object, ...]:
    """Return the instruments that record in this process now."""
    return () if _Running.recording is None else _Running.recording.installed


def stop() -> None:
    """Write what has been recorded and undo everything; a second call does nothing."""
    recording, _Running.recording = _Running.recording, None
    if recording is not None:
        recording.stop()


class Recording:
    """The recorder and the instruments of this process."""

    def __init__(self, run_dir: str, max_overhead: str) -> None:
        """`max_overhead`: what recording may cost, as people write it."""
        self.run_dir = run_dir
        self._bound = bound_of(max_overhead)
        self._recorder: Recorder | None = None
        self._stacks: StackSampler | None = None
        self._watcher: ImportWatcher | None = None
        self._cures: CureFrames | None = None
        self._dephaser: Dephaser | None = None
        self._phase: RepeatPhase | None = None
        self._awaited: dict[str, list[tuple[str, str, str]]] = {}
        self._installed: list[tuple[str, Removable]] = []

    def take_cures(self, dephase: str, repeat: str) -> None:
        """Prepare what has been asked for so that stages can be told apart (JSON as in DEPHASE and REPEAT)."""
        if not dephase and not repeat:
            return
        from energyprof.model.json_text import from_json
        from energyprof.record.cure_frames import CureFrames
        from energyprof.record.dephase import Dephaser, begin
        from energyprof.record.recorder import PARENT_SPOOL

        if dephase:
            asked = from_json(dephase)
            self._dephaser = Dephaser(asked["low_ns"], asked["high_ns"], asked["stage"])
            begin(self._dephaser)
        self._cures = CureFrames(None if self._dephaser is None else self._dephaser.figures)
        if repeat and not os.path.dirname(os.environ.get(PARENT_SPOOL, "")).startswith(self.run_dir):
            from energyprof.record.kept_calls import KEPT
            from energyprof.record.repeats import Active, RepeatPhase

            asked = from_json(repeat)
            Active.phase = self._phase = RepeatPhase(self.run_dir, asked["visit_ns"], asked["rounds"], self._cures)
            self._phase.add(KEPT)

    def repeat(self) -> None:
        """Repeat what is to be repeated, unless an exception that nobody caught has ended the program."""
        if self._phase is not None and not hasattr(sys, "last_type") and not hasattr(sys, "last_exc"):
            self._phase.run()

    def start(self, instruments: str, *, flow: bool) -> None:
        """Start the recorder, then wait for the frameworks of `instruments` (JSON as in INSTRUMENTS).

        `flow`: stages tell which objects they hand out and receive.
        """
        from energyprof.record import lanes
        from energyprof.record.imports import ImportWatcher
        from energyprof.record.recorder import Recorder
        from energyprof.record.told import TOLD_HERE

        lanes.watches_flow = flow
        recorder = Recorder(self.run_dir)
        recorder.on_abandoned = stop
        recorder.tellers = [TOLD_HERE] if self._cures is None else [self._cures, TOLD_HERE]
        if self._bound is not None:
            from energyprof.record.governor import Governor

            recorder.costs.governor = Governor(self._bound, recorder.costs)
        TOLD_HERE.forget()
        recorder.on_fork.append(TOLD_HERE.forget)
        recorder.start()
        TOLD_HERE.wake, TOLD_HERE.warn = recorder.wake, recorder.warn
        self._recorder = recorder
        if self._dephaser is not None and self._cures is not None:
            recorder.on_fork += (self._dephaser.forget, self._cures.forget)
        if instruments:
            from energyprof.model.json_text import from_json

            for name, framework, target, file in from_json(instruments):
                self._awaited.setdefault(framework, []).append((name, target, file))
        self._watcher = ImportWatcher(self._arrived)
        self._watcher.watch(list({**LANES, **self._awaited}))
        if os.environ.get(STACKS) in {"on", "auto"}:
            from energyprof.record.stacks import StackSampler

            self._stacks = StackSampler(recorder, asked_for=os.environ[STACKS] == "on")
            self._stacks.start()

    @property
    def installed(self) -> tuple[object, ...]:
        """The instruments, those of lanes included."""
        return tuple(one for _, one in self._installed)

    def flush(self) -> None:
        """Write what has been recorded so far."""
        if self._recorder is not None:
            self._recorder.flush()

    def stop(self) -> None:
        """Undo everything, the latest first."""
        if self._phase is not None:
            from energyprof.record.repeats import Active

            Active.phase = None
        if self._dephaser is not None:
            from energyprof.record.dephase import end

            end()
        if self._stacks is not None:
            self._stacks.stop()
        if self._watcher is not None:
            self._watcher.stop()
        while self._installed:
            name, instrument = self._installed.pop()
            try:
                instrument.remove()
            except Exception:  # a plugin's error must not change how the program ends
                note(self.run_dir, f"removing the instrument {name}")
        if self._recorder is not None:
            try:
                self._recorder.close()
            except Exception:  # neither must ours
                note(self.run_dir, "closing the recorder")

    def _arrived(self, module: str) -> None:
        if module in LANES:
            self._make_lanes(module)
        if module in self._awaited:
            self._install(module)

    def _make_lanes(self, module: str) -> None:
        from energyprof.record.imports import load_plugin

        try:
            lanes = load_plugin(LANES[module], "")()
            lanes.install()
        except Exception:  # an error of ours must not break the program's import
            note(self.run_dir, f"making lanes for {module}")
        else:
            self._installed.append((module, lanes))

    def _install(self, framework: str) -> None:
        from energyprof.record.imports import load_plugin
        from energyprof.record.sink import Sink

        recorder = self._recorder
        if recorder is None:
            return
        for name, target, file in self._awaited.pop(framework, ()):
            try:
                instrument: Instrument = load_plugin(target, file)()
                instrument.install(Sink(recorder, self._phase))
            except Exception as error:  # a plugin's error must not break the program's import
                note(self.run_dir, f"installing the instrument {name}")
                recorder.warn(f"the instrument {name} is off: {type(error).__name__}: {error}")
            else:
                self._installed.append((name, instrument))


class _Running:
    """What this process records with."""

    recording: Recording | None = None
