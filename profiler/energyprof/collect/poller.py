"""Ask one device and keep what it answered as rows; whatever a plugin does, the answer is a row or a warning.

A poll only asks and notes: right after a wake-up every line of code costs ten times its usual price (cold caches). The
answers are looked at when somebody wants them, many at once, and numpy is loaded no sooner than that.
"""

from __future__ import annotations

import operator
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from energyprof.collect.devices import Device
from energyprof.collect.figures import Figures
from energyprof.collect.gauge import Gauge
from energyprof.interfaces import ReadFailure, Reading
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.model.sampling import DomainFacts

if TYPE_CHECKING:
    from energyprof.model.power import Readings

LARGEST_RAW = 2**63 - 1
FACTS_NS = 1_000_000_000
FACTS_DUTY = 0.005
"""Part of the time that asking for facts may take; where it is slow it is done more rarely."""
LONG_NS = 500_000_000
"""A read that takes longer is worth a warning: it leaves out several updates of nearly any sensor."""
CALLS_KEPT = 8
"""The shortest of the last calls tells what an answer takes: others were interrupted by whoever had the core."""


@dataclass(slots=True, eq=False)
class _Column:
    """The rows of one domain since the last drain, flat: before, after, raw, status."""

    domain: Domain
    gauge: Gauge
    rows: list[int] = field(default_factory=list)
    reads: int = 0
    failures: Counter[ReadStatus] = field(default_factory=Counter)
    messages: dict[ReadStatus, str] = field(default_factory=dict)
    first_ns: int = 0
    last_ns: int = 0
    gaps: int = 0
    is_in_gap: bool = False

    def value(self, before_ns: int, after_ns: int, raw: int) -> None:
        self.rows.extend((before_ns, after_ns, raw, ReadStatus.OK))
        self.gauge.take(after_ns, raw)
        self.first_ns = self.first_ns if self.reads else after_ns
        self.last_ns = after_ns
        self.reads += 1
        self.is_in_gap = False

    def failure(self, before_ns: int, after_ns: int, status: ReadStatus, message: str) -> None:
        self.rows.extend((before_ns, after_ns, 0, status))
        self.gauge.gap()
        self.failures[status] += 1
        self.messages.setdefault(status, message)
        self.gaps += not self.is_in_gap
        self.is_in_gap = True

    def facts(self, call_cost_s: float | None) -> DomainFacts:
        elapsed_s = (self.last_ns - self.first_ns) * 1e-9
        achieved_hz = (self.reads - 1) / elapsed_s if elapsed_s > 0 else 0.0
        return DomainFacts(self.reads, self.failures.total(), achieved_hz, self.gaps, call_cost_s)

    def warnings(self) -> list[str]:
        count = self.reads + self.failures.total()
        return [
            f"{self.domain.id}: {failures} of {count} reads failed ({status.name}"
            f"{': ' if self.messages[status] else ''}{self.messages[status]}); they are gaps, not zeros"
            for status, failures in sorted(self.failures.items())
        ]


class _Poll(NamedTuple):
    before_ns: int
    after_ns: int
    answers: list[Reading | ReadFailure]
    raised: str | None


