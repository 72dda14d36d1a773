"""What recording may cost, as people write it: `3%`, `0.5 %`, `0.03`, `off`. Small: every recorded program reads it."""

from __future__ import annotations

MAX_OVERHEAD = "ENERGYPROF_MAX_OVERHEAD"
"""Environment: the bound as it was given; not set: the default."""
DEFAULT = "3%"
OFF = "off"
LEAST, MOST = 0.001, 10.0


def bound_of(text: str) -> float | None:
    """Return the bound relative to what the program takes without us, 0.03; None: `off`. Raises ValueError."""
    word = text.strip()
    if word == OFF:
        return None
    try:
        bound = float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)
    except ValueError:
        bound = -1.0
    if not LEAST <= bound <= MOST:
        raise ValueError(f"{text} is no bound for the overhead; write 3%, 0.1% to 1000%, or off")
    return bound
