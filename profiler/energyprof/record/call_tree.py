"""What a piece of a thread's events says of its calls: how often each stage was called, how long, and inside what."""

from __future__ import annotations

from energyprof.model.events import STAGE_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Calls:
    """The calls of one stage."""

    __slots__ = ("around", "count", "open_at", "spent_ns")

    def __init__(self) -> None:
        self.count = 0
        """Those that have ended, the outermost of a recursion only."""
        self.spent_ns = 0
        """In all of them, what they called included."""
        self.around: set[int] = set()
        """Codes of the stages directly around."""
        self.open_at = -1
        """How many stages are around the call that goes on; -1: none does."""


def calls_in(events: Sequence[int], limit: int) -> dict[int, Calls]:
    """Return by code the calls that began and ended within the first `limit` events; others are left out."""
    found: dict[int, Calls] = {}
    open_: list[tuple[int, int]] = []
    for at in range(0, min(len(events), 2 * limit), 2):
        code, t_ns = events[at], events[at + 1]
        if 0 < code < STAGE_LIMIT:
            calls = found.get(code)
            if calls is None:
                calls = found[code] = Calls()
            if open_:
                calls.around.add(open_[-1][0])
            if calls.open_at < 0:
                calls.open_at = len(open_)
            open_.append((code, t_ns))
        elif -STAGE_LIMIT < code < 0 and open_ and open_[-1][0] == -code:
            _, begun_ns = open_.pop()
            calls = found[-code]
            if calls.open_at == len(open_):
                calls.open_at = -1
                calls.count += 1
                calls.spent_ns += t_ns - begun_ns
        elif code < 0:
            open_.clear()  # it had begun before, or something is out of order: begin anew
            for calls in found.values():
                calls.open_at = -1
    return found
