"""`metric` and `units`: the program tells how good its work came out, and how much of it there was.

Nothing is done with either unless the program is recorded. Sums are kept by name, in bounded memory, and written at
most every PERIOD_S and at the end.
"""

from __future__ import annotations

import math
from _thread import RLock
from time import perf_counter, perf_counter_ns

from energyprof.model.frame import TOLD, pack_frame
from energyprof.model.json_text import to_json
from energyprof.record import lanes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME_LIMIT = 1_000
"""At most so many names of each kind are kept; what comes under further ones is not."""
MOST_UNITS = 1e100
"""At once: no sum of what a program can tell, nor what it makes a second, is beyond what a float holds."""
REFUSED_LIMIT = 20
"""At most so many different lines on what was told in vain."""
PERIOD_S = 1.0


def metric(name: str, value: float) -> None:
    """Tell a figure of merit of this run, which `energyprof compare` sets against joules: `metric("accuracy", 0.93)`.

    Of several values under one name the last one counts, NaN and infinities too: they tell that a training diverged,
    and an earlier value would hide it. One without a name is not kept, and the report says so. Raises TypeError or
    ValueError if `value` is no number, TypeError if `name` is one, recorded or not.
    """
    _refuse_number(name, f"metric('accuracy', {name!r})")
    figure = float(value)
    if lanes.is_recording and not str(name).strip():
        TOLD_HERE.refuse("energyprof.metric was told a figure without a name, which was not kept; name it")
    elif lanes.is_recording:
        TOLD_HERE.tell_metric(str(name), figure)


def units(name: str, count: float = 1.0) -> None:
    """Count units of work done, which reports give the joules for each of: `units("request")`, `units("image", 64)`.

    Counts under one name add up, over threads and processes. Raises ValueError if `count` is negative, not finite or
    above 1e100, TypeError if it is no number or `name` is one, recorded or not. Work without a name is not counted, and
    the report says so.
    """
    _refuse_number(name, f"units('request', {name!r})")
    amount = float(count)
    if not 0 <= amount <= MOST_UNITS:
        raise ValueError(f"energyprof.units({name!r}, {count!r}): a count of work is a finite number, 0 to 1e100")
    if lanes.is_recording and not str(name).strip():
        TOLD_HERE.refuse("energyprof.units was told of work without a name, which was not counted; name it")
    elif lanes.is_recording:
        TOLD_HERE.add_units(str(name), amount)


def _refuse_number(name: object, meant: str) -> None:
    """Raise TypeError for a number in place of a name: a unit called 64 would count one of it at each call."""
    if not isinstance(name, str) and hasattr(name, "__float__"):
        raise TypeError(f"{name!r} is a number and no name; the name comes first: energyprof.{meant}")


class ToldHere:
    """What this process has told so far, on its way into the spool."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lanes.nothing
        """Called when something was told: it may be the first that there is to write."""
        self.warn: Callable[[str], None] = _unheard
        """Has the report say a line."""
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a forked child what was told so far is the parent's, and so may be the lock."""
        self._lock = RLock()  # re-entrant: a signal handler may tell something too
        self._metrics: dict[str, tuple[float, int, int]] = {}
        self._units: dict[str, tuple[float, float, int, int]] = {}
        """Count, the first told, when that was, when the last was."""
        self._refused: set[str] = set()
        self._is_new = False
        self._written_s = -math.inf

    def refuse(self, line: str) -> None:
        """Have the report say, once, what was told in vain; the program goes on."""
        with self._lock:
            if line in self._refused or len(self._refused) >= REFUSED_LIMIT:
                return
            self._refused.add(line)
        self.warn(line)
        self.wake()

    def tell_metric(self, name: str, value: float) -> None:
        """Keep the value as the last one told under this name."""
        with self._lock:
            before = self._metrics.get(name)
            if before is None and len(self._metrics) >= NAME_LIMIT:
                return
            self._metrics[name] = (value, perf_counter_ns(), 1 if before is None else before[2] + 1)
            self._is_new = True
        self.wake()

    def add_units(self, name: str, amount: float) -> None:
        """Add to the units of this name."""
        with self._lock:
            before = self._units.get(name)
            if before is None and len(self._units) >= NAME_LIMIT:
                return
            now_ns = perf_counter_ns()
            self._units[name] = (
                (amount, amount, now_ns, now_ns)
                if before is None
                else (before[0] + amount, before[1], before[2], now_ns)
            )
            self._is_new = True
        self.wake()

    def __bool__(self) -> bool:
        return self._is_new

    def frames(self) -> Iterator[bytes]:
        """Yield one frame with all so far if something is new and it is time, or recording is over."""
        now_s = perf_counter()
        if not self._is_new or (lanes.is_recording and now_s - self._written_s < PERIOD_S):
            return
        with self._lock:
            metrics = [[name, repr(value), t_ns, times] for name, (value, t_ns, times) in self._metrics.items()]
            units = [[name, repr(told[0])] for name, told in self._units.items()]
            units_at = [[name, repr(first), *at_ns] for name, (_, first, *at_ns) in self._units.items()]
            self._is_new = False
        self._written_s = now_s
        yield pack_frame(TOLD, 0, to_json({"metrics": metrics, "units": units, "units_at": units_at}))


def _unheard(line: str) -> None:
    """Take a line where no recorder is."""


TOLD_HERE = ToldHere()
