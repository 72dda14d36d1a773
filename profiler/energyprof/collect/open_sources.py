"""Open the power sources of a run: those asked for, else what this machine has; one that fails is said, never fatal.

Each is loaded, asked and opened in a thread of its own, for a driver may take seconds or for ever: the others are read
meanwhile, and one that comes late joins them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from energyprof.collect.choose import choose_named, why_unavailable
from energyprof.errors import EnergyprofError
from energyprof.interfaces import PowerSource, RemarkingSource, SourceContext
from energyprof.model.domain import Domain

Opened: TypeAlias = list[tuple[PowerSource, Sequence[Domain]]]

LAST_PATIENCE_S = 0.2
LONGEST_LEAD_OUT_NS = 1_200_000_000
MODEL_PATIENCE_S = 1.0
"""Without an answer of any sensor for so long, the models serve, and a sensor that comes later is left out."""


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
        self._is_modelled = False
        self._offered: set[str] = set()
        self._began_s = time.monotonic()
        named = wanted or [(name, "") for name in installed]
        self._attempts = [
            _Attempt(name, load, replace(context, argument=argument), self._is_choosing, self._changed, begun_ns, known)
            for name, argument in named
        ]
        for attempt in self._attempts:
            attempt.thread.start()

    def wait(self, patience_s: float) -> Opened:
        """Return what is open once all have answered, or after `patience_s`; each is returned once."""
        deadline_s = time.monotonic() + patience_s
        opened: Opened = []
        with self._changed:
            while True:
                opened += self._arrived(is_last=False)
                left_s = deadline_s - time.monotonic()
                if all(attempt.is_taken for attempt in self._attempts) or left_s <= 0:
                    return opened
                self._changed.wait(left_s)

    def late(self) -> Opened:
        """Return what has been opened since the last time."""
        with self._changed:
            return self._arrived(is_last=False)

    def news(self) -> list[str]:
        """Return what there is to say since the last time: one line for each source that is left out."""
        said, self._said = self._said, []
        return said

    def give_up(self) -> Opened:
        """Return what is open at last; what is not is left behind, and said."""
        with self._changed:
            opened = self._arrived(is_last=True)
        opened += self.wait(LAST_PATIENCE_S)
        waited_s = time.monotonic() - self._began_s
        for attempt in self._attempts:
            if not attempt.is_taken and not attempt.waits:
                self._said.append(
                    f"power source {attempt.name} could not be opened within {waited_s:.1f} s and is left out; "
                    "mend its driver, or choose others with --source"
                )
        return opened

    def _arrived(self, *, is_last: bool) -> Opened:
        """Return the attempts that have come to an end since the last time, in the order asked for."""
        opened: Opened = []
        for attempt in self._attempts:
            if attempt.is_settled and not attempt.is_taken:
                attempt.is_taken = True
                opened += self._taken(attempt)
        if self._is_choosing and not self._is_modelled and not self._offered:
            pending = [attempt for attempt in self._attempts if not attempt.is_settled and not attempt.waits]
            if not pending or is_last or time.monotonic() - self._began_s > MODEL_PATIENCE_S:
                self._is_modelled = True
                for attempt in self._attempts:
                    attempt.go.set()
        return opened

    def _taken(self, attempt: _Attempt) -> Opened:
        """Return the source if it is to be read."""
        source, domains = attempt.source, attempt.domains
        if attempt.said:
            self._said.append(attempt.said)
        if source is None or domains is None:
            return []
        twice = sorted(self._offered & {domain.id for domain in domains})
        if twice:
            both = ", ".join(twice)
            self._said.append(
                f"power source {attempt.name} is left out: {both} is read by another; choose with --source"
            )
        elif self._is_modelled and source.measures == "sensor":
            self._said.append(
                f"power source {attempt.name} took more than {MODEL_PATIENCE_S:g} s to open and is left out of this "
                f"run, which a model serves; wait for it with: --source {attempt.name}"
            )
        else:
            self._offered.update(domain.id for domain in domains)
            if isinstance(source, RemarkingSource):
                self._said += source.remarks
            return [(source, domains)]
        _close(source)
        return []


class _Attempt:
    """One source on its way; what it has come to is read under `changed`."""

    def __init__(  # noqa: PLR0913, PLR0917 - what all attempts share
        self,
        name: str,
        load: Callable[[str], PowerSource],
        context: SourceContext,
        is_choosing: bool,
        changed: threading.Condition,
        begun_ns: Callable[[], int] | None,
        known: Callable[[str, Domain], Domain],
    ) -> None:
        self.name = name
        self.source: PowerSource | None = None
        self.domains: Sequence[Domain] | None = None
        self.said = ""
        self.waits = False
        """A model that is opened only if no sensor is."""
        self.is_settled = False
        self.is_taken = False
        self.go = threading.Event()
        self._load = load
        self._context = context
        self._is_choosing = is_choosing
        self._changed = changed
        self._begun_ns = begun_ns
        self._known = known
        self.thread = threading.Thread(target=self._run, name=f"energyprof opens {name}", daemon=True)

    def _run(self) -> None:
        try:
            source = self._load(self.name)
            if self._is_wanted(source):
                self.source = source
                self.domains = self._open(source)
        except EnergyprofError as error:
            self.said = str(error)
        except Exception as error:  # whatever a driver throws costs this run one source, not more
            self.said = f"power source {self.name} could not be opened: {type(error).__name__}: {error}"
        with self._changed:
            self.is_settled = True
            self._changed.notify_all()

    def _is_wanted(self, source: PowerSource) -> bool:
        if not self._is_choosing:
            choose_named(source, self._context.argument, self._context)
            return True
        if source.measures == "replay" or why_unavailable(source, self._context) is not None:
            return False
        if source.measures == "model":
            with self._changed:
                self.waits = True
                self._changed.notify_all()
            self.go.wait()
            self.waits = False
        return True

    def _own_context(self, source: PowerSource) -> SourceContext:
        """Return the context; only a model's time stops with the run, what is recorded is read beyond its end."""
        if source.measures == "model":
            return self._context
        begun_ns = self._begun_ns if source.measures == "replay" else None
        start_ns = self._context.start_ns if begun_ns is None else begun_ns()
        return replace(self._context, start_ns=start_ns, now_ns=time.monotonic_ns)

    def _open(self, source: PowerSource) -> Sequence[Domain] | None:
        try:
            return tuple(self._known(self.name, domain) for domain in source.open(self._own_context(source)))
        except Exception as error:  # as above
            said = str(error) if isinstance(error, EnergyprofError) else f"{type(error).__name__}: {error}"
            self.said = f"power source {self.name} could not be opened: {said}"
            _close(source)
            return None


def lead_out_ns(opened: Opened) -> int:
    """Return how long after the end the slowest sensor still speaks of it: lag plus period, at most 1.2 s."""
    sensors = [domain for _, domains in opened for domain in domains if domain.provenance == "sensor"]
    longest_ns = max((domain.lag_ns[1] + (domain.period_ns or 0) for domain in sensors), default=0)
    return min(longest_ns, LONGEST_LEAD_OUT_NS)


def _close(source: PowerSource) -> None:
    try:
        source.close()
    except Exception:  # a driver that cannot be closed is out of this run all the same
        return
