"""Numbers as people write them on the command line: `7B`, `1.5e9`, `0.3..0.5`; what is none is refused by name."""

from __future__ import annotations

import argparse

from energyprof.model.given_number import parse_number
from energyprof.model.range import Range


def number(text: str) -> float:
    """Return a number of 0 or more, `7B` being 7e9; raises ArgumentTypeError, which argparse tells with the option."""
    try:
        return parse_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> float:
    """Return a number above 0."""
    value = number(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text} is nothing; it must be more than 0")
    return value


def whole(text: str) -> int:
    """Return a whole number of 1 or more."""
    value = positive(text)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"{text} is no whole number")
    return int(value)


def share(text: str) -> Range:
    """Return a part, above 0 and at most 1: `0.4`, `40%`, or its bounds, `0.3..0.5`."""
    given = bounds(text.replace("%", "e-2")) if text.count("%") == text.count("..") + 1 else bounds(text)
    if not 0 < given.low <= given.high <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no part of a whole; write 0.4, 40% or 0.3..0.5")
    return given


def bounds(text: str) -> Range:
    """Return a number of 0 or more, or its bounds, `80..120`, with the middle between them."""
    low, separator, high = text.partition("..")
    if not separator:
        return Range.exactly(number(text))
    ends = number(low), number(high)
    if ends[0] > ends[1]:
        raise argparse.ArgumentTypeError(f"{text} ends before it begins; write the smaller one first")
    return Range(sum(ends) / 2, *ends)
