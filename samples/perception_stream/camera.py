"""A camera that moves over photographs: real pictures, panned and zoomed, and where in each frame a face is.

The photographs come with scikit-image. The portrait (NASA's of Eileen Collins) and the cat are for the stream alone:
the detector has never seen them when it meets them there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

HEIGHT, WIDTH = 240, 320
"""Of a frame, in pixels."""
STREAMED = ("astronaut", "chelsea")
SCENERY = ("brick", "cell", "clock", "coffee", "coins", "grass", "gravel", "hubble_deep_field", "immunohistochemistry")
SCENERY += ("moon", "page", "retina", "rocket", "text")
"""Photographs without a face, from which the detector learns what is none."""


@dataclass(frozen=True)
class Box:
    """A square in pixels: its upper left corner and its side."""

    top: float
    left: float
    side: float

    def overlap(self, other: Box) -> float:
        """Return the part of their union that both cover, from 0 to 1."""
        height = min(self.top + self.side, other.top + other.side) - max(self.top, other.top)
        width = min(self.left + self.side, other.left + other.side) - max(self.left, other.left)
        both = max(0.0, height) * max(0.0, width)
        return both / (self.side**2 + other.side**2 - both)


FACE = Box(top=66, left=166, side=120)
"""Of the portrait, from the hair to the chin: drawn by hand."""


@dataclass(frozen=True)
class View:
    """What part of a photograph is seen: its upper left corner, and how many of its pixels make one of the frame."""

    top: float
    left: float
    zoom: float


@dataclass(frozen=True)
class Shot:
    """A movement over one photograph, from one view to another."""

    photo: str
    begins: View
    ends: View

    def view(self, part: float) -> View:
        """Return what is seen when so much of the shot is over, from 0 to 1."""
        pairs = zip(vars(self.begins).values(), vars(self.ends).values(), strict=True)
        return View(*(first + part * (last - first) for first, last in pairs))


SHOTS = (
    Shot("astronaut", View(0, 0, 1.0), View(20, 150, 1.0)),
    Shot("chelsea", View(0, 0, 1.2), View(50, 120, 1.0)),
    Shot("astronaut", View(20, 150, 1.0), View(0, 10, 1.5)),
    Shot("astronaut", View(200, 0, 0.9), View(250, 190, 1.0)),
)
"""The portrait from left to right, the cat, the portrait again from farther away, and its lower half without a face."""


@dataclass(frozen=True)
class Frame:
    """A picture in grey levels from 0 to 1 (1, 1, HEIGHT, WIDTH) and the face in it, None where there is none."""

    pixels: Tensor
    face: Box | None


def photograph(name: str) -> Tensor:
    """Return a photograph of scikit-image's in grey levels from 0 to 1: (height, width)."""
    from skimage import data
    from skimage.color import rgb2gray

    picture = getattr(data, name)()
    return torch.as_tensor(rgb2gray(picture) if picture.ndim == 3 else picture / 255.0, dtype=torch.float32)


def capture(photos: dict[str, Tensor], number: int, frames: int) -> Frame:
    """Return the frame of this number of so many that show all SHOTS, one after another and equally long."""
    place = number * len(SHOTS) / frames
    shot = SHOTS[int(place)]
    view = shot.view(place % 1)
    photo = photos[shot.photo]
    height, width = round(HEIGHT * view.zoom), round(WIDTH * view.zoom)
    seen = photo[round(view.top) : round(view.top) + height, round(view.left) : round(view.left) + width]
    pixels = functional.interpolate(seen[None, None], size=(HEIGHT, WIDTH), mode="bilinear", antialias=True)
    return Frame(pixels, face_in(view) if shot.photo == "astronaut" else None)


def face_in(view: View) -> Box | None:
    """Return where the portrait's face is in the frame, or None if it is not wholly in it."""
    top, left, side = (FACE.top - view.top) / view.zoom, (FACE.left - view.left) / view.zoom, FACE.side / view.zoom
    inside = top >= 0 and left >= 0 and top + side <= HEIGHT and left + side <= WIDTH
    return Box(top, left, side) if inside else None