class Poller:
    """One device and its rows. `poll` and `close` are called from the device's thread, everything else from any."""

    def __init__(self, device: Device, now_ns: Callable[[], int], start_ns: int = 0) -> None:
        self.device = device
        self.domains = device.domains
        self._read = device.read
        self._now_ns = now_ns
        self._start_ns = start_ns
        self._polls: deque[_Poll] = deque()
        self._columns = {domain.id: _Column(domain, Gauge(domain)) for domain in device.domains}
        self._calls = 0
        self._called_ns = 0
        self._longest_ns = 0
        self._recent_ns: deque[int] = deque(maxlen=CALLS_KEPT)
        self._facts_due_ns = 0
        self._told: deque[Mapping[DomainId, Mapping[str, float]]] = deque()
        self._figures = Figures()
        self._fault: str | None = None
        self._lock = threading.Lock()

    def poll(self) -> bool:
        """Read the device once; return False where it gave nothing but failures."""
        answers: list[Reading | ReadFailure] = []
        raised = None
        before_ns = self._now_ns()
        try:
            # What a generator yields before it raises has been measured, and `extend` keeps it.
            answers.extend(self._read())
        except (Exception, SystemExit) as error:  # A plugin's fault ends neither the thread nor the run.
            raised = f"{type(error).__name__}: {error}"
        after_ns = self._now_ns()
        self._polls.append(_Poll(before_ns, after_ns, answers, raised))
        self._calls += 1
        self._called_ns += after_ns - before_ns
        self._recent_ns.append(after_ns - before_ns)
        self._longest_ns = max(self._longest_ns, after_ns - before_ns)
        if self.device.facts is not None and after_ns >= self._facts_due_ns:
            self._ask_for_facts(after_ns)
        if raised is not None:
            return False
        return not answers or isinstance(answers[0], Reading) or any(isinstance(one, Reading) for one in answers)

    def call_ns(self) -> int:
        """Return how long the device takes to answer; called from its thread."""
        return min(self._recent_ns, default=0)

    def close(self) -> None:
        """Close the device; a plugin that fails here is named in the warnings."""
        try:
            self.device.close()
        except (Exception, SystemExit) as error:
            self._blame(f"power source {self.device.name!r} failed to close: {type(error).__name__}: {error}")

    def drain(self) -> dict[DomainId, Readings]:
        """Return the rows since the last drain, of the domains that have any."""
        with self._lock:
            self._sort_answers()
            taken = {id_: column.rows for id_, column in self._columns.items() if column.rows}
            for id_ in taken:
                self._columns[id_].rows = []
        return {id_: _readings(rows) for id_, rows in taken.items()}

    def live(self, id_: DomainId, now_ns: int) -> tuple[float | None, float | None]:
        """Return watts of late and joules so far of one domain, None where unknown."""
        with self._lock:
            self._sort_answers()
            gauge = self._columns[id_].gauge
            return gauge.power_w(now_ns), gauge.energy_j()

    def facts(self) -> dict[DomainId, DomainFacts]:
        """Return how well each domain could be read so far."""
        with self._lock:
            self._sort_answers()
            call_cost_s = self._called_ns * 1e-9 / self._calls if self._calls else None
            return {id_: column.facts(call_cost_s) for id_, column in self._columns.items()}

    def figures(self) -> Figures:
        """Return what the device told besides power so far."""
        with self._lock:
            while self._told:
                self._figures.take(self._told.popleft())
            return self._figures.copy()

    def warnings(self) -> tuple[str, ...]:
        """Return the device's first fault and one line for each domain and kind of failed reads."""
        with self._lock:
            self._sort_answers()
            faults = [] if self._fault is None else [self._fault]
            if self._longest_ns >= LONG_NS:
                faults.append(
                    f"{self.device.name} took up to {self._longest_ns * 1e-9:.1f} s to answer a read; how power went "
                    "meanwhile is not known; see whether its driver is well"
                )
            return (*faults, *(line for column in self._columns.values() for line in column.warnings()))

    def _ask_for_facts(self, now_ns: int) -> None:
        facts = self.device.facts
        try:
            if facts is not None:
                self._told.append(facts())
        except (Exception, SystemExit) as error:
            self._blame(f"power source {self.device.name!r} failed to tell facts: {type(error).__name__}: {error}")
        took_ns = self._now_ns() - now_ns
        self._facts_due_ns = now_ns + max(FACTS_NS, round(took_ns / FACTS_DUTY))

    def _sort_answers(self) -> None:
        while self._polls:
            poll = self._polls.popleft()
            for answer in poll.answers:
                self._sort(answer, poll)
            if poll.raised is not None:
                answered = {getattr(answer, "domain", None) for answer in poll.answers}
                for id_ in self._columns.keys() - answered:
                    self._columns[id_].failure(poll.before_ns, poll.after_ns, ReadStatus.UNKNOWN, poll.raised)

    def _sort(self, answer: Reading | ReadFailure, poll: _Poll) -> None:
        if not isinstance(answer, (Reading, ReadFailure)) or answer.domain not in self._columns:
            if getattr(answer, "domain", None) in self.device.left_out:
                return
            self._blame(f"power source {self.device.name!r} answered {answer!r}, of no domain it announced; ignored")
            return
        column = self._columns[answer.domain]
        if isinstance(answer, ReadFailure):
            status = ReadStatus.UNKNOWN if answer.status == ReadStatus.OK else ReadStatus(answer.status)
            column.failure(poll.before_ns, poll.after_ns, status, answer.message)
            return
        fault = self._fault_of(answer, poll.after_ns)
        if fault is not None:
            column.failure(poll.before_ns, poll.after_ns, ReadStatus.UNKNOWN, fault)
        elif answer.t_ns is None:
            column.value(poll.before_ns, poll.after_ns, answer.raw)
        else:
            column.value(answer.t_ns, answer.t_ns, answer.raw)

    def _fault_of(self, reading: Reading, after_ns: int) -> str | None:
        """Return what makes a reading unusable: it would overflow the columns or lie outside the run."""
        try:
            raw, t_ns = operator.index(reading.raw), operator.index(after_ns if reading.t_ns is None else reading.t_ns)
        except TypeError:
            return f"raw value {reading.raw!r} at {reading.t_ns!r} is not made of integers"
        if not 0 <= raw <= LARGEST_RAW:
            return f"raw value {raw} is outside 0 to 2**63-1"
        if not self._start_ns <= t_ns <= after_ns:
            return f"its time {t_ns} ns is outside the run"
        return None

    def _blame(self, fault: str) -> None:
        # Only the first: a broken plugin answers a hundred times a second.
        self._fault = self._fault or fault


def _readings(rows: Sequence[int]) -> Readings:
    # Not at the top: sensors are being read before numpy is loaded, which takes 100 ms and more.
    import numpy as np

    from energyprof.model.power import Readings

    table = np.array(rows, np.int64).reshape(-1, 4)
    if len(table) > 1 and (np.diff(table[:, 1]) < 0).any():
        table = table[np.argsort(table[:, 1], kind="stable")]
    before_ns, after_ns, raw = (np.ascontiguousarray(table[:, index]) for index in range(3))
    status = table[:, 3].astype(np.uint8)
    for column in (before_ns, after_ns, raw):
        column.flags.writeable = False
    status.flags.writeable = False
    return Readings(before_ns, after_ns, raw, status)
