"""How well somebody was heard: the words that are right, by the word error rate."""

from __future__ import annotations

import re


def words(text: str) -> list[str]:
    """Return the words of a text without case and punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def words_right(said: str, heard: str) -> float:
    """Return 1 minus the word error rate, from 0 to 1: words to insert, delete or replace for each that was said."""
    truth, guess = words(said), words(heard)
    row = list(range(len(guess) + 1))
    for position, word in enumerate(truth, start=1):
        before, row = row, [position]
        for column, other in enumerate(guess, start=1):
            row.append(min(before[column] + 1, row[-1] + 1, before[column - 1] + (word != other)))
    return max(0.0, 1 - row[-1] / len(truth))
