"""Write what is recorded before `os._exit`, in a thread of its own: a program may call it because the disk hangs."""

from __future__ import annotations

from _thread import allocate_lock
from time import perf_counter

from energyprof.record.faults import note
from energyprof.record.quiet_thread import start_quiet_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HEADWAY_S, LONGEST_S = 0.25, 2.0
"""How long is waited for headway, and at all."""


def close_within_limits(close: Callable[[], None], written: Callable[[], int], run_dir: str) -> None:
    """Call `close` and wait for it as long as what is `written` grows, within the limits; never raises."""
    done = allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            close()
        except Exception:  # an error of ours must not show in the program
            note(run_dir, "closing before an exit")
        finally:
            done.release()

    try:
        start_quiet_thread(run)
    except RuntimeError:  # none left in the system, or the interpreter is shutting down
        run()
    deadline_s = perf_counter() + LONGEST_S
    before = -1
    while not done.acquire(True, HEADWAY_S):
        if written() == before or perf_counter() > deadline_s:
            return
        before = written()
