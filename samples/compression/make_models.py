"""Train a small CNN on scanned digits and make three smaller ones of it: int8, pruned to a fifth, half as wide.

The input is real: the 1,797 handwritten digits that come with scikit-learn. Nothing is downloaded, no GPU is needed.

    energyprof run samples/compression/make_models.py           # what it takes to make them; writes models/
    energyprof sweep --set model=fp32,int8,pruned,narrow samples/compression/classify.py
    energyprof compare sweep-classify -o front.svg              # what it takes to use them, and how good they are
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune

from energyprof import metric, stage

SIDE = 16
"""Images enter the network with this many pixels a side; the scans have 8."""
WIDTHS = (32, 64, 128)
"""Channels of both convolutions and of the hidden layer."""
TEST_IMAGES = 360
ZEROS = 0.8
"""So much of the weights is pruned away."""


@dataclass(frozen=True)
class Digits:
    """Images in [0, 1] as (count, 1, SIDE, SIDE) and what they show, split in two that share no image."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


class DigitNet(nn.Module):
    """Two convolutions and two linear layers of these widths."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        first, second, third = widths
        self.conv1 = nn.Conv2d(1, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(second * (SIDE // 4) ** 2, third)
        self.classes = nn.Linear(third, 10)

    def forward(self, images: Tensor) -> Tensor:
        edges = self.pool(torch.relu(self.conv1(images)))
        shapes = self.pool(torch.relu(self.conv2(edges)))
        return self.classes(torch.relu(self.hidden(shapes.flatten(1))))

    def layers(self) -> tuple[nn.Conv2d | nn.Linear, ...]:
        """Return the layers that have weights, in the order in which they are called."""
        return self.conv1, self.conv2, self.hidden, self.classes


@stage("load")
def load() -> Digits:
    """Return the scans, enlarged and normalised, TEST_IMAGES of them set aside."""
    scans = load_digits()
    small = torch.from_numpy(scans.images.astype(np.float32)).unsqueeze(1)
    images = functional.interpolate(small, size=(SIDE, SIDE), mode="bicubic", align_corners=False) / 16.0
    order, labels = torch.randperm(len(images)), torch.as_tensor(scans.target)
    kept, aside = order[TEST_IMAGES:], order[:TEST_IMAGES]
    return Digits(images[kept], labels[kept], images[aside], labels[aside])


@stage("train", after="load")
def train(digits: Digits, epochs: int) -> DigitNet:
    """Return a network of full width."""
    net = DigitNet(WIDTHS)
    fit(net, digits, epochs, rate=2e-3)
    return net


def fit(net: DigitNet, digits: Digits, epochs: int, rate: float) -> None:
    """Let the network see every training image `epochs` times, shifted at random by a pixel or two."""
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    net.train()
    for _ in range(epochs):
        for images, labels in batches(digits, size=64):
            loss = functional.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    net.eval()


def batches(digits: Digits, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the training images in random order, each batch shifted."""
    for rows in torch.randperm(len(digits.train_images)).split(size):
        up, left = torch.randint(-2, 3, (2,)).tolist()
        yield digits.train_images[rows].roll((up, left), dims=(2, 3)), digits.train_labels[rows]


@stage("prune", after=("load", "train"))
def pruned(net: DigitNet, digits: Digits, epochs: int) -> DigitNet:
    """Return a copy in which the smallest ZEROS of all weights are 0, trained on with the rest of them."""
    sparse = copy_of(net)
    weights = [(layer, "weight") for layer in sparse.layers()]
    prune.global_unstructured(weights, pruning_method=prune.L1Unstructured, amount=ZEROS)
    fit(sparse, digits, epochs, rate=1e-3)
    for layer, name in weights:
        prune.remove(layer, name)
    return sparse


