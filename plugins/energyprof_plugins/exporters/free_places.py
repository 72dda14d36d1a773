"""Places for names in a picture, so that no name covers another, a point, its arms or a line.

Near its point first, then farther off with a thin line that leads there; a name that finds no place has none.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from rich.cells import cell_len

LETTER: Final = 7.4
"""Width of a cell of the 13 px sans serif of the pictures, a little more than most letters take."""
HEIGHT: Final = 15.0
ABOVE: Final = 11.5
"""Of the height of a line of text, what is above its base line."""
GAP: Final = 9.0
RINGS: Final = (18.0, 30.0, 44.0, 60.0, 80.0, 105.0, 135.0)
"""How far off a name is looked for a place, in px."""
DIRECTIONS: Final = 24


class Box(NamedTuple):
    """A part of the picture, in px."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Return whether they have a part in common."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def is_within(self, other: Box) -> bool:
        """Return whether no part of it is outside the other."""
        return (
            other.left <= self.left
            and other.top <= self.top
            and self.right <= other.right
            and self.bottom <= other.bottom
        )


class Place(NamedTuple):
    """Where a name stands, and the line that leads there."""

    x: float
    y: float
    """Of the base line, whose left end is `x`."""
    leader: tuple[float, float, float, float] | None
    """From the point to the name; None: it stands beside its point."""


class FreePlaces:
    """What of a picture is taken, and where there is room."""

    def __init__(self, inside: Box) -> None:
        self._inside = inside
        self._taken: list[Box] = []

    def take(self, x1: float, y1: float, x2: float, y2: float, margin: float = 2.0) -> None:
        """Take what a line that is level or upright covers, or a point."""
        self._taken.append(Box(min(x1, x2) - margin, min(y1, y2) - margin, max(x1, x2) + margin, max(y1, y2) + margin))

    def place(self, x: float, y: float, text: str) -> Place | None:
        """Return where the name of a point stands, and take it; None: there is no room."""
        width = LETTER * cell_len(text)
        for near_x, base in ((x + GAP, y - 7), (x - GAP - width, y - 7), (x + GAP, y + 17), (x - GAP - width, y + 17)):
            if self._is_free(_box(near_x, base, width)):
                return self._taken_at(Place(round(near_x, 1), round(base, 1), None), width)
        for reach in RINGS:
            for step in range(DIRECTIONS):
                angle = 2 * math.pi * step / DIRECTIONS
                to_x, to_y = x + reach * math.cos(angle), y + reach * math.sin(angle)
                left = to_x if math.cos(angle) >= 0 else to_x - width
                base = to_y + 4
                leader = (round(x, 1), round(y, 1), round(to_x, 1), round(to_y, 1))
                if self._is_free(_box(left, base, width)) and self._is_clear(leader):
                    return self._taken_at(Place(round(left, 1), round(base, 1), leader), width)
        return None

    def _is_free(self, box: Box) -> bool:
        return box.is_within(self._inside) and not any(box.meets(taken) for taken in self._taken)

    def _is_clear(self, leader: tuple[float, float, float, float]) -> bool:
        """Return whether a line covers no name; it may cross what is no name, as arms."""
        x1, y1, x2, y2 = leader
        steps = [(x1 + (x2 - x1) * part / 20, y1 + (y2 - y1) * part / 20) for part in range(21)]
        names = [box for box in self._taken if box.bottom - box.top == HEIGHT]
        return not any(Box(x, y, x, y).meets(name) for x, y in steps for name in names)

    def _taken_at(self, place: Place, width: float) -> Place:
        self._taken.append(_box(place.x, place.y, width))
        if place.leader is not None:
            x1, y1, x2, y2 = place.leader
            for part in range(21):
                x, y = x1 + (x2 - x1) * part / 20, y1 + (y2 - y1) * part / 20
                self.take(x, y, x, y, 1.0)
        return place


def _box(left: float, base: float, width: float) -> Box:
    return Box(left, base - ABOVE, left + width, base - ABOVE + HEIGHT)
