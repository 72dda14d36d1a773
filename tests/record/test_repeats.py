"""The repeat phase: visits in random order, everything put back, what fails is told."""

from __future__ import annotations

import json
import random
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import energyprof
from energyprof.record.repeats import RepeatPhase

REPEAT = {"ENERGYPROF_REPEAT": json.dumps({"visit_ns": 1_000_000, "rounds": 4})}


class Told:
    """Stands for the frames of a recorder."""

    def __init__(self) -> None:
        self.contents: list[dict[str, Any]] = []

    def tell(self, **content: Any) -> None:
        self.contents.append(content)

    def visits(self) -> list[int]:
        return [visit[0] for content in self.contents for visit in content.get("visits", ())]

    def end(self) -> dict[str, Any]:
        return next(content["repeat"] for content in self.contents if "repeat" in content)


class Thing:
    """Something to repeat that does what a test says."""

    def __init__(self, code: int, act: Any = None, reason: str = "") -> None:
        self.code, self.name, self.seen_ns = code, f"thing {code}", 7
        self._act = act
        self._reason = reason

    def why_not(self) -> str:
        return self._reason

    def call(self, times: int) -> None:
        for _ in range(times):
            sum(range(2_000))
            if self._act is not None:
                self._act()


class Source:
    """Has the things, and knows whether it was told of the end."""

    def __init__(self, *things: Thing) -> None:
        self.things = things
        self.is_ended = False

    def begin(self) -> tuple[Sequence[Thing], Mapping[str, str]]:
        return self.things, {"lost": "its inputs are gone"}

    def end(self) -> None:
        self.is_ended = True


def run(tmp_path: Path, *things: Thing, rounds: int = 6) -> tuple[Told, Source]:
    told, source = Told(), Source(*things)
    phase = RepeatPhase(str(tmp_path), 200_000, rounds, told)  # type: ignore[arg-type]  # a recorder's stand-in
    phase.add(source)
    phase.run()
    assert not (tmp_path / "recorder.log").exists(), (tmp_path / "recorder.log").read_text()
    return told, source


def test_each_round_visits_everything_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    told, source = run(tmp_path, *(Thing(code) for code in range(1, 9)))

    rounds = [told.visits()[at : at + 8] for at in range(0, 48, 8)]
    assert [sorted(visited) for visited in rounds] == [list(range(1, 9))] * 6
    assert len(set(map(tuple, rounds))) == 6
    assert told.end()["is_cut"] is False
    assert source.is_ended


def test_what_cannot_be_called_again_is_told_with_the_reason(tmp_path: Path) -> None:
    calls: list[int] = []

    def fail_late() -> None:
        calls.append(1)
        if len(calls) > 200:
            raise ValueError("worn out")

    told, _ = run(
        tmp_path, Thing(1), Thing(2, reason="it has hooks"), Thing(3, sys.exit), Thing(4, fail_late), rounds=300
    )

    skipped = dict(map(tuple, told.end()["skipped"]))
    assert skipped == {
        "lost": "its inputs are gone",
        "thing 2": "it has hooks",
        "thing 3": "raised SystemExit",
        "thing 4": "raised ValueError: worn out",
    }
    assert told.visits().count(1) == 300
    assert 2 not in told.visits()


def test_interrupt_ends_the_phase_keeps_what_is_there_and_is_not_passed_on(tmp_path: Path) -> None:
    calls: list[int] = []

    def interrupt() -> None:
        calls.append(1)
        if len(calls) == 3_000:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    told, source = run(tmp_path, Thing(1, interrupt), Thing(2), rounds=5_000)

    assert told.end()["is_cut"] is True
    assert 0 < len(told.visits()) < 10_000
    assert source.is_ended
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interrupt_ends_a_call_that_takes_too_long(tmp_path: Path) -> None:
    def hang() -> None:
        signal.raise_signal(signal.SIGINT)

    told, source = run(tmp_path, Thing(1, lambda: (hang(), hang())))

    assert told.end()["is_cut"] is True
    assert told.visits() == []
    assert source.is_ended


