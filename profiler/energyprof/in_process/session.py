"""One run of this process by itself, from start to end: the recorder inside, the collector started by it."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from energyprof import bootstrap, discover
from energyprof.collect.cpu_before import cpu_used_by
from energyprof.errors import InputError
from energyprof.in_process.surroundings import ChildEnvironment, stem_and_command
from energyprof.launch.environment import collector_environment
from energyprof.launch.file_size import DEFAULT_BYTES
from energyprof.launch.output_file import claim_default, claim_named
from energyprof.launch.own_collector import OwnCollector
from energyprof.launch.ready_collectors import ReadyCollectors
from energyprof.launch.run_folder import make_run_folder, remove_run_folder
from energyprof.launch.run_notes import note_ending, note_program
from energyprof.model.json_text import to_json
from energyprof.model.overhead_bound import DEFAULT
from energyprof.past.program import identity_of_loaded
from energyprof.sources import check_sources

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Wish(NamedTuple):
    """What is asked for."""

    output: str | None = None
    sources: tuple[tuple[str, str], ...] = ()
    max_hz: float = 100.0
    shared: bool = False
    lead_in_s: float = 0.0
    max_size: int = DEFAULT_BYTES
    flow: bool = True
    max_overhead: str = DEFAULT
    gives_way: bool = False
    """Whether it ends where the program begins a profile of its own, which is then as if this one had not been."""

    is_live: bool = False
    """Whether somebody looks at `Session.live` while it goes on."""

    ready: ReadyCollectors | None = None
    """What makes its collector at once; None: one is started."""

    def is_met_by(self, session: Session) -> bool:
        """Return whether a run that goes on does for this one, too."""
        if not session.path:
            return True  # it could not be started, nor could another
        is_same_file = self.output is None or os.path.abspath(self.output) == session.path
        return is_same_file and self.sources in {(), session.sources} and self.shared in {False, session.shared}


class Session:
    """A run that has been started. Its methods are for this process; a forked child has a recording of its own."""

    def __init__(self, wish: Wish) -> None:
        """Start recorder and collector; raises InputError, PluginError or SourceError where the wish cannot be met.

        What the machine refuses (a full disk, no process, no descriptor) is a warning: the program goes on without.
        """
        check_sources(wish.sources)
        self.sources = wish.sources
        self.shared = wish.shared
        self.path = "" if wish.output is None else claim_named(wish.output).path
        self.failure = ""
        """Why the recording is not complete; empty as long as it is."""
        self.warnings: list[str] = []
        self.is_running = True
        self.gives_way = wish.gives_way
        self.gave_way = False
        self.owner: Callable[[], object | None] = lambda: None
        """Return who ends it, as long as there is somebody."""
        self._pid = os.getpid()
        self._run_dir = ""
        self._collector: OwnCollector | None = None
        self._environment: ChildEnvironment | None = None
        self._talking = threading.Lock()
        try:
            self._start(wish)
        except (OSError, InputError) as error:
            self._give_up(f"nothing is profiled: {error}")
        except BaseException:
            self._give_up("")
            raise

    def _start(self, wish: Wish) -> None:
        stem, command = stem_and_command()
        if not self.path:
            output = claim_default(stem)
            self.path = output.path
            self.warnings += [output.remark] if output.remark else []
        self._run_dir = make_run_folder()
        instruments = discover.instrument_specs()
        inherited = own_environment()
        self._environment = ChildEnvironment(_PACKAGE, self._run_dir, instruments, wish.max_overhead)
        start_unix_ns, start_ns = time.time_ns(), time.monotonic_ns()
        self._cpu_before = cpu_used_by(self._pid)
        config = {
            "run_dir": self._run_dir,
            "output": self.path,
            "command": list(command),
            "sources": [list(source) for source in self.sources],
            "root_pid": self._pid,
            "start_ns": start_ns,
            "start_unix_ns": start_unix_ns,
            "max_hz": wish.max_hz,
            "shared": self.shared,
            "lead_in_s": wish.lead_in_s,
            "max_size": wish.max_size,
            "max_overhead": wish.max_overhead,
            "live": wish.is_live,
            "in_process": True,
            "cpu_before": list(self._cpu_before.items()),
        }
        self._collector = OwnCollector(config, inherited, ready=wish.ready)
        self._children_ns = _children_ns()
        note_program(self._run_dir, identity_of_loaded(sys.modules))  # while the collector starts
        self._collector.await_sampling()
        time.sleep(wish.lead_in_s)
        specs = to_json([list(instrument) for instrument in instruments]).decode()
        bootstrap.begin(self._run_dir, specs, max_overhead=wish.max_overhead, flow=wish.flow)
        self._environment.set()
        self._collector.begin(time.monotonic_ns(), time.time_ns())

    def _give_up(self, failure: str) -> None:
        """Leave nothing behind of what could not be started."""
        if self._collector is not None:
            self._collector.abandon()
            self._collector = None
        if bootstrap.recorded_into():
            bootstrap.stop()
        if self._environment is not None:
            self._environment.restore()
            self._environment = None
        if self._run_dir:
            remove_run_folder(self._run_dir)
        with suppress(OSError):
            os.unlink(self.path)
        self.path, self.failure = "", failure
        self.warnings = [failure]

    @property
    def is_ours(self) -> bool:
        """Whether this process has started it: a forked child knows it, too."""
        return os.getpid() == self._pid

    def commit(self) -> str:
        """Have all that is known so far stored in the file; return why that failed, or nothing."""
        bootstrap.flush()
        with self._talking:
            return self.failure if self._collector is None else self._collector.commit()

    def live(self) -> Mapping[str, Any] | None:
        """Return the newest figures of a run that goes on, if it was wished for with `is_live`."""
        if not self.is_running or not self.is_ours or not self._talking.acquire(blocking=False):
            return None
        try:
            return None if self._collector is None else self._collector.live()
        finally:
            self._talking.release()

    def end(self, exit_code: int | None, remarks: Sequence[str] = ()) -> None:
        """Stop recording and finish the file; a second call does nothing.

        Where it is interrupted the collector finishes the file by itself.
        """
        if not self.is_running:
            return
        self.is_running = False
        t_ns, cpu_now = time.monotonic_ns(), cpu_used_by(os.getpid())
        try:
            bootstrap.stop()
        finally:
            if self._environment is not None:
                self._environment.restore()
            if self._collector is not None and self.is_ours:
                used_ns = {tid: at_end_ns - self._cpu_before.get(tid, 0) for tid, at_end_ns in cpu_now.items()}
                ending = {
                    "t_ns": t_ns,
                    "exit_code": exit_code,
                    "cpu_ns": used_ns[0] + _children_ns() - self._children_ns,
                    "cpu_by_thread": list(used_ns.items()),
                    "warnings": list(remarks),
                }
                self._finish(self._collector, ending)

    def _finish(self, collector: OwnCollector, ending: Mapping[str, Any]) -> None:
        """Wait for the file, and remove what nobody needs any more; what failed is kept and said."""
        self.failure = "it was interrupted before the collector had finished"
        with self._talking:
            self.failure = collector.finish(ending).failure
        if not self.failure:
            remove_run_folder(self._run_dir)
            return
        with suppress(OSError):
            if not os.path.getsize(self.path):
                os.unlink(self.path)
        note_ending(self._run_dir, ending)
        remedy = f"complete it with: energyprof recover {self._run_dir}"
        self.warnings.append(f"the recording is not complete: {self.failure}; {remedy}")


def own_environment() -> dict[str, str]:
    """Return the environment of a process of ours beside the program: its own, without what makes Python record."""
    return collector_environment(os.environ, _PACKAGE)


def _children_ns() -> int:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)
