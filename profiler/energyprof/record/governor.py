"""The governor: keeps what recording costs a program below a bound, by recording less of what is too short for it.

At each flush it puts what recording has cost (calibrated by call, flushing as measured) beside the time the program has
had: its CPU time, or the wall time where that is shorter, our own part taken off. Where that is more than the bound,
layers are folded into those that call them, the shortest first, as many as it takes. A layer can be folded if recording
a call of it costs more than the bound allows for the time that it takes: those that are left then cost less than the
bound, whatever they are. Folded is folded: a layer that came and went would have figures of nothing.

Layers that are left may still cost too much together, one inside the other. Then steps are sampled: layers are recorded
in a part of a model's calls, drawn at random, and fewer of them as long as it is too much.
"""

from __future__ import annotations

from time import perf_counter_ns, process_time_ns

from energyprof.record.call_tree import Calls, calls_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from energyprof.record.call_costs import CallCosts
    from energyprof.sink_doors import FoldSource

AIM = 0.8
"""Part of the bound that is aimed at, so that a program need not be looked at closely all the time."""
LEAST_NS = 50_000_000
"""Time of the program below which nothing is concluded."""
LOOKED_AT = 8_000
"""Events of a thread that are looked at closely, 0.4 us each; only while there is too much to record."""
LONGEST_WAIT_NS = 10_000_000_000
FEWEST_CALLS = 3
"""A layer that was called less often may have been slow or fast by chance."""
FEWEST_STEPS = 0.02
"""Part of the steps that is recorded at least: where other stages cost too much, layers must not pay for it."""


class Layers:
    """What is known of layers that are folded together, such as one in each block of a model, backward included."""

    __slots__ = ("calls", "codes", "cost_ns", "inside", "kin", "source", "spent_ns")

    def __init__(self, source: FoldSource, kin: str) -> None:
        self.source = source
        self.kin = kin
        self.codes: set[int] = set()
        self.calls = 0
        self.spent_ns = 0
        self.cost_ns = 0.0
        self.inside: set[str] = set()
        """The kins of those that are called by it, somewhere."""

    def each_ns(self) -> float:
        """Return how long one call takes."""
        return self.spent_ns / self.calls


