"""The thread that calls the recorder to flush: there only while something is recorded, unseen by the program."""

from __future__ import annotations

import sys
from _thread import allocate_lock, get_native_id
from os import path
from time import sleep

from energyprof.record.quiet_thread import start_quiet_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable

STOP_TIMEOUT_S = 0.02
_FORK_COUNTS_THREADS = sys.version_info >= (3, 12)
"""`fork` warns a program of more than one thread; ours must not be the one that is counted."""


class Flusher:
    """Calls `tick` again and again, each time after as many seconds as it returned, from the first call on.

    A raw thread: `threading.enumerate()` does not list it, nobody joins it, tracing does not reach it. It takes no
    signal, so that blocking calls of the program's own threads are interrupted as ever.
    """

    def __init__(self, tick: Callable[[], float], failed: Callable[[], None]) -> None:
        self._tick = tick
        self._failed = failed
        self._is_running = allocate_lock()  # taken without waiting: a signal handler may come in at any point
        self._stop: LockType | None = None
        self._done: LockType | None = None
        self._tid = 0

    def start(self) -> None:
        """Start the thread unless it runs, or can no longer be started: then closing flushes all."""
        if not self._is_running.acquire(False):
            return
        stop, done = allocate_lock(), allocate_lock()
        stop.acquire()
        done.acquire()
        self._stop, self._done = stop, done
        try:
            start_quiet_thread(self._run, stop, done)
        except RuntimeError:  # no thread left in the system, or the interpreter is shutting down
            self._stop = None
            self._is_running.release()

    def stop(self) -> bool:
        """End the thread, waiting at most STOP_TIMEOUT_S for a write to finish; False: it did not run."""
        stop, done = self._stop, self._done
        if stop is None or done is None:
            return False
        self._stop = None
        stop.release()
        if done.acquire(True, STOP_TIMEOUT_S):
            self._wait_until_gone()
        self._is_running.release()
        return True

    def _wait_until_gone(self) -> None:
        if _FORK_COUNTS_THREADS:
            for _ in range(100):
                if not path.exists(f"/proc/self/task/{self._tid}"):
                    return
                sleep(0.00005)

    def _run(self, stop: LockType, done: LockType) -> None:
        try:
            self._tid = get_native_id()
            while not stop.acquire(True, self._tick()):
                pass
        except Exception:  # an error of ours must not show in the program: it would be printed to its stderr
            self._failed()
        finally:
            done.release()
