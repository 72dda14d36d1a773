"""Start a thread that takes no signal of the program's, from its first instruction on."""

from __future__ import annotations

from _signal import (  # type: ignore[import-not-found]  # what `signal` wraps in enums, whose import costs 7 ms
    SIG_BLOCK,
    SIG_SETMASK,
    pthread_sigmask,
    valid_signals,
)
from _thread import start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def start_quiet_thread(run: Callable[..., None], *arguments: Any) -> None:
    """Run this in a raw thread; raises RuntimeError if none can be started.

    A thread is born with the mask of its maker. Did it block signals itself, then one that the program has blocked, and
    waits for, could reach it before: on a busy machine that may be long.
    """
    before = pthread_sigmask(SIG_BLOCK, ())  # known before anything changes: a handler may raise out of these calls
    try:
        pthread_sigmask(SIG_BLOCK, valid_signals())
        start_new_thread(run, arguments)
    finally:
        pthread_sigmask(SIG_SETMASK, before)
