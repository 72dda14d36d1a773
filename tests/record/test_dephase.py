"""Random delays come before iterations, stand outside every stage, and touch nothing else of the program."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import energyprof
from energyprof.model.events import LANE, RESUME
from energyprof.record.dephase import Dephaser, ThreadDelays, Uniform

DEPHASE = {"ENERGYPROF_DEPHASE": json.dumps({"low_ns": 1_000_000, "high_ns": 3_000_000, "stage": ""})}
MATCHING = {"ENERGYPROF_DEPHASE": json.dumps({"low_ns": 1_000_000, "high_ns": 3_000_000, "stage": "^ste"})}


class Delays:
    """One thread's delays without any sleep: what came through, and how long was paused."""

    def __init__(self, low_ns: int = 0, high_ns: int = 20_000_000, stage: str = "") -> None:
        self.codes: list[Any] = []
        self.dephaser = Dephaser(low_ns, high_ns, stage, pause=lambda ns: self.codes.append(f"pause {ns}"))
        self.thread = ThreadDelays(self.dephaser, lambda event: self.codes.append(event[0]), 1)

    def see(self, *codes: int) -> list[Any]:
        for code in codes:
            self.thread.extend((code, 0))
        return [code if isinstance(code, int) else "pause" for code in self.codes]


def test_delays_are_even_over_their_range_and_the_same_again() -> None:
    first, second = Uniform(7), Uniform(7)

    drawn = np.array([first.between(5, 25) for _ in range(21_000)])
    counts = np.bincount(drawn - 5, minlength=21)

    assert drawn.min() == 5
    assert drawn.max() == 25
    # 20 degrees of freedom: above 45.3 once in a thousand.
    assert ((counts - 1000) ** 2 / 1000).sum() < 45.3
    assert drawn.tolist() == [second.between(5, 25) for _ in range(21_000)]


def test_an_outermost_stage_is_delayed_when_it_begins_again() -> None:
    delays = Delays()

    seen = delays.see(1, 2, -2, 2, -2, -1, 1, -1, 3, -3)

    assert seen == [1, 2, -2, 2, -2, -1, "pause", 1, -1, 3, -3]
    assert delays.dephaser.pause is not None
    assert delays.thread.delays == 1


def test_stages_around_a_delay_end_before_it_and_go_on_after() -> None:
    delays = Delays()
    delays.see(1, 2)

    delays.thread.delay()

    assert delays.see(-2, -1) == [1, 2, -2, -1, "pause", RESUME + 1, RESUME + 2, -2, -1]


def test_only_stages_whose_name_matches_are_delayed_when_that_is_asked_for() -> None:
    from energyprof.record.names import NAMES

    epoch, step = NAMES.intern("dephased epoch").code, NAMES.intern("dephased step").code
    delays = Delays(stage="^dephased step$")

    seen = delays.see(epoch, step, -step, step, -step, -epoch, epoch)

    again = [step, -step, -epoch, "pause", RESUME + epoch, step]
    assert seen == [epoch, *again, -step, -epoch, epoch]


def test_nothing_is_delayed_while_a_task_runs_in_the_thread() -> None:
    delays = Delays()

    seen = delays.see(1, -1, LANE + 5, 1, -1, LANE, 1)

    assert seen == [1, -1, LANE + 5, 1, -1, LANE, "pause", 1]


def test_an_unmarked_loop_comes_back_as_it_is() -> None:
    items = [1, 2]

    assert energyprof.iterations(items) is items


def test_delays_break_up_a_loop_in_step_with_the_sensor() -> None:
    # 40 ms of one stage and 60 ms of another, on a sensor that averages 100 ms.
    def rows(delays_ms: np.ndarray) -> np.ndarray:
        begun = np.cumsum(100.0 + delays_ms) - 100.0
        edges = np.arange(0.0, begun[-1], 100.0)
        parts = [(begun, begun + 40.0), (begun + 40.0, begun + 100.0)]
        until = [np.interp(edges, np.ravel(np.column_stack(part)), _running(*part)) for part in parts]
        return np.diff(np.array(until)).T

    source = Uniform(3)
    drawn = np.array([source.between(0, 20_000_000) / 1e6 for _ in range(200)])

    assert np.linalg.matrix_rank(rows(np.zeros(200)), tol=1e-6) == 1
    assert np.linalg.cond(rows(drawn)) < 20


def _running(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    done = np.cumsum(end - start)
    return np.ravel(np.column_stack((np.append(0.0, done[:-1]), done)))


LOOP = """
import random, energyprof
random.seed(1)
for i in range(4):
    with energyprof.stage("step"):
        with energyprof.stage("inner"):
            pass
print(random.random())
"""


def test_the_program_prints_the_same_and_tells_what_was_delayed(recording: Any) -> None:
    bare = recording.run_bare(LOOP)
    done = recording.run(LOOP, more=DEPHASE)

    assert (done.returncode, done.stdout, done.stderr, done.log) == (0, bare.stdout, "", "")
    assert done.spool.told() == ["+step", "+inner", "-inner", "-step"] * 4
    told = done.spool.cures[-1]["dephase"]
    assert (told["low_ns"], told["high_ns"], told["delays"]) == (1_000_000, 3_000_000, 3)
    assert told["delay_ns"] == told["main_ns"] >= 3_000_000
    events = next(iter(done.spool.events.values()))
    outside_ns = [start - end for (_, end), (_, start) in zip(events[3::4], events[4::4], strict=False)]
    assert min(outside_ns) >= 1_000_000


def test_marked_iterations_are_delayed_and_nothing_else(recording: Any) -> None:
    done = recording.run(
        """
import energyprof
with energyprof.stage("train"):
    for batch in energyprof.iterations([1, 2, 3]):
        with energyprof.stage("step"):
            pass
for i in range(3):
    with energyprof.stage("test"):
        pass
print(len(energyprof.iterations([1, 2])))
""",
        more=DEPHASE,
    )

    assert (done.returncode, done.stdout, done.log) == (0, "2\n", "")
    assert done.spool.cures[-1]["dephase"]["delays"] == 2
    codes = [code for code, _ in next(iter(done.spool.events.values()))]
    train = done.spool.named("train")["code"]
    assert codes.count(train) == 1
    assert codes.count(RESUME + train) == 2


def test_threads_and_forked_children_tell_their_own_delays(recording: Any) -> None:
    done = recording.run(
        """
import energyprof, os, threading
def work():
    for i in range(3):
        with energyprof.stage("step"):
            pass
thread = threading.Thread(target=work)
thread.start(); thread.join()
work()
if os.fork() == 0:
    work()
    raise SystemExit
os.wait()
""",
        more=MATCHING,
    )

    told = [[one["dephase"] for one in spool.cures][-1] for spool in done.spools]
    assert done.log == ""
    assert [one["delays"] for one in told] == [4, 2]
    assert told[0]["main_ns"] < told[0]["delay_ns"]
