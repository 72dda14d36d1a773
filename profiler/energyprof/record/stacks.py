"""Functions by sampling: where the program's threads are whenever the collector's signal comes.

The collector sends SIGURG, which is ignored by default: an exec, and a process that starts or ends, are safe. It does
so as long as the *gate* of this process, a file, is there and its time of change moves on: taking it away steps aside
at once, and whoever replaces our handler unseen (in C) gets a few signals too many, no more.

We step aside for good where SIGURG belongs to the program or would be felt: see `signal_calls`; and where a debugger
or profiler follows the main thread, which would see our handler.

Calls into C delay the handler, which is what the weight of a sample repairs: the time since the one before. While the
main thread waits in a call that the system restarts (for a lock, for a child), it is not reached at all, nor before the
first signal; then the flusher's thread looks at all threads, where they let it: a little too often where they let the
interpreter's lock go by themselves.
"""

from __future__ import annotations

import os
import sys
from _signal import (  # type: ignore[import-not-found]  # what `signal` wraps in enums, whose import costs 7 ms
    SIG_DFL,
    SIGURG,
    getsignal,
    set_wakeup_fd,
    siginterrupt,
    signal,
)
from _thread import get_ident, get_native_id
from time import perf_counter_ns as now_ns

from energyprof.record import lanes
from energyprof.record.faults import note
from energyprof.record.imports import ImportWatcher
from energyprof.record.last_signal import await_last_signal
from energyprof.record.signal_calls import SignalCalls
from energyprof.record.stack_rows import StackRows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from energyprof.record.recorder import Recorder

GATES = "stacks"
"""Folder of the gates in the run folder; a gate is called like its process's spool."""
MOST_THREADS = 32
"""Other threads looked at in one sample."""
UNHEARD_NS = 25_000_000
"""The main thread has not taken a signal for so long: it waits, or is in a call into C."""
TELL_NS = 100_000_000
"""The gate is touched at most so often: it costs a system call."""
OBSERVERS = ("bdb", "profile", "trace", "coverage", "pyinstrument", "viztracer", "yappi", "scalene", "line_profiler")
"""Who imports one of these (cProfile imports profile) is about to look at the program by itself."""


