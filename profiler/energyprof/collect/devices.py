"""What is read by itself: a source as a whole, or each part of one whose parts answer independently.

A source is closed once, by whichever of its devices ends last. While one hangs in its driver it is not closed at
all: to shut a driver down under a call is the surest way to crash it, and the end of the process lets go of everything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from energyprof.interfaces import FactSource, KeepingPart, Part, PartedSource, PowerSource, ReadFailure, Reading
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """What one thread at a time reads. `read`, `facts` and `close` are called from that thread alone."""

    name: str
    domains: tuple[Domain, ...]
    """Those that are read; none: it is there for its facts."""
    read: Callable[[], Iterable[Reading | ReadFailure]]
    close: Callable[[], None]
    facts: Callable[[], Mapping[DomainId, Mapping[str, float]]] | None = None
    left_out: frozenset[DomainId] = frozenset()
    """Domains that it answers for and another source is read for."""
    keeps_ns: int | None = None
    """For so long it keeps readings that nobody has fetched; None: it answers with those of now."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenSource:
    """A source that has been opened, the domains of it that are read, and its devices."""

    source: PowerSource
    domains: tuple[Domain, ...]
    devices: tuple[Device, ...]


def parts_of(source: PowerSource) -> tuple[Part, ...]:
    """Return the parts of an open source; none: it is read as a whole."""
    return tuple(source.parts()) if isinstance(source, PartedSource) else ()


def open_source(
    source: PowerSource,
    announced: Sequence[Domain],
    parts: Sequence[Part] = (),
    kept: frozenset[DomainId] | None = None,
) -> OpenSource:
    """Return an open source with one device, or one for each of its parts; `kept`: the domains read, None: all."""
    domains = tuple(domain for domain in announced if kept is None or domain.id in kept)
    read_ids = {domain.id for domain in domains}  # a counter that another source is read for is not ours to shape
    domains = tuple(domain for domain in domains if domain.shape_of is None or domain.shape_of in read_ids)
    left_out = frozenset(domain.id for domain in announced) - {domain.id for domain in domains}
    facts = source.facts if isinstance(source, FactSource) else None
    if not parts:
        return OpenSource(source, domains, (Device(source.name, domains, source.read, source.close, facts, left_out),))
    wanted = {domain.id: domain for domain in domains}
    read = [(part, tuple(wanted[one.id] for one in part.domains if one.id in wanted)) for part in parts]
    read = [(part, own) for part, own in read if own]
    telling = [(part.name, part.facts) for part, _ in read if isinstance(part, FactSource)]
    if facts is not None and not telling:
        telling = [("", facts)]
    closing = _ClosedByTheLast(source.close, len(read) + len(telling))
    devices = [
        Device(f"{source.name} {part.name}", own, part.read, closing.one_ends, None, left_out, _keeps_ns(part))
        for part, own in read
    ]
    # Facts hang as reads do: they get threads that no read waits for.
    devices += [
        Device(" ".join(filter(None, (source.name, name, "facts"))), (), tuple, closing.one_ends, tell, left_out)
        for name, tell in telling
    ]
    return OpenSource(source, domains, tuple(devices))


def _keeps_ns(part: Part) -> int | None:
    return part.keeps_ns if isinstance(part, KeepingPart) else None


class _ClosedByTheLast:
    """Closes when as many have ended as there are."""

    def __init__(self, close: Callable[[], None], count: int) -> None:
        self._close = close
        self._left = count
        self._lock = threading.Lock()

    def one_ends(self) -> None:
        with self._lock:
            self._left -= 1
            is_last = self._left == 0
        if is_last:
            self._close()
