"""When functions are sampled: throughout where asked for; by itself until stages cover most of the time."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from energyprof.collect.stack_signals import StackSignals
from energyprof.collect.time_cover import TimeCover

MOST: Final = 0.5
"""From this part of the time on, stages tell more than functions can."""
PROVEN_NS: Final = 2_000_000_000
"""Sampling ends for good after so long in stages at the soonest: one call early on says nothing of the rest."""
WORTH_NS: Final = 1_000_000_000
"""Less than that outside of stages is no reason to show functions beside them."""


class SaysMode(Protocol):
    """Where it is kept how functions were sampled; the capture's writer is one."""

    def set_stacks(self, mode: str) -> None:
        """Take the mode; the last one counts."""
        ...


class FunctionSampling:
    """The collector's part in sampling functions: the signals, and the decision to go on with them."""

    def __init__(self, mode: str, folder: Path, start_ns: int) -> None:
        """Begin, unless `mode` is `off`; `folder` holds the gates, `start_ns` is when the program began."""
        self.signals = StackSignals(folder)
        self.stages = TimeCover(start_ns)
        self.own = TimeCover(start_ns)
        """When a main thread was seen at work, and not importing."""
        self._start_ns = start_ns
        self._mode = mode
        self._is_over = mode == "off"
        if not self._is_over:
            self.signals.start()

    def state(self, kept: SaysMode) -> None:
        """State the mode before the first sample."""
        if self._mode != "off":
            kept.set_stacks(self._mode)

    def look(self, now_ns: int) -> None:
        """End it where it goes on by itself only and is no longer needed."""
        if self._mode != "auto" or self._is_over:
            return
        in_stages_ns = self.stages.until_ns(now_ns)
        if in_stages_ns >= max(PROVEN_NS, MOST * (now_ns - self._start_ns)):
            self._is_over = True
            self.signals.stop()

    def judge(self, end_ns: int, kept: SaysMode) -> None:
        """State, at the end of a program sampled by itself, whether that counts beside its stages.

        It does where all of it was sampled and most of it lies in no stage; imports, start and exit are left aside.
        """
        if self._mode != "auto" or self._is_over:
            return
        in_stages_ns = self.stages.until_ns(end_ns)
        own_ns = self.own.until_ns(end_ns)
        if in_stages_ns < MOST * own_ns and own_ns - in_stages_ns >= WORTH_NS:
            kept.set_stacks("whole")
