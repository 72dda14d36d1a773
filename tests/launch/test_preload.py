"""What a report needs is imported while the program runs; once it has ended, only what every report needs."""

from __future__ import annotations

import threading
from collections.abc import Callable

from energyprof.errors import InternalError
from energyprof.launch.preload import Preload


def loaded_by(start: Callable[..., Preload], *loads: Callable[[], None], is_hurried: bool) -> None:
    """Return once it has loaded all that it will."""
    before, is_seen = set(threading.enumerate()), threading.Event()

    def first() -> None:
        is_seen.wait(20)
        loads[0]()

    preload = start(first, *loads[1:])
    (thread,) = set(threading.enumerate()) - before
    is_seen.set()
    if is_hurried:
        preload.hurry()
    thread.join(20)
    assert not thread.is_alive()


def at_once(*loads: Callable[[], None]) -> Preload:
    return Preload(*loads, delay_s=0.01)


def never(*loads: Callable[[], None]) -> Preload:
    return Preload(*loads, delay_s=1000.0)


def test_a_program_that_goes_on_gives_time_for_everything() -> None:
    done: list[str] = []

    loaded_by(at_once, lambda: done.append("report"), lambda: done.append("fit"), is_hurried=False)

    assert done == ["report", "fit"]


def test_a_program_that_has_ended_waits_for_nothing_but_the_first() -> None:
    done: list[str] = []

    loaded_by(never, lambda: done.append("report"), lambda: done.append("fit"), is_hurried=True)

    assert done == ["report"]


def test_what_turns_out_to_be_unneeded_is_left_out() -> None:
    done: list[str] = []

    def start(*loads: Callable[[], None]) -> Preload:
        return Preload(*loads, is_needed=lambda: not done, delay_s=0.01)

    loaded_by(start, lambda: done.append("report"), lambda: done.append("fit"), is_hurried=False)

    assert done == ["report"]


def test_what_nobody_knows_yet_to_be_needed_waits_until_it_is_known() -> None:
    done: list[str] = []
    answers = iter([None, None, False])

    def start(*loads: Callable[[], None]) -> Preload:
        return Preload(*loads, is_needed=lambda: next(answers), delay_s=0.01)

    loaded_by(start, lambda: done.append("report"), lambda: done.append("fit"), is_hurried=False)

    assert done == ["report"]
    assert list(answers) == []


def test_what_cannot_be_imported_ends_it() -> None:
    done: list[str] = []

    def missing() -> None:
        raise InternalError("no such plugin")

    loaded_by(at_once, missing, lambda: done.append("fit"), is_hurried=False)

    assert done == []
