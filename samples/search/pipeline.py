"""Search the standard library's own source text: read, split into words, index, answer questions in a thread pool.

Needs nothing but energyprof and numpy, which comes with it. The text is real and there wherever Python is.

    energyprof run samples/search/pipeline.py

A stage in a worker thread stands below the stage that handed out the work (`answer/rank`); the main thread meanwhile
waits, and waiting is billed nothing.
"""

from __future__ import annotations

import argparse
import re
import sysconfig
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from energyprof import stage

QUESTIONS = (
    "parse command line arguments",
    "compress bytes with a window",
    "lock shared between threads",
    "send mail through a server",
    "random sample without replacement",
    "exact decimal arithmetic",
)
WORD = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True)
class Index:
    """Which module uses which word, weighted by how rare the word is; rows have length 1."""

    modules: tuple[str, ...]
    column: dict[str, int]
    weights: np.ndarray


@stage
def read(count: int) -> dict[str, str]:
    """Return the source of the `count` longest top-level modules of the standard library."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"), key=lambda file: -file.stat().st_size)
    return {file.stem: file.read_text(encoding="utf-8", errors="replace") for file in files[:count]}


@stage("words", after="read")
def words(texts: dict[str, str]) -> dict[str, Counter[str]]:
    """Return how often each module uses each word."""
    counts = {}
    for module, text in texts.items():
        with stage("split"):
            found = WORD.findall(text.lower())
        with stage("count"):
            counts[module] = Counter(found)
    return counts


@stage("index", after="words")
def index(counts: dict[str, Counter[str]]) -> Index:
    """Return the index of all words that at least two modules use."""
    spread = Counter(word for used in counts.values() for word in used)
    column = {word: place for place, word in enumerate(sorted(word for word in spread if spread[word] > 1))}
    weights = np.zeros((len(counts), len(column)))
    for row, used in enumerate(counts.values()):
        for word, times in used.items():
            if word in column:
                weights[row, column[word]] = np.log1p(times) * np.log(len(counts) / spread[word])
    weights /= np.linalg.norm(weights, axis=1, keepdims=True) + 1e-12
    return Index(tuple(counts), column, weights)


@stage("answer", after="index")
def answer(index: Index, rounds: int) -> dict[str, str]:
    """Return the best module for each question, asked `rounds` times over by two threads."""
    with ThreadPoolExecutor(2) as pool:
        best = list(pool.map(lambda question: rank(index, question), QUESTIONS * rounds))
    return dict(zip(QUESTIONS, best[: len(QUESTIONS)], strict=True))


@stage
def rank(index: Index, question: str) -> str:
    """Return the module whose words fit the question best."""
    asked = np.zeros(len(index.column))
    for word in WORD.findall(question.lower()):
        if word in index.column:
            asked[index.column[word]] = 1.0
    return index.modules[int((index.weights @ asked).argmax())]


def main() -> None:
    """Run the pipeline and print the answers."""
    parser = argparse.ArgumentParser(description="Search the standard library's source with TF-IDF.")
    parser.add_argument("--quick", action="store_true", help="fewer modules and questions: under a second")
    quick = parser.parse_args().quick

    found = answer(index(words(read(60 if quick else 400))), rounds=20 if quick else 60)

    for question, module in found.items():
        print(f"{question:36} {module}")


if __name__ == "__main__":
    main()
