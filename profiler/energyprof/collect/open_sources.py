"""Open the power sources of a run: those asked for, else what this machine has; one that fails is said, never fatal.

Each is loaded, asked and opened in a thread of its own (`attempt`), for a driver may take seconds or for ever: others
are read meanwhile, and one that comes late joins them. Who reads a domain that several offer is decided by rank among
those that answer in time; a domain that is being read keeps its source, whoever comes later, so that no domain is made
of two sensors' readings. Where none was asked for, models are opened too and held back until the sensors have answered:
they serve what no sensor covers then, and a sensor of the same power that comes later is left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from energyprof.collect.attempt import Attempt
from energyprof.collect.choose import Offer, Reader, chosen_readers, named_readers
from energyprof.collect.devices import OpenSource, open_source
from energyprof.interfaces import PowerSource, RemarkingSource, SourceContext
from energyprof.model.domain import Domain, counted_ids
from energyprof.model.ids import DomainId
from energyprof.model.natural_order import natural_key

Opened: TypeAlias = list[OpenSource]

LAST_PATIENCE_S = 0.2
LONGEST_LEAD_OUT_NS = 1_200_000_000
SAID_LATE_S = 1.0
NAMED = 4
"""So many domains are named in one line, of sixteen GPUs the first."""
MODEL_PATIENCE_S = 1.0
"""After so long the models serve what no sensor covers, whoever has not answered yet."""


class Opening:
    """The sources asked for as (name, argument), or the best of the installed ones where none was, being opened."""

    def __init__(  # noqa: PLR0913 - what the run it opens for is known by, by keyword
        self,
        wanted: Sequence[tuple[str, str]],
        installed: Sequence[str],
        load: Callable[[str], PowerSource],
        context: SourceContext,
        *,
        begun_ns: Callable[[], int] | None = None,
        known: Callable[[str, Domain], Domain] = lambda _source, domain: domain,
    ) -> None:
        """Start at once. `begun_ns` waits for and returns when a run began that begins later than its collector.

        A recorded series counts from there; what is read or modelled may well be read before. `known` gives a source's
        domain what earlier probes have found of it.
        """
        self._said: list[str] = []
        self._changed = threading.Condition()
        self._is_choosing = not wanted
        self._is_last = False
        self._readers: dict[DomainId, Reader] = {}
        self._began_s = time.monotonic()
        self._has_begun = False
        named = wanted or [(name, "") for name in sorted(installed)]
        self._attempts = [
            Attempt(name, load, replace(context, argument=argument), self._is_choosing, self._changed, begun_ns, known)
            for name, argument in named
        ]
        for attempt in self._attempts:
            attempt.thread.start()

    def wait(self, patience_s: float) -> Opened:
        """Return what is open once all have answered, or after `patience_s`; each is returned once."""
        deadline_s = time.monotonic() + patience_s
        with self._changed:
            while True:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or all(attempt.is_settled for attempt in self._attempts):
                    return self._arrived()
                self._changed.wait(left_s)

    def late(self) -> Opened:
        """Return what has been opened since the last time."""
        with self._changed:
            return self._arrived()

    def news(self) -> list[str]:
        """Return what there is to say since the last time: one line for each source that is late or left out."""
        said, self._said = self._said, []
        return said

    def give_up(self) -> Opened:
        """Return what is open at last; what is not is left behind, and said."""
        for attempt in self._attempts:
            attempt.over.set()
        with self._changed:
            self._is_last = True
        opened = self.wait(LAST_PATIENCE_S)
        waited_s = time.monotonic() - self._began_s
        for attempt in self._attempts:
            if attempt.is_model and not attempt.is_taken:
                attempt.is_taken = True
                attempt.close()
            if not attempt.is_settled:
                self._said.append(
                    f"power source {attempt.name} could not be opened within {waited_s:.1f} s and is left out; "
                    "mend its driver, or choose others with --source"
                )
        return opened

    def _arrived(self) -> Opened:
        """Return what has come to an end since the last time, in the order asked for."""
        answered = [attempt for attempt in self._attempts if attempt.is_settled and not attempt.is_taken]
        for attempt in answered:
            if attempt.said:
                self._said.append(attempt.said)
                attempt.said = ""
        usable = [attempt for attempt in answered if attempt.source is not None]
        before = dict(self._readers)
        offers = [Offer(attempt.key, attempt.rank, attempt.domains) for attempt in usable]
        if self._is_choosing:
            self._readers = chosen_readers(offers, before, are_models_due=self._are_models_due())
        else:
            self._readers = named_readers(offers, before)
        serving = {reader.source for reader in self._readers.values()}
        for attempt in answered:
            # A model that is not needed is held: it may be later, where what covered its power does not count any more.
            attempt.is_taken = not (self._is_choosing and attempt.is_model) or attempt.key in serving
        opened = [self._taken(attempt, before) for attempt in usable if attempt.is_taken]
        self._has_begun = True
        return [one for one in opened if one is not None]

    def _are_models_due(self) -> bool:
        is_late = time.monotonic() - self._began_s > MODEL_PATIENCE_S
        return self._is_last or is_late or all(attempt.is_settled for attempt in self._attempts)

    def _taken(self, attempt: Attempt, before: dict[DomainId, Reader]) -> OpenSource | None:
        """Return the source with the domains it is read for; None: it is read for none, and closed again."""
        source = attempt.source
        if source is None:
            return None
        kept = frozenset(domain.id for domain in attempt.domains if self._is_reader(attempt, domain.id))
        held = [domain.id for domain in attempt.domains if domain.id not in self._readers]
        lost = [domain.id for domain in attempt.domains if domain.id not in {*kept, *held}]
        is_late = any(domain in before for domain in lost)
        after_s = time.monotonic() - self._began_s
        if self._has_begun and kept and attempt.is_sensor and after_s >= SAID_LATE_S:
            self._said.append(
                f"power source {attempt.name} answered {after_s:.1f} s into the run; what {_named(kept)} spent before "
                "that is not known"
            )
        if held and attempt.is_sensor:
            models = ", ".join(id_ for id_, reader in self._readers.items() if reader.domain.provenance == "model")
            self._said.append(
                f"power source {attempt.name} answered {after_s:.1f} s into the run, too late for "
                f"{_named(held)}: a model serves {models} already; "
                f"wait for it with: --source {attempt.name}"
            )
        # Of sources found by themselves `doctor` tells who reads what; a late one was not what it promised.
        if lost and (is_late or not self._is_choosing):
            of_it = "is left out" if not kept and not held else "is not read for all its domains"
            self._said.append(
                f"power source {attempt.name} {of_it}: another one reads {_named(lost)}; choose with --source"
            )
        if not kept:
            attempt.close()
            return None
        if isinstance(source, RemarkingSource):
            self._said += source.remarks
        return open_source(source, attempt.domains, attempt.parts, kept)

    def _is_reader(self, attempt: Attempt, id_: DomainId) -> bool:
        reader = self._readers.get(id_)
        return reader is not None and reader.source == attempt.key


def _named(ids: Iterable[DomainId]) -> str:
    """Return the domains in one's order, the first few by name."""
    first, others = (ordered := sorted(ids, key=natural_key))[:NAMED], ordered[NAMED:]
    return f"{', '.join(first)} and {len(others)} more" if others else ", ".join(first)


def lead_out_ns(opened: Opened) -> int:
    """Return how long after the end the slowest sensor that counts still speaks of it: lag plus period, at most 1.2 s.

    A slow one that is shown for comparison only, such as a battery beside RAPL, is not waited for.
    """
    offered = [domain for one in opened for domain in one.domains]
    counted = counted_ids(offered)
    sensors = [domain for domain in offered if domain.provenance == "sensor" and domain.id in counted]
    longest_ns = max((domain.settled_ns() + (domain.period_ns or 0) for domain in sensors), default=0)
    return min(longest_ns, LONGEST_LEAD_OUT_NS)


def said_of(opened: Opened) -> dict[str, float | bool]:
    """Return what the foreground is told once sources are read: how long they speak of the end, and whether any senses.

    Of models alone no energy is fitted, so that it need not import what a fit takes.
    """
    is_model = [domain.provenance == "model" for one in opened for domain in one.domains]
    return {"lead_out_s": lead_out_ns(opened) * 1e-9, "reads_sensors": not is_model or not all(is_model)}