def test_random_numbers_of_the_program_are_put_back(tmp_path: Path) -> None:
    import numpy as np

    random.seed(5)
    np.random.seed(5)
    expected = random.Random(5).random(), np.random.RandomState(5).rand()

    run(tmp_path, Thing(1, lambda: (random.random(), np.random.rand())))

    assert (random.random(), np.random.rand()) == expected


def test_repeat_outside_of_such_a_run_does_nothing() -> None:
    before = random.getstate()

    energyprof.repeat()

    assert random.getstate() == before


PROGRAM = """
import energyprof, random, sys, atexit
calls = 0
@energyprof.stage("square", repeatable=True)
def square(n, *, power=2):
    global calls
    calls += 1
    return sum(i ** power for i in range(n))
@energyprof.stage(repeatable=True)
def stream():
    yield 1
atexit.register(lambda: print("last", calls))
random.seed(3)
for n in range(5):
    square(100 + n)
    list(stream())
print(random.random(), calls, square.__name__)
"""


def test_a_function_that_declares_itself_is_called_again_at_the_end(recording: Any) -> None:
    bare = recording.run_bare(PROGRAM)
    done = recording.run(PROGRAM, more=REPEAT)

    assert (done.returncode, done.stdout, done.stderr, done.log) == (0, bare.stdout, "", "")
    spool = done.spool
    told = spool.told()
    assert told[-2:] == ["+(repeat)", "-(repeat)"]
    assert told.count("+square") == 5
    code = spool.named("square")["code"]
    visits = [visit for one in spool.cures for visit in one.get("visits", ())]
    assert [visit[0] for visit in visits] == [code] * 4
    assert all(calls >= 1 and start < end for _, start, end, calls in visits)
    end = spool.cures[-1]["repeat"]
    assert end["skipped"] == [["stream", "a generator function: it does not do its work in one call"]]
    seen_ns = dict(map(tuple, end["seen"]))[code]
    begins = [t_ns for event, t_ns in next(iter(spool.events.values())) if event == code]
    assert begins[2] < seen_ns < begins[3]  # the 4th call of 5


@pytest.mark.parametrize(
    ("ending", "status"), [("raise ValueError", 1), ("import os; os._exit(3)", 3), ("raise KeyboardInterrupt", -2)]
)
def test_a_program_that_did_not_come_to_its_end_is_not_repeated(recording: Any, ending: str, status: int) -> None:
    done = recording.run(PROGRAM + ending, more=REPEAT)

    assert done.returncode == status
    assert done.spool.cures == []
    assert "+(repeat)" not in done.spool.told()


def test_children_repeat_nothing(recording: Any) -> None:
    done = recording.run(
        PROGRAM
        + """
import os, subprocess
if len(sys.argv) == 1:
    if os.fork() == 0:
        square(9)
        sys.exit()
    os.wait()
    subprocess.run([sys.executable, __file__, "child"])
""",
        more=REPEAT,
    )

    assert done.log == ""
    assert [bool(spool.cures) for spool in done.spools] == [True, False, False]


def test_the_program_may_say_where(recording: Any) -> None:
    done = recording.run(
        PROGRAM + "energyprof.repeat()\nwith energyprof.stage('after'): energyprof.repeat()\n", more=REPEAT
    )

    assert done.log == ""
    assert done.spool.told()[-4:] == ["+(repeat)", "-(repeat)", "+after", "-after"]


def test_a_repeatable_stage_is_a_decorator_only() -> None:
    with pytest.raises(TypeError), energyprof.stage("block", repeatable=True):  # type: ignore[attr-defined]
        pass
    with pytest.raises(TypeError, match="not NoneType"):
        energyprof.stage()  # type: ignore[call-overload]
