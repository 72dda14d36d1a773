"""Sources examined at once: a driver that hangs is left behind, one that is slow is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from energyprof.diagnosis import examine_all
from energyprof.interfaces import SourceContext
from energyprof.model.domain import Domain
from energyprof.testing import ScriptedSource

DOMAIN = Domain("cpu:0:package", "cpu:0:package", "sensor", "energy", 1e-3, "cpu")


class Late(ScriptedSource):
    """Calls `wait` when it is asked and when it is opened."""

    def __init__(self, wait: Callable[[], object]) -> None:
        super().__init__([DOMAIN], range(1000), name="late")
        self._wait = wait

    def why_unavailable(self, context: SourceContext) -> str | None:
        self._wait()
        return None

    def open(self, context: SourceContext) -> Sequence[Domain]:
        self._wait()
        return super().open(context)


def test_a_source_that_gets_on_is_waited_for_beyond_the_patience_with_one_step() -> None:
    def wait() -> None:
        threading.Event().wait(0.5)  # two of them take longer than the patience below, and one does not

    (state,) = examine_all(["late"], lambda _name: Late(wait), SourceContext(), patience_s=0.9)

    assert (state.is_answering, state.reason) == (True, None)
    assert state.domains == (DOMAIN,)


@pytest.mark.parametrize("names", [["late"], ["late", "prompt"], ["prompt", "late"]])
def test_a_source_that_hangs_is_left_behind_and_the_others_count(names: list[str]) -> None:
    over = threading.Event()
    sources = {"late": Late(over.wait), "prompt": ScriptedSource([DOMAIN], range(1000))}

    states = {state.name: state for state in examine_all(names, sources.__getitem__, SourceContext(), patience_s=0.3)}
    over.set()

    assert states["late"].is_answering is False
    assert states["late"].reason is not None
    assert states["late"].reason.startswith("it did not answer within 0.3 s while being asked; ")
    assert all(state.is_answering for name, state in states.items() if name != "late")
