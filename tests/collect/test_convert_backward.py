"""A backward pass is counted for the stage in which the call was that it comes to, wherever and whenever it comes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from energyprof.collect.convert_backward import BackwardCalls
from energyprof.collect.convert_spans import Handled
from energyprof.model.events import BACK, BATCH, CALL, SAMPLES

ROLLOUT, VALIDATE, LEARN, LOADER, OTHER_LOADER = 3, 4, 5, 6, 7


def events(*rows: tuple[int, int, int]) -> Handled:
    """Return events of (lane, stage, code), each 10 ns after its stage has begun."""
    lane, stage, code = np.array(rows, np.int64).reshape(-1, 3).T
    return Handled(lane.astype(np.int32), stage.astype(np.int32), code, np.full(len(code), 10))


@pytest.fixture
def counted() -> Any:
    """Return what tells the places and units that pieces of events of one process add to."""

    def of(*pieces: Handled) -> list[tuple[int, str]]:
        calls = BackwardCalls()
        return [(place[1], unit) for piece in pieces for place, unit, _ in calls.take("7-1", piece, lambda lane: lane)]

    return of


def test_backward_counts_where_the_call_was(counted: Any) -> None:
    calls = events((0, ROLLOUT, CALL + 1), (0, VALIDATE, CALL + 2))

    assert counted(calls, events((0, LEARN, BACK + 1))) == [
        (ROLLOUT, "gradient_calls"),
        (VALIDATE, "gradient_calls"),
        (ROLLOUT, "backward_calls"),
    ]


def test_a_graph_gone_through_twice_counts_once(counted: Any) -> None:
    rows = (0, ROLLOUT, CALL + 1), (0, ROLLOUT, SAMPLES + 8), (0, LEARN, BACK + 1), (0, LEARN, BACK + 1)

    found = counted(events(*rows))

    assert found == [(ROLLOUT, "gradient_calls"), (ROLLOUT, "backward_calls"), (ROLLOUT, "trained_samples")]


def test_a_pass_that_another_thread_wrote_first_waits_for_its_call(counted: Any) -> None:
    found = counted(events((1, LEARN, BACK + 1)), events((0, ROLLOUT, CALL + 1)))

    assert found == [(ROLLOUT, "gradient_calls"), (ROLLOUT, "backward_calls")]


def test_calls_outside_any_stage_are_left_out(counted: Any) -> None:
    assert counted(events((0, -1, CALL + 1), (0, LEARN, BACK + 1))) == []


# --- calls between steps -------------------------------------------------------------------------------------------

NET, JUDGE = 11, 12


WORDS = {"f": (NET, 8), "F": (NET, 5), "n": (NET, 8), "j": (JUDGE, 8)}


class Program:
    """A program by its events: `f` calls the net on 8 samples and `F` on 5, which nobody learns from.

    `n` is a call of the net on 8 samples and `j` one of its judge that the next backward pass, `b`, comes to; `<` and
    `>` are loaders that give a batch.
    """

    def __init__(self) -> None:
        self._calls = BackwardCalls()
        self._number = 0
        self._learnt: list[int] = []
        self.found: Counter[tuple[int, str]] = Counter()

    def run(self, words: str) -> Program:
        """Have all this happen."""
        for word in words.replace(" ", ""):
            self._take(*self._rows(word))
        return self

    def told(self, stage: int = NET) -> tuple[int, int]:
        """Return rows and calls of a model between steps."""
        self._count(self._calls.settle())
        assert self.found[stage, "unlearnt_ns"] == 10 * self.found[stage, "unlearnt_calls"]
        return self.found[stage, "unlearnt_rows"], self.found[stage, "unlearnt_calls"]

    def learn_late(self, number: int) -> None:
        """Have a backward pass come to a call of long ago, the first one being 1."""
        self._take((0, LEARN, BACK + number))

    def _rows(self, word: str) -> list[tuple[int, int, int]]:
        if word in "<>":
            return [(0, LOADER if word == "<" else OTHER_LOADER, BATCH)]
        if word == "b":
            rows = [(0, LEARN, BACK), *((0, LEARN, BACK + number) for number in self._learnt)]
            self._learnt = []
            return rows
        stage, samples = WORDS[word]
        self._number += 1
        if word in "nj":
            self._learnt.append(self._number)
        return [(0, stage, CALL + self._number), (0, stage, SAMPLES + samples)]

    def _take(self, *rows: tuple[int, int, int]) -> None:
        self._count(self._calls.take("7-1", events(*rows), lambda lane: lane))

    def _count(self, found: Any) -> None:
        for place, unit, count in found:
            self.found[place[1], unit] += count


def test_a_validation_between_steps_is_told_with_its_rows_and_time() -> None:
    program = Program().run(2 * ("<nb" * 10 + ">F>F"))

    assert program.told() == (2, 4)
    assert program.found[NET, "trained_samples"] == 160


@pytest.mark.parametrize(
    ("words", "rows_and_calls"),
    [
        (3 * ("nb" * 5 + "ffff"), (3, 12)),
        (5 * "nbF", (5, 5)),
        (3 * ("nb" * 4 + "F"), (3, 3)),
        (5 * "<nb>f", (5, 5)),
        (2 * ("<nb" * 4 + "<f<f<f<f"), (2, 8)),
        ("ff" + 3 * ("<jnb" * 4 + ">f>f"), (3, 6)),
        ("<fb" + 3 * ("<nb" * 4 + ">f>f"), (3, 6)),
    ],
    ids=[
        "without a loader, in long rows",
        "on one batch of another size after each step",
        "on one batch of another size now and then",
        "of another loader after each step",
        "on the loader of the training, in long rows",
        "after warming up",
        "after a first step that learnt nothing",
    ],
)
def test_calls_for_their_result_alone_are_told(words: str, rows_and_calls: tuple[int, int]) -> None:
    assert Program().run(words).told() == rows_and_calls


@pytest.mark.parametrize(
    "words",
    [
        5 * "<nb",
        5 * "<nnb",
        5 * "<n<n<n<nb",
        5 * "<jfjb<njb",
        5 * "jbfjb" + "njb",
        5 * "<fjb",
        5 * "<fnb",
        5 * "<ffffnb",
        5 * ">f<nb",
        5 * "<nfb",
        "<nb<nb<f<nb<nb<f<f<nb",
        "nbnbfnbnbffnb",
        "fff" + 5 * "<nb",
        5 * "<nb" + "<f",
        5 * "nb" + "F",
        20 * "f",
        5 * "fb",
    ],
    ids=[
        "every call is learnt from",
        "two calls a step",
        "several calls before one backward",
        "a generator while its judge learns",
        "a generator in passes of its own",
        "an encoder below a head",
        "labels guessed from another view of the batch",
        "labels guessed several times",
        "labels guessed on batches of another loader",
        "a second view without gradients of its own",
        "batches skipped",
        "steps given up without a loader",
        "warming up",
        "the last step unfinished",
        "the last step unfinished on fewer samples",
        "nothing trains",
        "something else trains",
    ],
)
def test_calls_that_belong_to_steps_are_not_told(words: str) -> None:
    assert Program().run(words).told() == (0, 0)


def test_what_is_learnt_from_later_is_taken_back() -> None:
    program = Program().run("nbnbffffnb")
    assert program.told() == (1, 4)

    for number in (3, 4, 5, 6):
        program.learn_late(number)

    assert program.told() == (0, 0)


def test_a_row_that_ends_the_run_is_told_and_goes_with_its_process() -> None:
    program = Program().run("nbnbffff")

    program._count(program._calls.forget("7-1"))

    assert program.found[NET, "unlearnt_calls"] == 4
    assert program.told() == (1, 4)
