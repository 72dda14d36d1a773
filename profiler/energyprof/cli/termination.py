"""SIGTERM and SIGHUP as Ctrl-C is: what has been done is kept, what has been changed is put back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """This process was told to end, and no terminal has told its children."""

    def __init__(self, number: int) -> None:
        """Take the number of the signal."""
        super().__init__()
        self.number = number


@contextmanager
def raised_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise Terminated in this block; one that is ignored, as under nohup, stays ignored."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise Terminated(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
