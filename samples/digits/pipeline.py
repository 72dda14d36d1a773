"""Read scanned digits from end to end: load, preprocess, train a small CNN, evaluate it, serve single requests.

The input is real: the 1,797 handwritten digits that come with scikit-learn. Nothing is downloaded, no GPU is needed.

    energyprof run samples/digits/pipeline.py            # where do the joules go?
    python samples/digits/pipeline.py --quick            # runs as well on its own

The stages show both forms of `energyprof.stage` and what `after=` is for: it names the stages whose results a stage
uses, so that the diagram draws the flow of data and not only the order of events.
"""

from __future__ import annotations

import argparse
import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from energyprof import stage

SIDE = 16
"""Images enter the network with this many pixels a side; the scans have 8."""
TEST_IMAGES = 360


@dataclass(frozen=True)
class Digits:
    """Images in [0, 1] as (count, 1, SIDE, SIDE) and what they show, split in two that share no image."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


class DigitNet(nn.Module):
    """Two convolutions and two linear layers; about 55,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(32 * (SIDE // 4) ** 2, 96)
        self.classes = nn.Linear(96, 10)

    def forward(self, images: Tensor) -> Tensor:
        edges = self.pool(torch.relu(self.conv1(images)))
        shapes = self.pool(torch.relu(self.conv2(edges)))
        return self.classes(torch.relu(self.hidden(shapes.flatten(1))))


@stage("load")
def load() -> tuple[np.ndarray, np.ndarray]:
    """Return the scans, 8 x 8 grey levels 0 to 16, and their labels."""
    scans = load_digits()
    return scans.images, scans.target


@stage("preprocess", after="load")
def preprocess(scans: np.ndarray, labels: np.ndarray) -> Digits:
    """Enlarge and normalise every scan, then set TEST_IMAGES of them aside."""
    with stage("upscale"):
        images = enlarge(scans)
    with stage("normalise"):
        images = images / 16.0
    with stage("split"):
        order = torch.randperm(len(images))
        targets = torch.as_tensor(labels)
        kept, aside = order[TEST_IMAGES:], order[:TEST_IMAGES]
        return Digits(images[kept], targets[kept], images[aside], targets[aside])


def enlarge(scans: np.ndarray) -> Tensor:
    """Return scans of 8 x 8 as one float tensor of SIDE x SIDE."""
    small = torch.from_numpy(scans.astype(np.float32)).unsqueeze(1)
    return functional.interpolate(small, size=(SIDE, SIDE), mode="bicubic", align_corners=False)


@stage("train", after="preprocess")
def train(digits: Digits, epochs: int) -> DigitNet:
    """Return a network that has seen every training image `epochs` times, shifted at random by a pixel or two."""
    with stage("build"):
        net = DigitNet()
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(epochs):
        with stage("epoch"):
            for images, labels in batches(digits, size=64):
                with stage("forward"):
                    loss = functional.cross_entropy(net(images), labels)
                with stage("backward"):
                    optimizer.zero_grad()
                    loss.backward()
                with stage("optimizer"):
                    optimizer.step()
    return net.eval()


def batches(digits: Digits, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the training images in random order, each batch shifted; making one is a stage of its own."""
    for rows in torch.randperm(len(digits.train_images)).split(size):
        with stage("augment"):
            up, left = torch.randint(-2, 3, (2,)).tolist()
            images = digits.train_images[rows].roll((up, left), dims=(2, 3))
            labels = digits.train_labels[rows]
        yield images, labels


@stage("evaluate", after=("preprocess", "train"))
def evaluate(net: DigitNet, digits: Digits) -> float:
    """Return the part of the test images that the network reads correctly, all of them in one batch."""
    with torch.inference_mode():
        read = net(digits.test_images).argmax(1)
    return float((read == digits.test_labels).float().mean())


@stage("serve", after=("load", "train"))
def serve(net: DigitNet, requests: Sequence[bytes]) -> list[bytes]:
    """Answer the requests one at a time, as a server without batching does."""
    return [answer(net, request) for request in requests]


def answer(net: DigitNet, request: bytes) -> bytes:
    """Return the JSON answer to one JSON request."""
    with stage("decode"):
        pixels = zlib.decompress(base64.b64decode(json.loads(request)["scan"]))
        scan = np.frombuffer(pixels, np.uint8).reshape(1, 8, 8)
        image = enlarge(scan) / 16.0
    with stage("predict"), torch.inference_mode():
        chances = net(image).softmax(1)[0]
    with stage("respond"):
        digit = int(chances.argmax())
        return json.dumps({"digit": digit, "chance": round(float(chances[digit]), 4)}).encode()


def clients(scans: np.ndarray, count: int) -> list[bytes]:
    """Return what `count` clients would send: one compressed scan each."""
    sent = (zlib.compress(scan.astype(np.uint8).tobytes()) for scan in scans[np.arange(count) % len(scans)])
    return [json.dumps({"scan": base64.b64encode(pixels).decode()}).encode() for pixels in sent]


def main() -> None:
    """Run the pipeline and print what it achieved."""
    parser = argparse.ArgumentParser(description="Train and serve a small CNN on scikit-learn's scanned digits.")
    parser.add_argument("--quick", action="store_true", help="three epochs and few requests: a few seconds, for tests")
    quick = parser.parse_args().quick
    torch.manual_seed(7)
    torch.set_num_threads(1)  # for images this small, more threads mostly wait for each other, and burn joules doing so

    scans, labels = load()
    digits = preprocess(scans, labels)
    net = train(digits, epochs=3 if quick else 32)
    accuracy = evaluate(net, digits)
    requests = clients(scans, 100 if quick else 4000)
    answers = serve(net, requests)

    print(f"digits: accuracy {accuracy:.1%} on {len(digits.test_labels)} test images, {len(answers)} requests served")


if __name__ == "__main__":
    main()
