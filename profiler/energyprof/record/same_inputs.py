"""Calls of a stage on inputs that it has had before: the same work may be done again.

Inputs are the same where their content is (`fingerprints`): numbers, texts, arrays and lists of these, and tensors that
a stage has handed out. A call with any other input (an object, `self`, a function) tells nothing. Such a call counts
when it has returned, as one on

* the same inputs, where its result holds the same, too: a stage that draws random numbers or reads what has changed
  returns something else, and is not counted from then on;
* like inputs, where a result or a large array was compared in part, or not at all; then a function counts only if it
  names nothing that draws random numbers, reads clocks or files.

Not counted are calls that return nothing, or one of their arguments, and functions that are called for what they do
(`acting`). Where all inputs are mere numbers, which tend to decide how often, the result must be more than a number of
something. Generators have no result, and blocks no inputs.

A look takes 0.8 us, and 3.4 us for a new text of 10,000 characters (EPYC, Python 3.11; tests/benchmarks/bench_flow.py),
one at what comes back 1.4 us; they are among what recording is said to have cost. Where stages are called so often that
looks would take more than a hundredth of the time, the process pauses with them.
"""

from __future__ import annotations

from time import perf_counter_ns

from energyprof.model.events import STAGE_LIMIT, work_code
from energyprof.record.fingerprints import Fingerprints
from energyprof.record.flow import LEAST_TEXT, PARTS, WATCH
from energyprof.record.lanes import local
from energyprof.record.names import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType
    from typing import TypeAlias

    Asked: TypeAlias = "tuple[int, int, bool, bool]"
    """Of a call that has begun: the code of its stage, and how its inputs look."""

DIFFER = "results_on_same_inputs_differ"
"""Fact of a stage: so its results depend on something else."""
KEPT = 4_096
"""Inputs kept of a stage, as 64 bits each; of later ones nothing is told."""
LOOKS = 4_096
LEAST_NS = LOOKS * 100_000
"""So many looks, of about 1 us each, are taken in that time at most."""
RANDOM = frozenset({
    "random", "rand", "randn", "randint", "rand_like", "randn_like", "randrange", "randperm", "choice", "choices",
    "shuffle", "sample", "normal", "normal_", "uniform", "uniform_", "gauss", "multinomial", "bernoulli", "dropout",
    "urandom", "token_hex", "token_bytes", "uuid4", "permutation",
})  # fmt: skip
"""Names in functions whose outcome is another each time, unless one of `SEEDED` stands beside them."""
SEEDED = frozenset({"manual_seed", "seed", "default_rng", "RandomState", "Generator", "Random", "random_state"})
UNSTEADY = RANDOM | frozenset({
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "now", "utcnow", "today",
    "open", "read", "read_text", "read_bytes", "listdir", "scandir", "glob", "stat", "getsize", "exists", "imread",
    "read_csv", "read_parquet", "loadtxt", "fromfile", "getenv", "input", "get_nowait", "get",
})  # fmt: skip
"""Names in functions whose outcome may be another each time."""
SEEDING = frozenset({"manual_seed", "seed"})
"""Called for their effect, which is to make results the same."""
_SAME, _LIKE = work_code("calls_on_same_inputs", 1), work_code("calls_on_like_inputs", 1)
_COROUTINE = 128


