"""The hold of `energyprof sweep` on the process that sets power limits: `--power-limit [DEVICE=]W,W,...`."""

from __future__ import annotations

import argparse
import json
import math
import select
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, final

from energyprof.errors import InputError, SourceError
from energyprof.launch.collector import NO_FOLDER

MODULE = "energyprof.limit_keeper"
PATIENCE_S = 30.0
"""Without persistence mode a GPU takes seconds to wake up."""
SEEN_OFF_S = 2.0
NAME = "power-limit"


class LimitWish(NamedTuple):
    """The limits that a sweep goes through."""

    device: str
    """`gpu`, `gpu:0`, `cpu`, ...; empty: the GPUs, or where there are none the processors."""
    limits_w: tuple[float, ...]


def limit_wish(text: str) -> LimitWish:
    """Return what `[DEVICE=]W,W,...` asks for; raises ArgumentTypeError."""
    device, _, values = text.rpartition("=")
    try:
        limits_w = tuple(dict.fromkeys(float(value) for value in values.split(",")))
    except ValueError:
        limits_w = (math.nan,)
    if not all(math.isfinite(limit_w) and limit_w > 0 for limit_w in limits_w):
        raise argparse.ArgumentTypeError(f"{text} is no list of watts; try: 150,200,250 or gpu:0=150,200 or cpu=15,28")
    return LimitWish(device, limits_w)


@final
class HeldLimits:
    """The limits of some devices, as they were from the end of the `with` block on, and whatever ends this process."""

    def __init__(self, wish: LimitWish, module: str = MODULE) -> None:
        """Find the devices and change nothing; raises InputError where one cannot be held at each of the limits."""
        self._process = subprocess.Popen(
            [sys.executable, *NO_FOLDER, "-m", module, wish.device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._text = b""
        self._limits: Sequence[dict[str, Any]] = ()
        self._now_w: float | None = None
        try:
            answer = self._heard()
            if "error" in answer:
                raise InputError(answer["error"])
            self._limits = answer["limits"]
            for limit in self._limits:
                _refuse_beyond(limit, wish.limits_w)
        except BaseException:
            self._end()
            raise

    def said(self) -> str:
        """Return which devices they are, and what their limits were found at."""
        return ", ".join(f"{limit['domain']} ({limit['device']}, now {limit['found_w']:g} W)" for limit in self._limits)

    def hold(self, limit_w: float) -> None:
        """Set the limit of all; raises SourceError where that is not let, or not done."""
        if limit_w == self._now_w:
            return
        assert self._process.stdin is not None
        self._now_w = None
        try:
            self._process.stdin.write(f"{limit_w!r}\n".encode())
            self._process.stdin.flush()
        except OSError:
            raise SourceError(self._why_gone()) from None
        answer = self._heard()
        if "error" in answer:
            raise SourceError(answer["error"])
        self._now_w = limit_w

    def __enter__(self) -> HeldLimits:
        """Go on; nothing is changed yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have them put back; raises SourceError that says how to do it by hand where they could not be."""
        self._hang_up()
        try:
            while "held_w" in (answer := self._heard()):
                continue  # to a wish that somebody did not wait for
        finally:
            self._end()
        if "error" in answer:
            raise SourceError(answer["error"])

    def _hang_up(self) -> None:
        """End the pipe, which has the limits put back."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone, as the answer will say
            self._process.stdin.close()

    def _end(self) -> None:
        self._hang_up()
        assert self._process.stdout is not None
        self._process.stdout.close()
        with suppress(subprocess.TimeoutExpired):  # its driver hangs, and nobody waits for it
            self._process.wait(SEEN_OFF_S)

    def _heard(self) -> dict[str, Any]:
        """Return the next answer; raises SourceError where none comes."""
        assert self._process.stdout is not None
        while b"\n" not in self._text:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
            if not ready:
                raise SourceError(
                    f"the driver has not answered for {PATIENCE_S:g} s, and nobody knows the power limit; "
                    f"{self._by_hand()}"
                )
            piece = self._process.stdout.read1(65536)  # type: ignore[attr-defined]  # BufferedReader, as it is a pipe
            if not piece:
                raise SourceError(self._why_gone())
            self._text += piece
        line, _, self._text = self._text.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _why_gone(self) -> str:
        return f"the process that keeps the power limits has ended by itself; {self._by_hand()}"

    def _by_hand(self) -> str:
        found = ", ".join(f"{limit['domain']} at {limit['found_w']:g} W" for limit in self._limits)
        return f"see to it that they stand as they were: {found}" if found else "see what energyprof doctor says"


def _refuse_beyond(limit: dict[str, Any], limits_w: Sequence[float]) -> None:
    for limit_w in limits_w:
        if not limit["lowest_w"] <= limit_w <= limit["highest_w"]:
            raise InputError(
                f"{limit['domain']} ({limit['device']}) cannot be held at {limit_w:g} W; it takes "
                f"{limit['lowest_w']:g} to {limit['highest_w']:g} W"
            )
