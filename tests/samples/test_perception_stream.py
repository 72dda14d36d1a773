"""The sample as its README runs it: frames at a fixed rate, deadlines that are counted, a wait that has its joules."""

from __future__ import annotations

import importlib.util
import math
import re
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from tests.samples.conftest import SAMPLES, QuickRun

from energyprof.testing import FakeClock

pytestmark = pytest.mark.slow

FRAMES = 20
HAS_PICTURES = importlib.util.find_spec("skimage") is not None
needs_pictures = pytest.mark.skipif(not HAS_PICTURES, reason="the extra vision-sample is not installed")


@pytest.fixture(scope="module")
def frame_clock(sample_source: Callable[[str], ModuleType]) -> ModuleType:
    return sample_source("perception_stream/frame_clock.py")


@pytest.fixture(scope="module")
def camera(sample_source: Callable[[str], ModuleType]) -> ModuleType:
    return sample_source("perception_stream/camera.py")


@pytest.fixture(scope="module")
def profiled(quick_run: Callable[..., QuickRun]) -> QuickRun:
    return quick_run("perception_stream")


def looked_at(frame_clock: ModuleType, frames: int, work_s: list[float]) -> tuple[list[tuple[int, float]], int, int]:
    """Return (frame, when it was looked at), how many were late and how many skipped, at one frame a second."""
    clock = FakeClock(5_000_000_000)

    def now_s() -> float:
        return clock.now_ns() / 1e9

    def wait_until_s(due_s: float) -> None:
        clock.advance(max(0, round(1e9 * (due_s - now_s()))))

    ticks = frame_clock.FrameClock(frames, 1.0, now_s, wait_until_s)
    seen = []
    for number, duration_s in zip(ticks, [*work_s, math.inf], strict=False):
        seen.append((number, now_s() - 5))
        clock.advance(round(1e9 * duration_s))
    return seen, ticks.late, ticks.skipped


def test_each_frame_is_looked_at_when_it_is_due(frame_clock: ModuleType) -> None:
    seen, late, skipped = looked_at(frame_clock, 3, [0.25, 0.75, 0.5])

    assert (seen, late, skipped) == ([(0, 0), (1, 1), (2, 2)], 0, 0)


def test_frame_finished_after_the_next_was_due_is_late_and_the_next_is_looked_at_at_once(
    frame_clock: ModuleType,
) -> None:
    seen, late, skipped = looked_at(frame_clock, 3, [1.5, 0.25, 0.5])

    assert (seen, late, skipped) == ([(0, 0), (1, 1.5), (2, 2)], 1, 0)


def test_frames_that_a_newer_one_has_replaced_are_skipped(frame_clock: ModuleType) -> None:
    seen, late, skipped = looked_at(frame_clock, 5, [3.5, 0.25, 0.5])

    assert (seen, late, skipped) == ([(0, 0), (3, 3.5), (4, 4)], 1, 2)


def test_frames_that_would_have_come_after_the_end_are_not_counted(frame_clock: ModuleType) -> None:
    seen, late, skipped = looked_at(frame_clock, 3, [9.5])

    assert (seen, late, skipped) == ([(0, 0)], 1, 2)


def test_boxes_overlap_by_the_part_of_their_union_that_both_cover(camera: ModuleType) -> None:
    box = camera.Box(0, 0, 10)

    assert box.overlap(camera.Box(0, 0, 10)) == 1
    assert box.overlap(camera.Box(0, 5, 10)) == pytest.approx(1 / 3)
    assert box.overlap(camera.Box(20, 0, 10)) == 0


def test_face_is_in_a_view_only_as_a_whole(camera: ModuleType) -> None:
    assert camera.face_in(camera.View(16, 66, 1.0)) == camera.Box(50, 100, 120)
    assert camera.face_in(camera.View(6, 46, 1.5)) == camera.Box(40, 80, 80)
    assert camera.face_in(camera.View(80, 66, 1.0)) is None
    assert camera.face_in(camera.View(0, 0, 0.8)) is None


def test_missing_pictures_are_told_with_the_extra_that_has_them() -> None:
    code = f"""
import runpy, sys
sys.modules["skimage"] = None
sys.path.insert(0, {str(SAMPLES / "perception_stream")!r})
sys.argv = ["pipeline.py", "--quick"]
runpy.run_path({str(SAMPLES / "perception_stream/pipeline.py")!r}, run_name="__main__")
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("scikit-image is missing (")
    assert done.stderr.endswith("; try: pip install 'energyprof[vision-sample]'\n")


@needs_pictures
def test_every_frame_is_looked_at_or_counted_as_missed(profiled: QuickRun) -> None:
    told = re.search(rf"perception: {FRAMES} frames at 10 a second, (.+)% missed their deadline\n", profiled.stdout)

    assert told is not None
    missed = round(float(told[1]) / 100 * FRAMES)
    calls = profiled.calls()
    assert FRAMES - missed <= calls["stream/look"] <= FRAMES
    per_frame = ("wait", "capture", "look", "look/pyramid", "look/detect", "look/boxes")
    assert {calls[f"stream/{name}"] for name in per_frame} == {calls["stream/look"]}
    assert [row["count"] for row in profiled.report["units"]] == [calls["stream/look"]]


@needs_pictures
def test_waiting_for_frames_has_joules_of_its_own(profiled: QuickRun) -> None:
    assert 0 < profiled.total_j("stream/wait") < profiled.total_j("stream")


@needs_pictures
def test_data_flows_from_the_camera_to_the_boxes(profiled: QuickRun) -> None:
    assert profiled.feeds() >= {
        ("train", "stream"),
        ("stream/capture", "stream/look"),
        ("stream/look/pyramid", "stream/look/detect"),
        ("stream/look/detect", "stream/look/boxes"),
    }