class SameInputs:
    """Knows by stage which inputs it has had. Takes no lock: what a race loses makes the count too small."""

    def __init__(
        self,
        looks: Fingerprints | None = None,
        tell: Callable[[int, dict[str, str | int]], None] = NAMES.tell,
        now_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self.looks = Fingerprints(now_ns=now_ns) if looks is None else looks
        self._tell = tell
        self._had: dict[int, dict[int, tuple[int, bool] | None]] = {}
        """By stage and inputs how the result looked; None: nobody knows."""
        self._others: set[int] = set()
        """Stages whose calls are not counted, whatever their inputs."""
        self._steady: dict[int, bool] = {}
        self._now_ns = now_ns
        self._since_ns = now_ns()
        self._paused_until_ns = 0
        self.calls = 0
        self.judging_ns = 0

    def note(self, arguments: Sequence[object]) -> Asked | None:
        """Return what `returned` is to be handed of the stage that has just begun in this thread; never raises."""
        if self._paused_until_ns and self._now_ns() < self._paused_until_ns:
            return None
        self.calls += 1
        if self.calls % LOOKS == 0:
            self._keep_to_rate()
        try:
            code = local.buffer[-2]
            return self.received(code, arguments) if 0 < code < STAGE_LIMIT else None
        except Exception:  # the program must not notice: its buffer was just emptied, a tensor is a strange one
            return None

    def received(self, code: int, arguments: Sequence[object]) -> Asked | None:
        """Return what `returned` is to be handed of a call of the stage with this code; None: nothing can be told."""
        if not arguments or len(arguments) > PARTS or code in self._others:
            return None
        look = self.looks.of(code, arguments)
        return None if look is None else (code, *look)

    def returned(self, asked: Asked, result: object, arguments: Sequence[object], function: object) -> None:
        """Take note of what a call has returned; never raises."""
        try:
            event = self.event_of(asked, result, arguments, function)
            if event:
                local.buffer.extend((event, perf_counter_ns()))
        except Exception:  # as above
            return

    def _keep_to_rate(self) -> None:
        now_ns = self._now_ns()
        is_quick = now_ns - self._since_ns < LEAST_NS
        self._paused_until_ns = self._since_ns + LEAST_NS if is_quick else 0
        self._since_ns = max(now_ns, self._paused_until_ns)

    def event_of(self, asked: Asked, result: object, arguments: Sequence[object], function: object) -> int:
        """Return the code of the event that counts a call that returns; 0: it is on inputs not had before."""
        code, key, is_whole, is_content = asked
        if result is None:
            return 0
        for each in arguments:
            if result is each:
                return 0
        had = self._had.setdefault(code, {})
        look = self.looks.of(code, (result,), is_result=True)
        outcome = None if look is None else look[:2]
        if key not in had:
            if len(had) < KEPT:
                had[key] = outcome
            return 0
        before = had[key]
        is_known = before is not None and outcome is not None and before[1] == outcome[1]
        if is_known and before != outcome:
            self._others.add(code)
            self._tell(code, {DIFFER: 1})
            return 0
        is_status = type(result) in {bool, int} or (type(result) is str and len(result) < LEAST_TEXT)
        if not is_content and (is_status or not is_known):
            return 0
        if not self._is_steady(code, function, (is_known and not is_status)):
            return 0
        return _SAME if is_whole and is_known and outcome is not None and outcome[1] else _LIKE

    def _is_steady(self, code: int, function: object, is_seen: bool) -> bool:
        """Return whether a function is called for its result, and gives the same each time: `is_seen`, or by names."""
        known = self._steady.get(code)
        if known is None:
            began_ns = perf_counter_ns()
            known = self._steady[code] = self._judge(code, function)
            self.judging_ns += perf_counter_ns() - began_ns
        return code not in self._others and (known or is_seen)

    def _judge(self, code: int, function: object) -> bool:
        from energyprof.record.acting import acts  # with `dis`, which takes 4 ms

        seen: set[CodeType] = set()
        if acts(function, SEEDING, seen):
            self._others.add(code)
            return False
        names = {name for one in seen for name in one.co_names}
        if names & RANDOM and not names & SEEDED:
            self._others.add(code)
        return not names & UNSTEADY and not any(one.co_flags & _COROUTINE for one in seen)


def takes(arguments: Sequence[object]) -> Asked | None:
    """Take note of what the innermost stage open in this thread receives: of whom, and whether it has had it before.

    Returns what `SameInputs.returned` is to be handed when the stage returns; None: nothing.
    """
    asked = SAME.note(arguments)
    WATCH.takes(arguments)
    return asked


def watching_ns() -> int:
    """Return about how long this process has spent here so far."""
    if not SAME.calls:
        return 0
    if not _cost:
        _cost.append(_call_cost_ns())
    return int(SAME.calls * _cost[0]) + SAME.looks.spent_ns + SAME.judging_ns


def _call_cost_ns(rounds: int = 5, calls: int = 50) -> float:
    noted, costs = SameInputs(tell=lambda _code, _facts: None), []
    noted._steady[1] = True  # judging would import `dis` as the program ends, and Python forget that Ctrl-C ended it
    for _ in range(rounds):
        begun_ns = perf_counter_ns()
        for _ in range(calls):
            asked = noted.received(1, ("a text of usual length", 1))
            if asked is not None:
                noted.event_of(asked, "a result", (), None)
        costs.append((perf_counter_ns() - begun_ns) / calls)
    return min(costs)


_cost: list[float] = []
SAME = SameInputs()
"""That of this process."""
