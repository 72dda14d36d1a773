"""Golden-section search: the maximum of a function with one peak, in few looks (Kiefer 1953)."""

from __future__ import annotations

from collections.abc import Callable

_GOLDEN = (5**0.5 - 1) / 2


def golden(value: Callable[[float], float], low: float, high: float, looks: int) -> float:
    """Return where in [low, high] the best of `looks` values was."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = value(left), value(right)
    for _ in range(looks - 2):
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = value(right)
    return left if at_left >= at_right else right
