"""What the instruments of torch write, kept in memory and read as words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from energyprof.model.events import BACK, CALL, SAMPLES, WORK, WORK_LIMIT, WORK_UNITS
from energyprof_plugins.instruments.torch_loader import TorchLoader
from energyprof_plugins.instruments.torch_modules import TorchModules
from energyprof_plugins.instruments.torch_optimizer import TorchOptimizer

SIGNS = {"backward": "~", "optimizer": "!", "loader": "?"}


class Events:
    """A SpanSink; words are `+name` and `-name`, those of a backward `+~name`, of optimizers `+!name`."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, str]] = [("", "")]
        self.facts: dict[str, dict[str, str | int]] = {}
        self.by_thread: dict[int, list[int]] = {}
        self.work: list[tuple[str, int, str]] = []
        """What was handed over: stage, count, unit."""

    @property
    def ext(self) -> Callable[[tuple[int, int]], None]:
        mine = self.by_thread.setdefault(threading.get_ident(), [])

        def take(event: tuple[int, int]) -> None:
            if event[0] < WORK:
                mine.append(event[0])
                return
            if event[0] == BACK or event[0] >= SAMPLES:
                return
            if event[0] >= CALL:
                unit = "gradient_calls" if event[0] < BACK else "backward_calls"
                self.work.append((self.word(mine[-1]), 1, unit))
                return
            unit, count = divmod(event[0] - WORK, WORK_LIMIT)
            self.work.append((self.word(mine[-1]), count, WORK_UNITS[unit]))

        return take

    def extend(self) -> Callable[[tuple[int, int]], None]:
        return self.ext

    def local(self) -> object:
        return self

    def on_fork(self, _call: Callable[[], None]) -> None:
        """Nobody forks here."""

    def tell(self, code: int, facts: dict[str, str | int]) -> None:
        self.facts.setdefault(self.word(code), {}).update(facts)

    def stage_code(self, name: str, kind: str = "stage", **_more: object) -> int:
        if (name, kind) not in self.stages:
            self.stages.append((name, kind))
        return self.stages.index((name, kind))

    def word(self, code: int) -> str:
        name, kind = self.stages[abs(code)]
        return SIGNS.get(kind, "") + name

    def note(self, what: str) -> None:
        """Have a word of the test's own stand among those of this thread."""
        self.ext((self.stage_code(f"({what})"), 0))

    def told(self, thread: int | None = None) -> list[str]:
        """Return a thread's events since the last call, this one's by default; all spans are closed, inner first."""
        codes = self.by_thread.pop(thread or threading.get_ident(), [])
        open_: list[int] = []
        for code in codes:
            if self.word(code).startswith("("):
                continue
            if code > 0:
                open_.append(code)
            else:
                assert open_.pop() == -code, "an end is not that of the innermost span"
        assert open_ == []
        return [self.word(c) if self.word(c).startswith("(") else "+-"[c < 0] + self.word(c) for c in codes]

    def backward(self) -> list[str]:
        """Return the words of backward passes since the last call, without the sign."""
        return [word.replace("~", "") for word in self.told() if "~" in word or word.startswith("(")]


@pytest.fixture
def sink() -> Events:
    """Return a sink of which nothing is installed."""
    return Events()


@pytest.fixture
def events(sink: Events) -> Iterator[Events]:
    """Return a sink into which everything of torch is recorded."""
    events = sink
    instruments = [TorchModules(), TorchOptimizer(), TorchLoader()]
    for instrument in instruments:
        instrument.install(events)
    yield events
    for instrument in reversed(instruments):
        instrument.remove()
