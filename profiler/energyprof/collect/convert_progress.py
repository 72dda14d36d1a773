"""How far conversion has come, noted so that another collector can go on: what was announced, and where each spool is.

Names, threads and children are announced once, often in segments that are deleted long before the run ends. So the
frames that announce are kept as they were, and read again by whoever goes on. What events have left behind (stages
open, lanes running) is small and is noted as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from energyprof.model.recording import Announced
from energyprof.model.spool import CODES, CURES, HEAD, LANES, NAMES, RANK, STACKS, TOLD, Frame, pack_frame

ANNOUNCING = frozenset({HEAD, NAMES, LANES, CODES, CURES, RANK, STACKS, TOLD})
WHOLE = ""
"""Name of the state that belongs to no spool."""


class Journal:
    """What has been read since the last time that progress was asked for."""

    def __init__(self) -> None:
        self._announced: list[tuple[str, bytearray]] = []
        self._touched: dict[str, None] = {}

    def touch(self, spool: str) -> None:
        """Note that something of this spool was read."""
        self._touched[spool] = None

    def keep(self, spool: str, frame: Frame) -> None:
        """Keep a frame if later ones rely on it."""
        if frame.kind not in ANNOUNCING:
            return
        if not self._announced or self._announced[-1][0] != spool:
            self._announced.append((spool, bytearray()))
        self._announced[-1][1].extend(pack_frame(frame.kind, frame.lane, frame.payload))

    def forget(self, spool: str) -> None:
        """Note nothing more of a spool."""
        self._touched.pop(spool, None)
        self._announced = [one for one in self._announced if one[0] != spool]

    def take(self, state_of: Callable[[str], dict[str, Any]]) -> tuple[dict[str, Any], list[Announced]]:
        """Return the state of every spool that was read and what was announced, and begin anew."""
        state = {spool: state_of(spool) for spool in self._touched}
        announced = [Announced(spool, (), bytes(frames)) for spool, frames in self._announced]
        self._announced, self._touched = [], {}
        return state, announced
