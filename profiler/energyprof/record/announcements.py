"""Names, lanes and launched processes that are new to a spool: whatever refers to them comes after."""

from __future__ import annotations

from energyprof.model.frame import LANES, RANK, pack_frame
from energyprof.model.frame import NAMES as NAMES_KIND
from energyprof.model.json_text import to_json
from energyprof.record import lanes
from energyprof.record.names import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Announcements:
    """What one spool has been told, and what waits to be."""

    __slots__ = ("_is_rank_written", "_launched", "_names_written", "_rank")

    def __init__(self, rank: dict[str, int]) -> None:
        self._rank = rank
        """Payload of a RANK frame; empty: no rank is known."""
        self._is_rank_written = not rank
        self._names_written = 0
        self._launched: list[dict[str, object]] = []
        """Rows of a LANES frame, not written yet."""

    def __len__(self) -> int:
        """Return how many launched processes wait; names and lanes come with their first event."""
        return len(self._launched)

    @property
    def rank(self) -> dict[str, int]:
        """Which rank of a distributed program this is, if any."""
        return self._rank

    def set_rank(self, rank: dict[str, int]) -> None:
        """Have the spool told which rank this is, if it is not known yet."""
        if rank != self._rank:
            self._rank, self._is_rank_written = rank, False

    def add_launched(self, row: dict[str, object]) -> None:
        """Have the spool told of a process that was made."""
        self._launched.append(row)

    def write(self, spool_id: str, write: Callable[[bytes], None]) -> None:
        """Write what is new to the spool, and take note of it once it is written; `write` may raise OSError."""
        names = NAMES.since(self._names_written)
        if not self._is_rank_written:
            write(pack_frame(RANK, 0, to_json(self._rank)))
            self._is_rank_written = True
        if rows := [name.row() for name in (*names, *NAMES.take_told())]:
            write(pack_frame(NAMES_KIND, 0, to_json(rows)))
            self._names_written += len(names)
        new = [lane for lane in list(lanes.lanes) if lane.announced != spool_id]
        guests = lanes.guests[:]
        launched = self._launched[:]
        told = [*(lane.row() for lane in new), *lanes.guest_rows(guests), *launched]
        if told:
            write(pack_frame(LANES, 0, to_json(told)))
            for lane in new:
                lane.announced = spool_id
            lanes.told_guests.extend(guests)
            del lanes.guests[: len(guests)]
            del self._launched[: len(launched)]

    def forget(self) -> None:
        """Have all of it written again."""
        self._names_written = 0
        self._is_rank_written = not self._rank
        for lane in list(lanes.lanes):
            lane.announced = ""
        lanes.guests[:0] = lanes.told_guests
        lanes.told_guests.clear()
