"""What the events recorded have cost the program: so much for each call of a stage, as calibrated in this process."""

from __future__ import annotations

from time import thread_time_ns

from energyprof.record.ends import pair_cost_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from energyprof.record.governor import Governor
    from energyprof.sink_doors import FoldSource

LOOKED_AT = 2_000
"""Of so many events of a buffer the kinds are looked at, the others are taken to be like them: 0.05 us each."""


class CallCosts:
    """Knows what one call of each stage costs; instruments tell it of theirs."""

    def __init__(self, pair_ns: Callable[[], float] = pair_cost_ns) -> None:
        """`pair_ns` measures what begin and end of a plain stage cost, when that is first asked for."""
        self._measure = pair_ns
        self._pair_ns = 0.0
        self._sources: list[FoldSource] = []
        self._listeners: list[Callable[[], float]] = []
        self._taken: list[list[int]] = []
        self.governor: Governor | None = None
        """Has less recorded where that costs too much."""
        self.begin()

    def begin(self) -> None:
        """Begin to count anew, as in a forked child."""
        self.spent_ns = 0.0
        """What the events taken have cost the program."""
        self._taken = []
        self._governing_ns = 0
        """Part of what flushing has cost that decides and does not recur: it must not make more be folded."""
        if self.governor is not None:
            self.governor.begin()

    def add(self, source: FoldSource) -> None:
        """Ask `source` as well."""
        self._sources.append(source)

    def hear(self, event_cost_ns: Callable[[], float]) -> None:
        """Have `event_cost_ns` say what it costs that somebody is told of each event."""
        self._listeners.append(event_cost_ns)

    def take(self, taken: list[list[int]]) -> None:
        """Add what it has cost to record these pieces of threads' events; a device's own cost nothing here."""
        self.spent_ns += sum([self.of_events(events) for events in taken])
        self._taken = taken

    def govern(self, flushing_ns: float) -> int:
        """Have the governor look at what was taken last and what flushing has cost so far; return how long it took."""
        taken, self._taken = self._taken, []
        if self.governor is None:
            return 0
        began_ns = thread_time_ns()
        self.governor.look(taken, self.spent_ns, flushing_ns - self._governing_ns)
        took_ns = thread_time_ns() - began_ns
        self._governing_ns += took_ns
        return took_ns

    def told(self) -> dict[str, int]:
        """Return what the report says of the governor; nothing where there is none."""
        return {} if self.governor is None else self.governor.told()

    def of_call(self, code: int) -> float:
        """Return what it costs to record one call of a stage, in ns."""
        heard_ns = 2 * sum([listener() for listener in self._listeners])
        for source in self._sources:
            cost_ns = source.cost_ns(code)
            if cost_ns > 0:
                return cost_ns + heard_ns
        return self._plain_ns() + heard_ns

    def of_events(self, events: Sequence[int]) -> float:
        """Return what it has cost to record these (code, time, code, time, ...), in ns."""
        if not events:
            return 0.0
        if not self._sources:
            return len(events) / 4 * self.of_call(0)
        codes: Sequence[int] = events[: 2 * LOOKED_AT : 2]
        counts: dict[int, int] = {}
        for code in codes:
            counts[code] = counts.get(code, 0) + 1
        looked_at = sum([self.of_call(abs(code)) * count for code, count in counts.items()]) / 2
        return looked_at * (len(events) // 2) / len(codes)

    def layer_of(self, code: int) -> tuple[FoldSource, int] | None:
        """Return who can fold the stage with this code, and which layer that is; None: nobody can."""
        for source in self._sources:
            layer = source.layer_of(code)
            if layer:
                return source, layer
        return None

    def _plain_ns(self) -> float:
        if not self._pair_ns:
            self._pair_ns = self._measure()
        return self._pair_ns
