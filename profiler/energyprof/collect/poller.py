"""Ask one power source and keep what it answered as rows; whatever a plugin does, the answer is a row or a warning."""

from __future__ import annotations

import operator
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from energyprof.collect.gauge import Gauge
from energyprof.interfaces import PowerSource, ReadFailure, Reading
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings

LARGEST_RAW = 2**63 - 1


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """How well one domain could be read."""

    reads: int
    """Reads that gave a value."""
    failures: int
    """Reads that failed; each is a gap."""
    achieved_hz: float
    """Values a second between the first and the last; 0.0 with fewer than two."""


@dataclass(slots=True, eq=False)
class _Column:
    """The rows of one domain since the last drain, flat: before, after, raw, status."""

    domain: Domain
    gauge: Gauge
    rows: list[int] = field(default_factory=list)
    reads: int = 0
    failures: Counter[ReadStatus] = field(default_factory=Counter)
    message: str = ""
    first_ns: int = 0
    last_ns: int = 0

    def value(self, before_ns: int, after_ns: int, raw: int) -> None:
        self.rows.extend((before_ns, after_ns, raw, ReadStatus.OK))
        self.gauge.take(after_ns, raw)
        self.first_ns = self.first_ns if self.reads else after_ns
        self.last_ns = after_ns
        self.reads += 1

    def failure(self, before_ns: int, after_ns: int, status: ReadStatus, message: str) -> None:
        status = ReadStatus.UNKNOWN if status == ReadStatus.OK else status
        self.rows.extend((before_ns, after_ns, 0, status))
        self.gauge.gap()
        self.failures[status] += 1
        self.message = self.message or message

    def facts(self) -> DomainFacts:
        elapsed_s = (self.last_ns - self.first_ns) * 1e-9
        achieved_hz = (self.reads - 1) / elapsed_s if elapsed_s > 0 else 0.0
        return DomainFacts(self.reads, self.failures.total(), achieved_hz)


class Poller:
    """One source and its rows. `poll` is called from the source's thread, everything else from any."""

    def __init__(
        self, source: PowerSource, domains: Sequence[Domain], now_ns: Callable[[], int], start_ns: int = 0
    ) -> None:
        self.source = source
        self.domains = tuple(domains)
        self._now_ns = now_ns
        self._start_ns = start_ns
        self._columns = {domain.id: _Column(domain, Gauge(domain)) for domain in domains}
        self._faults: list[str] = []
        self._lock = threading.Lock()

    def poll(self) -> bool:
        """Read the source once; return whether it gave at least one value or had nothing due."""
        before_ns = self._now_ns()
        raised = None
        answers: list[Reading | ReadFailure] = []
        try:
            # Element by element: what a generator yields before it raises has been measured.
            for answer in self.source.read():
                answers.append(answer)
        except (Exception, SystemExit) as error:  # A plugin's fault ends neither the thread nor the run.
            raised = f"{type(error).__name__}: {error}"
        after_ns = self._now_ns()
        with self._lock:
            given = sum([self._keep(answer, before_ns, after_ns) for answer in answers])
            if raised is not None:
                self._all_failed({answer.domain for answer in answers}, before_ns, after_ns, raised)
        return given > 0 or (not answers and raised is None)

    def close(self) -> None:
        """Close the source; a plugin that fails here is named in the warnings."""
        try:
            self.source.close()
        except (Exception, SystemExit) as error:
            with self._lock:
                self._fault(f"power source {self.source.name!r} failed to close: {type(error).__name__}: {error}")

    def drain(self) -> dict[DomainId, Readings]:
        """Return the rows since the last drain, of the domains that have any."""
        with self._lock:
            taken = {id_: column.rows for id_, column in self._columns.items() if column.rows}
            for id_ in taken:
                self._columns[id_].rows = []
        return {id_: _readings(rows) for id_, rows in taken.items()}

    def live(self, id_: DomainId, now_ns: int) -> tuple[float | None, float | None]:
        """Return watts of late and joules so far of one domain, None where unknown."""
        with self._lock:
            gauge = self._columns[id_].gauge
            return gauge.power_w(now_ns), gauge.energy_j()

    def facts(self) -> dict[DomainId, DomainFacts]:
        """Return how well each domain could be read so far."""
        with self._lock:
            return {id_: column.facts() for id_, column in self._columns.items()}

    def warnings(self) -> tuple[str, ...]:
        """Return one line for each fault of the source and for each domain with failed reads."""
        with self._lock:
            lines = list(self._faults)
            for id_, column in self._columns.items():
                for status, count in sorted(column.failures.items()):
                    reads = column.reads + column.failures.total()
                    why = f": {column.message}" if column.message else ""
                    lines.append(
                        f"{id_}: {count} of {reads} reads failed ({status.name}{why}); they are gaps, not zeros"
                    )
            return tuple(lines)

    def _keep(self, answer: Reading | ReadFailure, before_ns: int, after_ns: int) -> bool:
        if not isinstance(answer, Reading | ReadFailure) or answer.domain not in self._columns:
            self._fault(f"power source {self.source.name!r} answered {answer!r}, which it had not announced; ignored")
            return False
        column = self._columns[answer.domain]
        if isinstance(answer, ReadFailure):
            column.failure(before_ns, after_ns, answer.status, answer.message)
            return False
        try:
            raw = operator.index(answer.raw)
            t_ns = None if answer.t_ns is None else operator.index(answer.t_ns)
        except TypeError:
            column.failure(before_ns, after_ns, ReadStatus.UNKNOWN, f"{answer!r} is not an integer")
            return False
        if not 0 <= raw <= LARGEST_RAW:
            column.failure(before_ns, after_ns, ReadStatus.UNKNOWN, f"raw value {raw} is outside 0 to 2**63-1")
            return False
        if t_ns is None:
            column.value(before_ns, after_ns, raw)
            return True
        if not self._start_ns <= t_ns <= after_ns:
            column.failure(before_ns, after_ns, ReadStatus.UNKNOWN, f"its time {t_ns} ns is outside the run")
            return False
        column.value(t_ns, t_ns, raw)
        return True

    def _all_failed(self, answered: set[DomainId], before_ns: int, after_ns: int, message: str) -> None:
        for id_, column in self._columns.items():
            if id_ not in answered:
                column.failure(before_ns, after_ns, ReadStatus.UNKNOWN, message)

    def _fault(self, line: str) -> None:
        # One line a kind of fault: a broken plugin answers a hundred times a second.
        if not self._faults:
            self._faults.append(line)


def _readings(rows: Sequence[int]) -> Readings:
    table = np.array(rows, np.int64).reshape(-1, 4)
    if len(table) > 1 and (np.diff(table[:, 1]) < 0).any():
        table = table[np.argsort(table[:, 1], kind="stable")]
    before_ns, after_ns, raw = (np.ascontiguousarray(table[:, index]) for index in range(3))
    status = table[:, 3].astype(np.uint8)
    for column in (before_ns, after_ns, raw):
        column.flags.writeable = False
    status.flags.writeable = False
    return Readings(before_ns, after_ns, raw, status)
