"""One power source on its way into a run, in a thread of its own: loaded, asked, opened, asked again if it said no.

A sensor may appear during the run (a device plugged in, a driver loaded, a right granted). Asking
again is worth it only where it is cheap: about every second, more rarely the more it costs, not at all beyond a limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from energyprof.collect.choose import USUAL_RANK, choose_named, rank_of, why_unavailable
from energyprof.collect.devices import parts_of
from energyprof.errors import EnergyprofError
from energyprof.interfaces import Part, PowerSource, SourceContext
from energyprof.model.domain import Domain

AGAIN_S = 1.0
AGAIN_SHARE = 0.0005
"""Part of one core that asking again may take, per source."""
SELDOM_S = 20.0
"""A source whose question is so costly that it could only be asked more rarely is not asked again."""


class Attempt:
    """What has come of it is read under `changed`."""

    def __init__(  # noqa: PLR0913, PLR0917 - what all attempts share
        self,
        name: str,
        load: Callable[[str], PowerSource],
        context: SourceContext,
        is_choosing: bool,
        changed: threading.Condition,
        begun_ns: Callable[[], int] | None = None,
        known: Callable[[str, Domain], Domain] = lambda _source, domain: domain,
    ) -> None:
        """Be ready; the caller starts `thread`."""
        self.name = name
        self.key = f"{name}:{context.argument}"
        self.source: PowerSource | None = None
        """Once it is open."""
        self.rank = USUAL_RANK
        self.domains: tuple[Domain, ...] = ()
        self.parts: tuple[Part, ...] = ()
        self.said = ""
        self.is_settled = False
        """There is an answer; after a no there may be another one later, which settles it again."""
        self.is_taken = False
        """Its latest answer has been looked at."""
        self.over = threading.Event()
        """Set: it is not to be asked again."""
        self._load = load
        self._context = context
        self._is_choosing = is_choosing
        self._changed = changed
        self._begun_ns = begun_ns
        self._known = known
        self._asked: PowerSource | None = None
        self.thread = threading.Thread(target=self._run, name=f"energyprof opens {name}", daemon=True)

    @property
    def is_sensor(self) -> bool:
        """Whether it is an open sensor."""
        return self.source is not None and self.source.measures == "sensor"

    @property
    def is_model(self) -> bool:
        """Whether it is an open model."""
        return self.source is not None and self.source.measures == "model"

    def close(self) -> None:
        """Let go of the open source: it is not read."""
        if self.source is not None:
            _close(self.source)

    def _run(self) -> None:
        is_first = True
        while True:
            began_s = time.thread_time()
            answer, said = self._answer()
            cost_s = time.thread_time() - began_s
            if answer is not None or is_first:
                with self._changed:
                    if answer is not None:
                        self.source, self.rank = answer, rank_of(answer)
                    self.said = said
                    self.is_settled, self.is_taken = True, False
                    self._changed.notify_all()
            if answer is not None or not self._may_appear() or not self._waited(cost_s):
                return
            is_first = False

    def _may_appear(self) -> bool:
        return self._asked is not None and self._asked.measures == "sensor"

    def _waited(self, cost_s: float) -> bool:
        pause_s = max(AGAIN_S, cost_s / AGAIN_SHARE)
        return pause_s <= SELDOM_S and not self.over.wait(pause_s)

    def _answer(self) -> tuple[PowerSource | None, str]:
        """Return the open source, or None and what there is to say."""
        try:
            source = self._asked = self._load(self.name)
            if self._is_wanted(source):
                return self._open(source)
        except EnergyprofError as error:
            return None, str(error)
        except Exception as error:  # whatever a driver throws costs this run one source, not more
            return None, f"power source {self.name} could not be opened: {type(error).__name__}: {error}"
        return None, ""

    def _is_wanted(self, source: PowerSource) -> bool:
        if not self._is_choosing:
            choose_named(source, self._context.argument, self._context)
            return True
        return source.measures != "replay" and why_unavailable(source, self._context) is None

    def _open(self, source: PowerSource) -> tuple[PowerSource | None, str]:
        try:
            domains: Sequence[Domain] = source.open(self._own_context(source))
            self.domains = tuple(self._known(self.name, domain) for domain in domains)
            self.parts = parts_of(source)
        except Exception as error:  # as above
            said = str(error) if isinstance(error, EnergyprofError) else f"{type(error).__name__}: {error}"
            _close(source)
            return None, f"power source {self.name} could not be opened: {said}"
        return source, ""

    def _own_context(self, source: PowerSource) -> SourceContext:
        """Return the context; only a model's time stops with the run, what is recorded is read beyond its end."""
        if source.measures == "model":
            return self._context
        begun_ns = self._begun_ns if source.measures == "replay" else None
        start_ns = self._context.start_ns if begun_ns is None else begun_ns()
        return replace(self._context, start_ns=start_ns, now_ns=time.monotonic_ns)


def _close(source: PowerSource) -> None:
    try:
        source.close()
    except Exception:  # a driver that cannot be closed is out of this run all the same
        return
