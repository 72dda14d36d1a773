"""How long threads waited for processors comes back as it was stored; where nobody knew it, it is not known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from energyprof.capture import CaptureWriter, read_trace
from energyprof.capture.facts import run_queue_json, run_queue_of
from energyprof.capture.reader import read_run
from energyprof.errors import CaptureError
from energyprof.model.run_queue import QueuePeriod, RunQueue
from energyprof.model.trace import RunFacts

QUEUE = RunQueue(1.5, (QueuePeriod(1, 500_000_000, 700_000_000, 2_000_000_000, 1, 5, 1),))


def with_queue(queue: RunQueue | None) -> Callable[[CaptureWriter], None]:
    """Return what writes a run that waited so."""

    def fill(writer: CaptureWriter) -> None:
        writer.set_run(RunFacts(("true",), 0, 5, 50, 0))
        writer.set_run_queue(queue)

    return fill


def test_run_queue_comes_back_as_it_was(write) -> None:
    path = write(with_queue(QUEUE))

    assert read_trace(path).run_queue == QUEUE
    assert read_run(path).run_queue == QUEUE


def test_recording_that_does_not_tell_it_has_none_rather_than_no_wait(write) -> None:
    assert read_trace(write(with_queue(None))).run_queue is None


@pytest.mark.parametrize(
    "value",
    [[], {"cpus": 0, "periods": []}, {"periods": []}, {"cpus": 2, "periods": [[1, 2]]}, {"cpus": 2, "periods": ["a"]}],
)
def test_damaged_run_queue_is_an_error(value: object) -> None:
    with pytest.raises(CaptureError, match="damaged"):
        run_queue_of(value)


def test_run_queue_is_plain_json() -> None:
    assert run_queue_of(run_queue_json(QUEUE)) == QUEUE