@stage("narrow", after=("load", "train"))
def narrowed(net: DigitNet, digits: Digits, epochs: int) -> DigitNet:
    """Return a network of half the width, made of the strongest channels of this one, trained on."""
    small = DigitNet(tuple(width // 2 for width in WIDTHS))  # type: ignore[arg-type]  # three of them
    inputs = torch.arange(1)
    with torch.no_grad():
        for wide, slim in zip(net.layers(), small.layers(), strict=True):
            strength = wide.weight.abs().flatten(1).sum(1)
            outputs = strength.topk(len(slim.weight)).indices.sort().values
            slim.weight.copy_(wide.weight[outputs][:, inputs])
            slim.bias.copy_(wide.bias[outputs])
            inputs = outputs
            if wide is net.conv2:  # what follows sees each of its channels as so many inputs
                pixels = (SIDE // 4) ** 2
                inputs = (outputs[:, None] * pixels + torch.arange(pixels)).flatten()
    fit(small, digits, epochs, rate=1e-3)
    return small


def copy_of(net: DigitNet) -> DigitNet:
    """Return a network with the same weights."""
    same = DigitNet(WIDTHS)
    same.load_state_dict(net.state_dict())
    return same


@stage("export", after=("train", "prune", "narrow"))
def export(net: DigitNet, path: Path) -> None:
    """Write the network as ONNX, for any number of images at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is an older one, and says so
        torch.onnx.export(
            net,
            (torch.zeros(1, 1, SIDE, SIDE),),
            str(path),
            dynamo=False,
            input_names=["images"],
            output_names=["classes"],
            dynamic_axes={"images": {0: "count"}, "classes": {0: "count"}},
        )


@stage("quantise", after=("load", "train"))
def quantise(whole: Path, path: Path, digits: Digits) -> None:
    """Write the network with weights and activations of 8 bits, their ranges found on training images."""
    from onnxruntime import quantization

    class Images(quantization.CalibrationDataReader):  # type: ignore[misc]  # the package has no types
        def __init__(self) -> None:
            self._left = iter(digits.train_images[:512].split(64))

        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(self._left, None)
            return None if images is None else {"images": images.numpy()}

    prepared = path.with_suffix(".prepared")
    quantization.shape_inference.quant_pre_process(str(whole), str(prepared))
    quantization.quantize_static(str(prepared), str(path), Images(), per_channel=True)
    prepared.unlink()


def accuracy(net: DigitNet, digits: Digits) -> float:
    """Return the part of the test images that the network reads correctly."""
    with torch.inference_mode():
        return float((net(digits.test_images).argmax(1) == digits.test_labels).float().mean())


def zeros(net: DigitNet) -> float:
    """Return the part of the weights that is 0."""
    weights = torch.cat([layer.weight.flatten() for layer in net.layers()])
    return float((weights == 0).float().mean())


def main() -> None:
    """Make the models and print what they are."""
    parser = argparse.ArgumentParser(description="Train a small CNN on scanned digits and make smaller ones of it.")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder to write to (default: models)")
    parser.add_argument("--quick", action="store_true", help="two epochs: a few seconds, for tests")
    args = parser.parse_args()
    try:
        import onnx  # noqa: F401 - asked for before the minutes of training that need it at their end
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise SystemExit(f"{error.name} is missing; try: pip install 'energyprof[sample-compression]'") from None
    torch.manual_seed(7)
    torch.set_num_threads(1)

    digits = load()
    net = train(digits, epochs=2 if args.quick else 30)
    more = 1 if args.quick else 15
    nets = {"fp32": net, "pruned": pruned(net, digits, more), "narrow": narrowed(net, digits, more)}
    args.models.mkdir(parents=True, exist_ok=True)
    for name, made in nets.items():
        export(made, args.models / f"{name}.onnx")
        metric(f"accuracy {name}", accuracy(made, digits))
        print(f"{name}: accuracy {accuracy(made, digits):.1%}, {zeros(made):.0%} of the weights are 0")
    quantise(args.models / "fp32.onnx", args.models / "int8.onnx", digits)
    np.savez(args.models / "test.npz", images=digits.test_images.numpy(), labels=digits.test_labels.numpy())


if __name__ == "__main__":
    main()