class StackSampler:
    """Samples this process from `start` to `stop`, and its forked children."""

    def __init__(self, recorder: Recorder, *, asked_for: bool) -> None:
        """Hand samples to `recorder`; not `asked_for`: give way to every profiler the program brings along."""
        self.rows = StackRows()
        self._recorder = recorder
        self._asked_for = asked_for
        self._gate = ""
        self._heard_ns = 0
        """When the main thread was sampled last."""
        self._handler: Callable[[int, FrameType | None], None] | None = None
        self._calls = SignalCalls(self._give_way)
        self._watcher = ImportWatcher(self._imported)

    def start(self) -> None:
        """Get ready for samples, unless the signal is in use already or this is not the process's first thread."""
        if getsignal(SIGURG) != SIG_DFL or get_native_id() != os.getpid() or _has_wakeup_fd():
            return
        folder = os.path.join(self._recorder.run_dir, GATES)
        if not os.path.isdir(folder):
            return  # nobody would signal
        self._handler = self._sampling()
        signal(SIGURG, self._handler)
        siginterrupt(SIGURG, False)
        self._watcher.watch(("signal",) if self._asked_for else ("signal", *OBSERVERS))
        self._recorder.stacks = self.rows
        self._recorder.look_aside = self._look_aside
        lanes.on_thread = self._recorder.wake
        self._recorder.on_fork.append(self._renew)
        self._open()

    def stop(self) -> None:
        """Step aside; a second call does nothing. Handlers belong to the main thread: others only shut the gate."""
        self._shut()
        if self._handler is None or get_native_id() != os.getpid():
            return
        handler, self._handler = self._handler, None
        lanes.on_thread = lanes.nothing
        self._watcher.stop()
        self._calls.remove()
        if getsignal(SIGURG) is handler:
            signal(SIGURG, SIG_DFL)

    def _give_way(self) -> None:
        """Step aside for what is the program's own. At our end the signal is ignored: then nobody need wait for it."""
        gate = self._gate
        self.stop()
        if gate:
            await_last_signal(os.path.dirname(gate))

    def _imported(self, module: str) -> None:
        if module == "signal":
            self._calls.install(sys.modules[module])
        else:
            self.stop()

    def _open(self) -> None:
        self.rows.begin(now_ns(), os.getpid())
        self._gate = os.path.join(self._recorder.run_dir, GATES, self._recorder.spool_id)
        try:
            os.close(os.open(self._gate, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError:
            self._gate = ""  # no room, or the run is over: nobody will signal

    def _shut(self) -> None:
        gate, self._gate = self._gate, ""
        if gate:
            try:
                os.unlink(gate)
            except OSError:
                return  # the run folder is gone, and the collector with it

    def _renew(self) -> None:
        """In a forked child: a gate and rows of its own."""
        self.rows.renew()
        self._gate = ""
        if self._handler is not None:
            self._open()

    def _sampling(self) -> Callable[[int, FrameType | None], None]:
        """Return the signal handler. What it needs are cells, not attributes: it is all that a sample costs."""
        rows, look_at_others = self.rows, self._look_at_others
        python_threads, gettrace, getprofile = lanes.python_threads, sys.gettrace, sys.getprofile
        told_ns, is_busy = 0, False

        def sampled(_signum: int, frame: FrameType | None) -> None:
            nonlocal told_ns, is_busy
            if is_busy:  # the last one has not been worked off yet
                return
            is_busy = True
            try:
                t_ns = self._heard_ns = now_ns()
                if gettrace() is not None or getprofile() is not None:
                    self.stop()
                    return
                if frame is not None:
                    rows.add((t_ns, 0, *rows.walk(frame)))
                if len(python_threads()) > 1:  # asked each time: the program may import `threading` at any
                    look_at_others(t_ns, sys._current_frames(), get_ident())
                if t_ns - told_ns > TELL_NS:
                    told_ns = t_ns
                    self._recorder.wake()
                    os.utime(self._gate)
                rows.busy_ns += now_ns() - t_ns
            except BaseException as error:  # either ours, raised right here, or of a handler that came in between
                # Kept in a variable, a traceback would hold this frame, and with it all of the program's below.
                if error.__traceback__ is None:
                    raise
                if error.__traceback__.tb_next is not None or not isinstance(error, Exception):
                    error.__traceback__ = error.__traceback__.tb_next
                    raise
                if not isinstance(error, (RecursionError, MemoryError)):
                    self._failed(error)
            finally:
                is_busy = False

        return sampled

    def _look_at_others(self, t_ns: int, frames: dict[int, FrameType], but: int) -> None:
        rows, active = self.rows, lanes.python_threads()
        for ident, frame in list(frames.items())[:MOST_THREADS]:
            thread = active.get(ident)
            if thread is not None and ident != but:  # the flusher is no thread of the program's
                rows.add((t_ns, thread.native_id or 0, *rows.walk(frame)))

    def _look_aside(self) -> bool:
        """In the flusher's thread: look at the threads if the main thread cannot. False: there is no need."""
        active = lanes.python_threads()
        if not self._gate or len(active) < 2:
            return False
        t_ns = now_ns()
        if t_ns - self._heard_ns > UNHEARD_NS:
            if not os.path.exists(self._gate):  # nobody wants samples any more
                self._gate = ""
                return False
            main, frames = sys.modules["threading"].main_thread().ident or 0, sys._current_frames()
            # With our own frame in it the dict would be its own owner, and what the others hold would outlive them.
            frames.pop(get_ident(), None)
            if main in frames:
                self.rows.add((t_ns, 0, *self.rows.walk(frames[main])))
            self._look_at_others(t_ns, frames, main)
        return True

    def _failed(self, error: Exception) -> None:
        self.stop()
        if not isinstance(error, FileNotFoundError):  # the gate has been taken away: the run is over
            note(self._recorder.run_dir, "sampling the stacks")


def _has_wakeup_fd() -> bool:
    """Tell whether signals wake an event loop, before the program's first line: nobody waits for a signal yet."""
    descriptor: int = set_wakeup_fd(-1)
    if descriptor != -1:
        set_wakeup_fd(descriptor)
    return descriptor != -1