class Governor:
    """Decides what is recorded in this process. Called by one thread at a time."""

    def __init__(
        self,
        bound: float,
        costs: CallCosts,
        cpu_ns: Callable[[], int] = process_time_ns,
        wall_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        """`bound`: what recording may cost, relative to what the program takes without, as in 0.03."""
        self.bound = bound
        self._folded: set[tuple[int, int]] = set()
        self.steps = 1.0
        """Part of the steps whose layers are recorded."""
        self.share = 0.0
        """What recording has cost, relative to the program's own time; since less was recorded for the last time."""
        self._costs = costs
        self._cpu_ns = cpu_ns
        self._wall_ns = wall_ns
        self._wait_ns = LEAST_NS
        self._try_ns = 0
        """When it is worth while to look for layers to fold, after there were none."""
        self.begin()

    def begin(self) -> None:
        """Begin in a process that has recorded nothing yet, as in a forked child: folded layers stay folded there."""
        self._seen_ns = (0.0, 0.0)
        self._begin_window()

    def _begin_window(self) -> None:
        self._since = (self._cpu_ns(), self._wall_ns())
        self._own_ns = self._flushing_ns = self._events = 0.0

    @property
    def folded(self) -> int:
        """How many layers are."""
        return len(self._folded)

    @property
    def reason(self) -> str:
        """Why a layer is not recorded."""
        return f"folded into its parent: too short to record within {percent(self.bound)}"

    @property
    def sampling_reason(self) -> str:
        """Why the layers of a step are not recorded."""
        return f"layers are recorded in some calls only, to stay within {percent(self.bound)}"

    def look(self, taken: Sequence[Sequence[int]], recorded_ns: float, flushed_ns: float) -> None:
        """Look at what was taken since the last look, and have less recorded if it was too much.

        `recorded_ns` and `flushed_ns`: what recording and flushing have cost since the process began to record.
        """
        recording_ns, flushing_ns = recorded_ns - self._seen_ns[0], flushed_ns - self._seen_ns[1]
        is_first, self._seen_ns = self._seen_ns == (0.0, 0.0), (recorded_ns, flushed_ns)
        if is_first:  # what was met and announced for the first time costs more than ever after
            self._begin_window()
            return
        self._own_ns += recording_ns + flushing_ns
        self._flushing_ns += flushing_ns
        self._events += sum(len(events) // 2 for events in taken)
        spent_ns = min(self._cpu_ns() - self._since[0], self._wall_ns() - self._since[1])
        if spent_ns < LEAST_NS:
            return
        share = self._own_ns / max(spent_ns - self._own_ns, 1.0)
        if share > self.bound and self._wall_ns() >= self._try_ns:
            if self._record_less(taken, AIM * self.bound / share):
                self._begin_window()
                return
            self._wait_ns = min(2 * self._wait_ns, LONGEST_WAIT_NS)
            self._try_ns = self._wall_ns() + self._wait_ns
        self.share = share
        if spent_ns > 20 * LEAST_NS:  # what a program costs changes: forget the half of it
            cpu_ns, wall_ns = self._since
            half = (self._cpu_ns() - cpu_ns) // 2, (self._wall_ns() - wall_ns) // 2
            self._since = cpu_ns + half[0], wall_ns + half[1]
            self._own_ns, self._flushing_ns, self._events = self._own_ns / 2, self._flushing_ns / 2, self._events / 2

    def _record_less(self, taken: Sequence[Sequence[int]], part: float) -> bool:
        """Have recording cost this part of what it has; return whether anything could be done."""
        known: dict[str, Layers] = {}
        whole_ns = sum([self._add(known, calls_in(events, LOOKED_AT)) for events in taken])
        short = [one for one in known.values() if one.calls and self._is_short(one)]
        sure = [one for one in short if one.calls >= FEWEST_CALLS]
        if sure:
            self._fold(known, sure, (1 - part) * whole_ns)
            return True
        return not short and self._sample(known, whole_ns, part * whole_ns)

    def _fold(self, known: dict[str, Layers], short: list[Layers], needed_ns: float) -> None:
        """Fold layers until so much of the cost is saved, or no more are too short."""
        chosen: dict[str, Layers] = {}
        saved_ns = 0.0
        for one in sorted(short, key=Layers.each_ns):
            if saved_ns >= needed_ns:
                break
            for kin in (one.kin, *sorted(one.inside)):
                if kin not in chosen:
                    chosen[kin] = known[kin]
                    saved_ns += known[kin].cost_ns
        for one in chosen.values():
            one.source.fold(sorted(one.codes), self.reason)
            self._folded.update((id(one.source), code) for code in one.codes)

    def _sample(self, known: dict[str, Layers], whole_ns: float, allowed_ns: float) -> bool:
        """Have layers recorded in so few steps that they cost no more than is allowed; return whether it is fewer."""
        sample_steps: dict[int, Callable[[float, str], None]] = {}
        of_layers_ns = 0.0
        for one in known.values():
            sample = getattr(one.source, "sample_steps", None)  # a `StepSource`
            if sample is not None:
                sample_steps[id(one.source)] = sample
                of_layers_ns += one.cost_ns
        if not of_layers_ns or self.steps <= FEWEST_STEPS:
            return False
        left_ns = max(allowed_ns - (whole_ns - of_layers_ns), 0.0)
        self.steps = max(self.steps * min(left_ns / of_layers_ns, 1.0), FEWEST_STEPS)
        for sample in sample_steps.values():
            sample(self.steps, self.sampling_reason)
        return True

    def _is_short(self, layers: Layers) -> bool:
        return layers.spent_ns * self.bound < layers.cost_ns

    def _add(self, known: dict[str, Layers], calls: dict[int, Calls]) -> float:
        """Add what calls say of layers; return what it has cost to record all of them."""
        whole_ns = 0.0
        flushing_ns = 2 * self._flushing_ns / max(self._events, 1)  # of a call
        for code, found in calls.items():
            cost_ns = found.count * (self._costs.of_call(code) + flushing_ns)
            whole_ns += cost_ns
            layer = self._costs.layer_of(code)
            if layer is None or (id(layer[0]), layer[1]) in self._folded:  # a call that had begun before
                continue
            layers = self._layers(known, layer)
            layers.calls += found.count if code == layer[1] else 0  # one call has one forward
            layers.spent_ns += found.spent_ns
            layers.cost_ns += cost_ns
            for around in self._around(code, calls):
                if around[1] != layer[1] and (id(around[0]), around[1]) not in self._folded:
                    self._layers(known, around).inside.add(layers.kin)
        return whole_ns

    def _layers(self, known: dict[str, Layers], layer: tuple[FoldSource, int]) -> Layers:
        source, code = layer
        kin = source.kin_of(code)
        layers = known.get(kin)
        if layers is None:
            layers = known[kin] = Layers(source, kin)
        layers.codes.add(code)
        return layers

    def _around(self, code: int, calls: dict[int, Calls]) -> list[tuple[FoldSource, int]]:
        """Return the layers around a stage."""
        seen, waiting, found = {code}, [code], []
        while waiting:
            for outer in calls[waiting.pop()].around - seen:
                seen.add(outer)
                waiting.append(outer)
                layer = self._costs.layer_of(outer)
                if layer is not None:
                    found.append(layer)
        return found

    def told(self) -> dict[str, int]:
        """Return what the report says of it: the bound, what is left out to keep it, and what recording costs since."""
        return {
            "bound_ppm": round(self.bound * 1e6),
            "folded": self.folded,
            "steps_ppm": round(self.steps * 1e6),
            "share_ppm": round(self.share * 1e6),
        }


def percent(part: float) -> str:
    """Return a bound as people write it: `3 %`, `0.5 %`."""
    return f"{100 * part:.3g} %"
