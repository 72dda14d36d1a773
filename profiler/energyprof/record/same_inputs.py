"""Calls of a stage on inputs that it has had before: the same work may be done again.

Inputs are the same where nothing can have changed in them: numbers, texts and bytes of the same value, and tensors that
a stage has handed out, of the same version. A call with any other input (an array, a list, an object, `self`) tells
nothing, nor does one without a text or a tensor: what a mere number decides is mostly how often, not what.

A look takes 0.8 us, and 3.4 us for a new text of 10,000 characters (EPYC, Python 3.11; tests/benchmarks/bench_flow.py);
it is among what recording is said to have cost. Where stages are called so often that looks would take more than a
hundredth of the time, the process pauses with them.
"""

from __future__ import annotations

from time import perf_counter_ns

from energyprof.model.events import STAGE_LIMIT
from energyprof.record.flow import LEAST_TEXT, PARTS, WATCH
from energyprof.record.lanes import local
from energyprof.record.names import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SAME_INPUTS = "calls_on_same_inputs"
"""Fact of a stage: at least so many of its calls, and less than twice as many."""
KEPT = 4_096
"""Inputs kept of a stage, as 64 bits each; of later ones nothing is told."""
LONGEST_TEXT = 1 << 20
"""A longer one is not hashed: 1 MiB takes 0.3 ms, once."""
LOOKS = 4_096
LEAST_NS = LOOKS * 100_000
"""So many looks, of about 1 us each, are taken in that time at most."""
_ATOMS = frozenset({type(None), bool, int, float, complex})
_TEXTS = frozenset({str, bytes})


class SameInputs:
    """Knows by stage which inputs it has had. Takes no lock: what a race loses makes the count too small."""

    def __init__(
        self,
        number_of: Callable[[object, type], int] = WATCH.number_of,
        tell: Callable[[int, dict[str, str | int]], None] = NAMES.tell,
        now_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        """`number_of` returns by which number a tensor is known, 0: by none."""
        self._number_of = number_of
        self._tell = tell
        self._had: dict[int, set[int]] = {}
        self._again: dict[int, int] = {}
        self._now_ns = now_ns
        self._since_ns = now_ns()
        self._paused_until_ns = 0
        self.calls = 0

    def note(self, arguments: Sequence[object]) -> None:
        """Take note that the stage that has just begun in this thread receives these; never raises."""
        if self._paused_until_ns and self._now_ns() < self._paused_until_ns:
            return
        self.calls += 1
        if self.calls % LOOKS == 0:
            self._keep_to_rate()
        try:
            code = local.buffer[-2]
            if 0 < code < STAGE_LIMIT:
                self.received(code, arguments)
        except Exception:  # the program must not notice: its buffer was just emptied, a tensor is a strange one
            return

    def received(self, code: int, arguments: Sequence[object]) -> None:
        """Take note that a call of the stage with this code receives these."""
        key = self._key(arguments) if len(arguments) <= PARTS else None
        if key is not None:
            self._count(code, key)

    def _keep_to_rate(self) -> None:
        now_ns = self._now_ns()
        is_quick = now_ns - self._since_ns < LEAST_NS
        self._paused_until_ns = self._since_ns + LEAST_NS if is_quick else 0
        self._since_ns = max(now_ns, self._paused_until_ns)

    def _key(self, arguments: Sequence[object]) -> int | None:
        parts: list[object] = []
        is_content = False
        for item in arguments:
            kind = type(item)
            if kind in _ATOMS:
                parts += (kind, item)
            elif kind in _TEXTS:
                size = len(item)  # type: ignore[arg-type]  # a text, as its type says
                if size > LONGEST_TEXT:
                    return None
                is_content = is_content or size >= LEAST_TEXT
                parts += (kind, item)
            else:
                version = getattr(item, "_version", None) if kind in WATCH.readers else None
                number = 0 if version is None else self._number_of(item, kind)
                if not number:
                    return None
                parts += (number, version)
                is_content = True
        return hash(tuple(parts)) if is_content else None

    def _count(self, code: int, key: int) -> None:
        had = self._had.setdefault(code, set())
        if key not in had:
            if len(had) < KEPT:
                had.add(key)
            return
        again = self._again[code] = self._again.get(code, 0) + 1
        if again & (again - 1) == 0:
            self._tell(code, {SAME_INPUTS: again})


def takes(arguments: Sequence[object]) -> None:
    """Take note of what the innermost stage open in this thread receives: of whom, and whether it has had it before."""
    SAME.note(arguments)
    WATCH.takes(arguments)


def watching_ns() -> int:
    """Return about how long this process has spent here so far."""
    if not SAME.calls:
        return 0
    if not _cost:
        _cost.append(_call_cost_ns())
    return int(SAME.calls * _cost[0])


def _call_cost_ns(rounds: int = 5, calls: int = 50) -> float:
    noted, costs = SameInputs(lambda _item, _kind: 0, lambda _code, _facts: None), []
    for _ in range(rounds):
        begun_ns = perf_counter_ns()
        for _ in range(calls):
            noted.received(1, ("a text of usual length", 1))
        costs.append((perf_counter_ns() - begun_ns) / calls)
    return min(costs)


_cost: list[float] = []
SAME = SameInputs()
"""That of this process."""
