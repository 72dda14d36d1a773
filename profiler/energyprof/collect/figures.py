"""What devices tell besides power, kept as first, least, mean, most and last of each figure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from energyprof.model.ids import DomainId
from energyprof.model.sampling import Figure

MOST_NAMES = 64
"""Figures kept for each domain; a plugin that makes up names as it goes must not fill the memory."""


class Figures:
    """The figures of some domains. Not thread-safe."""

    def __init__(self) -> None:
        self._rows: dict[DomainId, dict[str, tuple[Figure, int]]] = {}

    def take(self, told: Mapping[DomainId, Mapping[str, float]]) -> None:
        """Take one answer; what is no finite number is left out."""
        for domain, figures in told.items() if isinstance(told, Mapping) else ():
            rows = self._rows.setdefault(domain, {})
            for name, value in figures.items() if isinstance(figures, Mapping) else ():
                is_number = isinstance(value, (int, float)) and math.isfinite(value)
                if is_number and (name in rows or len(rows) < MOST_NAMES):
                    rows[str(name)] = _with(rows.get(name), float(value))

    def of(self, domain: DomainId) -> dict[str, Figure]:
        """Return the figures of one domain by name."""
        return {name: figure for name, (figure, _) in self._rows.get(domain, {}).items()}

    def copy(self) -> Figures:
        """Return what is known now."""
        other = Figures()
        other._rows = {domain: dict(rows) for domain, rows in self._rows.items()}
        return other


def _with(known: tuple[Figure, int] | None, value: float) -> tuple[Figure, int]:
    if known is None:
        return Figure(value, value, value, value, value), 1
    figure, count = known
    mean = figure.mean + (value - figure.mean) / (count + 1)
    return Figure(figure.first, min(figure.min, value), mean, max(figure.max, value), value), count + 1
