"""The state of this machine's power sources: who answers, with what, at which cost, and whom a run would read.

Every source is loaded, asked, opened, read and closed in a thread of its own. The rest is left behind once none has got
a step further for `PATIENCE_S`: a hanging driver is a finding like any other, while on a busy machine all are late. Who
would be read is decided by the code that decides it for a run (collect/choose.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from energyprof.collect.choose import Offer, chosen_readers, rank_of, why_unavailable
from energyprof.collect.devices import parts_of
from energyprof.errors import EnergyprofError
from energyprof.interfaces import PartialSource, PowerSource, ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, counted_ids
from energyprof.model.ids import DomainId

PATIENCE_S = 2.0
READS = 20
READING_S = 0.1
"""Reads to learn what a call costs: so many, or for so long, the first one left out."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """One installed source as it was found."""

    name: str
    measures: str
    """`sensor`, `model`, `replay`; `unknown` where it could not be loaded."""
    rank: int | None
    reason: str | None
    """Why it cannot serve, and what to do; None: it can."""
    domains: tuple[Domain, ...] = ()
    devices: int = 0
    """How many of its devices answer independently; 0: it is read as a whole."""
    call_s: float | None = None
    """Median time that a read of all its devices takes; None: it was not read."""
    failures: tuple[tuple[DomainId, str], ...] = ()
    """Domains that it announced and could not read, and what it said."""
    left_out: tuple[str, ...] = ()
    """Devices that it found and cannot use: a line each, with the reason."""
    is_answering: bool = True
    """False: it did not answer in time."""
    source: PowerSource | None = field(default=None, compare=False)

    @property
    def is_usable(self) -> bool:
        """Whether a run can use it."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a run would read for one domain, and why."""

    domain: DomainId
    source: str
    why: str
    counts: bool
    """False: contained in another domain of the run; shown, never added."""


def examine_all(
    names: Sequence[str],
    load: Callable[[str], PowerSource],
    context: SourceContext,
    patience_s: float = PATIENCE_S,
    adapt: Callable[[str, Domain], Domain] = lambda _source, domain: domain,
) -> tuple[SourceState, ...]:
    """Examine sources at once, in the order of names; `adapt` gives a source's domain what else is known of it."""
    looks = [_Look(name, load, context, adapt) for name in names]
    for look in looks:
        look.thread.start()
    for look in looks:
        while look.thread.is_alive():
            left_s = max(one.stepped_s for one in looks) + patience_s - time.monotonic()
            if left_s <= 0.0:
                break
            look.thread.join(left_s)
    return tuple(look.state(patience_s) for look in looks)


def choices(states: Sequence[SourceState]) -> tuple[Choice, ...]:
    """Return whom a run without --source would read for each domain."""
    offering = [state for state in states if state.is_usable and state.measures in {"sensor", "model"}]
    found = chosen_readers([Offer(one.name, one.rank or 0, one.domains) for one in offering])
    counted = counted_ids(reader.domain for reader in found.values())
    return tuple(
        Choice(domain, reader.source, _why(domain, reader.source, offering), domain in counted)
        for domain, reader in found.items()
    )


def has_sensor(states: Sequence[SourceState]) -> bool:
    """Return whether anything measured can be read here."""
    return any(state.measures == "sensor" and state.is_usable for state in states)


def _why(domain: DomainId, source: str, offering: Sequence[SourceState]) -> str:
    rivals = [one for one in offering if domain in {offered.id for offered in one.domains}]
    mine = next(one for one in rivals if one.name == source)
    others = [f"{one.name} ({one.rank})" for one in rivals if one.name != source]
    if others:
        return f"lowest rank ({mine.rank}), before {', '.join(others)}"
    if mine.measures == "model":
        return "no sensor covers it" if has_sensor(offering) else "no sensor can be read"
    return "the only sensor of it"


class _Look:
    """One source being looked at; a thread that hangs is left behind, and what it had found by then counts."""

    def __init__(
        self,
        name: str,
        load: Callable[[str], PowerSource],
        context: SourceContext,
        adapt: Callable[[str, Domain], Domain],
    ) -> None:
        self.thread = threading.Thread(target=self._run, name=f"energyprof examines {name}", daemon=True)
        self._load = load
        self._context = context
        self._adapt = adapt
        self.stepped_s = time.monotonic()
        """When it last got a step further."""
        self._doing = "being loaded"
        self._found = SourceState(name, "unknown", None, None)
        self._is_done = False

    def state(self, patience_s: float) -> SourceState:
        """Return what was found, or that it hangs, and where."""
        found = self._found
        if self._is_done:
            return found
        reason = (
            f"it did not answer within {patience_s:g} s while {self._doing}; mend its driver, or choose others with "
            "--source"
        )
        return replace(found, reason=reason, is_answering=False)

    def _run(self) -> None:
        try:
            self._examine()
        except EnergyprofError as error:
            self._found = replace(self._found, reason=str(error))
        except Exception as error:  # whatever a driver throws is a finding, not a fault of ours
            said = f"{type(error).__name__}: {error}"
            self._found = replace(
                self._found, reason=f"it failed while {self._doing} ({said}); update or remove its package"
            )
        self._is_done = True
        self.stepped_s = time.monotonic()

    def _begin(self, doing: str) -> None:
        self._doing, self.stepped_s = doing, time.monotonic()

    def _examine(self) -> None:
        source = self._load(self._found.name)
        self._found = replace(self._found, measures=source.measures, rank=rank_of(source), source=source)
        self._begin("being asked")
        reason = why_unavailable(source, self._context)
        if isinstance(source, PartialSource):
            beside = (line for line in source.left_out(self._context) if line != reason)
            self._found = replace(self._found, left_out=tuple(beside))
        if reason is not None:
            self._found = replace(self._found, reason=reason)
            return
        self._begin("being opened")
        try:
            domains = tuple(self._adapt(source.name, domain) for domain in source.open(self._context))
            devices = len(parts_of(source))
            self._found = replace(self._found, domains=domains, devices=devices)
            self._begin("being read")
            call_s, failures = _read(source)
            self._found = replace(self._found, call_s=call_s, failures=failures)
            self._begin("being closed")
        finally:
            source.close()


def _read(source: PowerSource) -> tuple[float, tuple[tuple[DomainId, str], ...]]:
    """Return the median cost of a read in seconds, and which domains gave no value at all."""
    reads = [part.read for part in parts_of(source)] or [source.read]
    costs: list[float] = []
    good: set[DomainId] = set()
    failed: dict[DomainId, str] = {}
    began_s = time.monotonic()
    while len(costs) <= READS and (len(costs) < 2 or time.monotonic() - began_s < READING_S):
        before_s = time.monotonic()
        answers = [answer for read in reads for answer in read()]
        costs.append(time.monotonic() - before_s)
        good.update(answer.domain for answer in answers if isinstance(answer, Reading))
        failed.update(
            (answer.domain, f"{answer.status.name} {answer.message}".strip())
            for answer in answers
            if isinstance(answer, ReadFailure)
        )
    warm = sorted(costs[1:])
    return warm[len(warm) // 2], tuple((domain, said) for domain, said in failed.items() if domain not in good)
