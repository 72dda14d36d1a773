"""Find faces: a small convolutional network, trained in seconds on real faces, slid over a pyramid of the frame.

It is trained on `lfw_subset`, 100 faces of Labeled Faces in the Wild and 100 pieces of their background, which come
with scikit-image in 25 x 25 pixels, and on pieces of photographs without a face. That is a tiny set: it learns to find
a face that looks into the camera, with false alarms, and no more is claimed of it than the program prints.
"""

from __future__ import annotations

import torch
from camera import Box
from torch import Tensor, nn
from torch.nn import functional

from energyprof import stage

SIDE = 24
"""The network sees a square of so many pixels a side,"""
STRIDE = 4
"""and the next one so many pixels further."""
REDUCTIONS = (2.4, 3.0, 3.8, 4.8)
"""A frame is made smaller by these factors, so that faces of 60 to 120 pixels fill the square once."""
SCENERY_REDUCTIONS = (1.0, 1.5, 2.4, 3.8, 6.0)
"""The same for what it learns from, in more sizes than it will meet."""
SQUARES = 500
"""From each size, so that a large photograph of a brick wall does not outweigh the others."""
SURE = 0.97
"""Chance from which a square counts as a face."""


class FaceNet(nn.Module):
    """Three convolutions and no linear layer, 47,000 weights: one logit for each square of SIDE, all STRIDE pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.edges = nn.Conv2d(1, 16, 5)
        self.parts = nn.Conv2d(16, 32, 3)
        self.pool = nn.MaxPool2d(2)
        self.face = nn.Conv2d(32, 64, 4)
        self.chance = nn.Conv2d(64, 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        edges = self.pool(torch.relu(self.edges(pixels)))
        parts = self.pool(torch.relu(self.parts(edges)))
        return self.chance(torch.relu(self.face(parts)))


@stage("train")
def train(faces: Tensor, others: Tensor, scenery: Tensor, steps: int) -> FaceNet:
    """Return a network that tells `faces` from `others` and from the scenery, all of them (count, 1, height, width).

    A step takes the squares without a face that the network is least sure of: among so many most are too easy to learn
    from.
    """
    net = FaceNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    for _ in range(steps):
        with stage("augment"):
            shown = varied(drawn(faces, 32))
            rest = torch.cat([varied(drawn(scenery, 176)), varied(drawn(others, 16))])
        with stage("choose"), torch.no_grad():
            rest = rest[net(rest).flatten().topk(48).indices]
        labels = torch.cat([torch.ones(len(shown)), torch.zeros(len(rest))])
        loss = functional.binary_cross_entropy_with_logits(net(torch.cat([shown, rest])).flatten(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def drawn(pictures: Tensor, count: int) -> Tensor:
    """Return so many of the pictures, drawn at random."""
    return pictures[torch.randint(len(pictures), (count,))]


def varied(pictures: Tensor) -> Tensor:
    """Return the pictures lighter or darker, half of them mirrored, shifted by a pixel or two, SIDE wide and high."""
    count = len(pictures)
    mirrored = torch.where(torch.rand(count, 1, 1, 1) < 0.5, pictures.flip(3), pictures)
    lit = mirrored * (0.7 + 0.6 * torch.rand(count, 1, 1, 1)) + 0.3 * (torch.rand(count, 1, 1, 1) - 0.5)
    up, left = torch.randint(0, pictures.shape[3] - SIDE + 3, (2,)).tolist()
    return functional.pad(lit, (1, 1, 1, 1), mode="replicate")[:, :, up : up + SIDE, left : left + SIDE]


def squares(photo: Tensor) -> Tensor:
    """Return at most SQUARES of each size of a photograph (height, width): (count, 1, SIDE, SIDE)."""
    found = []
    for factor in SCENERY_REDUCTIONS:
        size = (int(photo.shape[0] / factor), int(photo.shape[1] / factor))
        if min(size) >= SIDE:
            smaller = functional.interpolate(photo[None, None], size=size, mode="bilinear", antialias=True)[0, 0]
            cut = smaller.unfold(0, SIDE, 8).unfold(1, SIDE, 8).reshape(-1, 1, SIDE, SIDE)
            found.append(cut[torch.randperm(len(cut))[:SQUARES]])
    return torch.cat(found)


@stage("pyramid")
def pyramid(pixels: Tensor) -> list[Tensor]:
    """Return the frame in all sizes that faces are looked for in."""
    height, width = pixels.shape[2:]
    sizes = [(round(height / factor), round(width / factor)) for factor in REDUCTIONS]
    return [functional.interpolate(pixels, size=size, mode="bilinear", antialias=True) for size in sizes]


@stage("detect")
def detect(net: FaceNet, sizes: list[Tensor]) -> list[Tensor]:
    """Return a map of chances for each size."""
    with torch.inference_mode():
        return [net(pixels)[0, 0].sigmoid() for pixels in sizes]


@stage("boxes")
def boxes(maps: list[Tensor]) -> list[Box]:
    """Return the faces, the surest first; of those that overlap only the surest is kept."""
    found = []
    for chances, factor in zip(maps, REDUCTIONS, strict=True):
        for row, column in (chances > SURE).nonzero().tolist():
            square = Box(row * STRIDE * factor, column * STRIDE * factor, SIDE * factor)
            found.append((float(chances[row, column]), square))
    kept: list[Box] = []
    for _, box in sorted(found, key=lambda pair: -pair[0]):
        if all(box.overlap(other) < 0.2 for other in kept):
            kept.append(box)
    return kept
