"""`metric` and `units` as the program calls them: checked in any case, kept only where something records."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import energyprof
from energyprof.model.spool import TOLD, read_frames
from energyprof.record import lanes
from energyprof.record.told import NAME_LIMIT, TOLD_HERE


@pytest.fixture(autouse=True)
def recording() -> Iterator[None]:
    TOLD_HERE.forget()
    lanes.is_recording = True
    yield
    lanes.is_recording = False
    TOLD_HERE.forget()


def frames() -> list[dict[str, Any]]:
    return [frame.json() for raw in TOLD_HERE.frames() for frame, _ in read_frames(raw) if frame.kind == TOLD]


def test_units_add_up_over_threads_and_the_last_metric_counts() -> None:
    def count() -> None:
        for _ in range(1000):
            energyprof.units("request")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    energyprof.metric("accuracy", 0.5)
    energyprof.metric("accuracy", 0.93)

    (content,) = frames()
    assert content["units"] == [["request", "4000.0"]]
    ((name, value, t_ns, times),) = content["metrics"]
    assert (name, value, times) == ("accuracy", "0.93", 2)
    assert t_ns > 0


def test_a_number_in_place_of_a_name_is_refused_with_the_call_that_was_meant() -> None:
    wrong: Any = 64

    with pytest.raises(TypeError, match=r"64 is a number and no name; .* energyprof.units\('request', 64\)"):
        energyprof.units(wrong)
    with pytest.raises(TypeError, match=r"energyprof.metric\('accuracy', 64\)"):
        energyprof.metric(wrong, 0.5)
    energyprof.units("64")  # whoever writes it as a text means it

    (content,) = frames()
    assert content["units"] == [["64", "1.0"]]


def test_what_is_told_in_vain_is_said_once_and_never_raised() -> None:
    said: list[str] = []
    TOLD_HERE.warn = said.append

    for _ in range(2):
        energyprof.units(" ", 3)
        energyprof.metric("", 1.0)
    with energyprof.trial(number=12) as trial:
        trial.tell(math.nan)

    assert said == [
        "energyprof.units was told of work without a name, which was not counted; name it",
        "energyprof.metric was told a figure without a name, which was not kept; name it",
        "trial 12 told nan, which is no finite figure and was not kept",
    ]
    assert not TOLD_HERE


def test_what_is_told_again_is_written_whole_and_not_too_often() -> None:
    energyprof.units("request", 2)
    assert len(frames()) == 1

    energyprof.units("request", 3)

    assert frames() == []  # a program that counts each request costs one small frame a second
    lanes.is_recording = False  # as when the recorder closes
    assert frames()[0]["units"] == [["request", "5.0"]]
    assert frames() == []


def test_the_first_units_and_when_they_and_the_last_were_told_are_written() -> None:
    energyprof.units("request", 2)
    energyprof.units("request", 3)

    ((name, first_count, first_ns, last_ns),) = frames()[0]["units_at"]
    assert (name, first_count) == ("request", "2.0")
    assert 0 < first_ns < last_ns


def test_nothing_is_kept_where_nothing_records() -> None:
    lanes.is_recording = False

    energyprof.units("request")
    energyprof.metric("accuracy", 0.9)

    assert not TOLD_HERE


@pytest.mark.parametrize("is_recording", [True, False])
@pytest.mark.parametrize("count", [-1, math.inf, math.nan, 1e101])
def test_a_count_that_is_none_is_refused_recorded_or_not(count: float, *, is_recording: bool) -> None:
    lanes.is_recording = is_recording

    with pytest.raises(ValueError, match="a finite number, 0 to 1e100"):
        energyprof.units("request", count)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_metric_that_is_not_finite_is_told_and_hides_behind_no_earlier_one(value: str) -> None:
    energyprof.metric("loss", 0.5)
    energyprof.metric("loss", float(value))

    assert [row[:2] for row in frames()[0]["metrics"]] == [["loss", value]]


def test_names_are_kept_up_to_a_limit() -> None:
    for number in range(NAME_LIMIT + 5):
        energyprof.units(f"of {number}")
        energyprof.metric(f"of {number}", number)

    content = frames()[0]
    assert (len(content["units"]), len(content["metrics"])) == (NAME_LIMIT, NAME_LIMIT)


def test_counts_of_many_threads_add_up_with_none_lost() -> None:
    def count() -> None:
        for _ in range(2_000):
            energyprof.units("request")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert frames()[0]["units"] == [["request", "16000.0"]]


def test_names_may_hold_anything() -> None:
    name = 'a "b"\n<script>\ud800'

    energyprof.units(name)

    assert json.loads(json.dumps(frames()[0]["units"])) == [[name, "1.0"]]
