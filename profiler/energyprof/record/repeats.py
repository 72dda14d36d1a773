"""The repeat phase: after the program's main part, each layer and declared function is called again on kept inputs.

A visit calls one of them back to back for a given time; visits come in random order, `rounds` of them each. So a sensor
that is slower than a layer sees each layer alone, for long enough. All of it happens inside one stage, `(repeat)`, in
which nothing else is recorded; which visit was when and how many calls it made is told apart from the spans
(`CureFrames`). Energies of the program itself are therefore what they would be without it.

The program notices nothing: its output has been flushed; random numbers (of `random`, numpy and by the instruments
those of their frameworks) are put back; Ctrl-C ends the phase and nothing else. What cannot be repeated is skipped and
told with the reason. The phase runs in the process that was started first only, once: at the end, if no exception ended
the program, after its own exit handlers, or where it calls `energyprof.repeat()`.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter_ns as now_ns

from energyprof.model.recorded_names import REPEAT_STAGE
from energyprof.record.dephase import Uniform
from energyprof.record.faults import note
from energyprof.record.lanes import local
from energyprof.record.names import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import Repeatable, RepeatSource
    from energyprof.record.cure_frames import CureFrames

SEED = 0xD1B54A32D192ED03
"""Of the order of visits."""
SHORT_NS = 5_000_000
"""A call is timed by as many as take so long."""
MOST_CALLS = 10_000_000
TOLD_VISITS = 50
"""Visits that are written together; a kill costs no more."""


class RepeatPhase:
    """Keeps what can be repeated while the program runs, and repeats it once."""

    def __init__(self, run_dir: str, visit_ns: int, rounds: int, cures: CureFrames) -> None:
        self.run_dir = run_dir
        self.visit_ns = visit_ns
        self.rounds = rounds
        self._cures = cures
        self._sources: list[RepeatSource] = []
        self._skipped: dict[str, str] = {}
        self._visits: list[tuple[int, int, int, int]] = []
        self._is_over = False
        self._pid = os.getpid()

    def add(self, source: RepeatSource) -> None:
        """Have what `source` keeps repeated too."""
        self._sources.append(source)

    def run(self) -> None:
        """Repeat everything; a second call does nothing, nor does one in a forked child or a thread. Never raises."""
        from _thread import get_native_id

        if self._is_over or os.getpid() != self._pid or get_native_id() != self._pid:
            return
        self._is_over = True
        begun: list[RepeatSource] = []
        try:
            _flush_streams()
            with _Interrupts() as interrupts, _Randomness():
                try:
                    self._run(begun, interrupts)
                finally:
                    interrupts.is_late = True
                    for source in reversed(begun):
                        source.end()
        except BaseException:  # an error of ours, or of the system: the program has done its work
            note(self.run_dir, "repeating layers")

    def _run(self, begun: list[RepeatSource], interrupts: _Interrupts) -> None:
        code = NAMES.intern(REPEAT_STAGE).code
        before = local.ext
        before((code, now_ns()))
        local.ext = _forget
        try:
            things: list[Repeatable] = []
            try:
                for source in self._sources:
                    begun.append(source)
                    found, skipped = source.begin()
                    things += found
                    self._skipped.update(skipped)
                self._visit_all(things, interrupts)
            except KeyboardInterrupt:
                interrupts.is_wanted = True
            self._tell_visits()
            self._cures.tell(
                repeat={
                    "visit_ns": self.visit_ns,
                    "rounds": self.rounds,
                    "seen": [[thing.code, thing.seen_ns] for thing in things],
                    "skipped": [[name, reason] for name, reason in self._skipped.items()],
                    "is_cut": interrupts.is_wanted,
                }
            )
        finally:
            local.ext = before
            before((-code, now_ns()))

    def _visit_all(self, things: list[Repeatable], interrupts: _Interrupts) -> None:
        calls: dict[int, int] = {}
        order: list[Repeatable] = []
        for thing in things:
            if interrupts.is_wanted:
                return
            reason = thing.why_not()
            if reason:
                self._skipped[thing.name] = reason
                continue
            try:
                calls[thing.code] = self._calls_per_visit(thing)
            except (Exception, SystemExit) as error:
                self._skipped[thing.name] = _raised(error)
            else:
                order.append(thing)
        source = Uniform(SEED)
        for _ in range(self.rounds):
            for at in range(len(order) - 1, 0, -1):  # Fisher and Yates
                other = source.between(0, at)
                order[at], order[other] = order[other], order[at]
            for thing in order[:]:
                if interrupts.is_wanted:
                    return
                if not self._visit(thing, calls[thing.code]):
                    order.remove(thing)

    def _visit(self, thing: Repeatable, calls: int) -> bool:
        begun_ns = now_ns()
        try:
            thing.call(calls)
        except (Exception, SystemExit) as error:
            self._skipped[thing.name] = _raised(error)
            return False
        self._visits.append((thing.code, begun_ns, now_ns(), calls))
        if len(self._visits) >= TOLD_VISITS:
            self._tell_visits()
        return True

    def _tell_visits(self) -> None:
        if self._visits:
            self._cures.tell(visits=[list(visit) for visit in self._visits])
            self._visits = []

    def _calls_per_visit(self, thing: Repeatable) -> int:
        """Return how many calls take as long as a visit should."""
        calls = 1
        while True:
            begun_ns = now_ns()
            thing.call(calls)
            took_ns = max(now_ns() - begun_ns, 1)
            if took_ns >= min(SHORT_NS, self.visit_ns) or calls >= MOST_CALLS:
                return max(1, min(MOST_CALLS, -(-calls * self.visit_ns // took_ns)))
            calls = min(MOST_CALLS, max(2 * calls, calls * SHORT_NS // took_ns))


class Active:
    """The phase of this process, where one is asked for."""

    phase: RepeatPhase | None = None


class _Interrupts:
    """Ctrl-C while we repeat: the first one is noted, the next ones end the call that takes too long."""

    def __init__(self) -> None:
        self.is_wanted = False
        self.is_late = False
        """What the program had is being put back: that is done to the end."""
        self._before: Any = None

    def __enter__(self) -> _Interrupts:  # noqa: PYI034 - as in `stage`
        import signal

        self._before = signal.getsignal(signal.SIGINT)
        if self._before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._arrived)
        return self

    def __exit__(self, *_raised: object) -> None:
        import signal

        if self._before is not None and self._before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._before)

    def _arrived(self, _number: int, _frame: object) -> None:
        if self.is_wanted and not self.is_late:
            raise KeyboardInterrupt
        self.is_wanted = True


class _Randomness:
    """Puts back the random numbers of `random` and numpy, and keeps warnings of repeated calls to itself."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        import warnings

        plain = sys.modules.get("random")
        if plain is not None:
            state = plain.getstate()
            self._undo.append(lambda: plain.setstate(state))
        numpy = sys.modules.get("numpy.random")
        if numpy is not None:
            kept = numpy.get_state()
            self._undo.append(lambda: numpy.set_state(kept))
        caught = warnings.catch_warnings()
        caught.__enter__()
        warnings.simplefilter("ignore")
        self._undo.append(lambda: caught.__exit__(None, None, None))

    def __exit__(self, *_raised: object) -> None:
        while self._undo:
            self._undo.pop()()


def _flush_streams() -> None:
    """Write what the program has printed: it would otherwise come out after the phase only."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # there is none, or it is closed
            continue


def _forget(_event: tuple[int, int]) -> None:
    pass


def _raised(error: BaseException) -> str:
    text = " ".join(str(error).split())[:120]
    return f"raised {type(error).__name__}{': ' if text else ''}{text}"
