"""Events that could not be written: counted, and said in the spool, or beside it where no frame fits any more."""

from __future__ import annotations

from energyprof.model.frame import LOSS, pack_frame
from energyprof.model.json_text import to_json
from energyprof.record.faults import note, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from energyprof.record.spool_file import SpoolFile


class Losses:
    """What one spool lacks and has not been told of."""

    __slots__ = ("_because", "_events")

    def __init__(self) -> None:
        self._events = 0
        self._because = ""

    def add(self, events: int, because: str) -> None:
        """Count events that are gone."""
        self._events += events
        self._because = because

    def write(self, spool: SpoolFile, write: Callable[[bytes], None]) -> None:
        """Have the spool say what is lost, if anything is; `write` may raise OSError."""
        if self._events:
            write(pack_frame(LOSS, 0, to_json({"dropped": self._events, "reason": self._because})))
            self._events = 0
            spool.retract_loss()

    def state(self, spool: SpoolFile, error: OSError, run_dir: str) -> None:
        """Say beside the spool what is lost, if anything is, where it takes no frame because of `error`."""
        self._because = reason(error)
        if self._events:
            try:
                spool.state_loss(self._events, error.errno or 0)
            except OSError:
                note(run_dir, "stating what was lost")
