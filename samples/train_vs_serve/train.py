"""Train a small transformer to tell what a docstring is about, and keep it for serve.py.

The text is real: docstrings of Python's standard library, read from its source; the class is the area of the library
that a docstring is from. Nothing is downloaded, no GPU is needed.

    energyprof run -o train.eprof samples/train_vs_serve/train.py
    energyprof run -o serve.eprof samples/train_vs_serve/serve.py
    energyprof project train.eprof serve.eprof --clients 1000 --requests-per-client-day 5 --days 30
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from areas import AREAS, AreaNet, read, tokens
from torch.nn import functional

from energyprof import metric, stage


@stage("train", after="read")
def train(texts: list[tuple[str, int]], epochs: int) -> AreaNet:
    """Return a network that has seen every text `epochs` times."""
    net = AreaNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(epochs):
        with stage("epoch"):
            for rows in torch.randperm(len(texts)).split(32):
                with stage("tokenize"):
                    words = tokens([texts[row][0] for row in rows])
                    areas = torch.tensor([texts[row][1] for row in rows])
                with stage("forward"):
                    loss = functional.cross_entropy(net(words), areas)
                with stage("backward"):
                    optimizer.zero_grad()
                    loss.backward()
                with stage("optimizer"):
                    optimizer.step()
    return net.eval()


@stage("evaluate", after=("read", "train"))
def evaluate(net: AreaNet, texts: list[tuple[str, int]]) -> float:
    """Return the part of the texts whose area the network finds."""
    right = 0
    with torch.inference_mode():
        for start in range(0, len(texts), 64):
            some = texts[start : start + 64]
            found = net(tokens([text for text, _ in some])).argmax(1)
            right += int((found == torch.tensor([area for _, area in some])).sum())
    return right / len(texts)


def main() -> None:
    """Train, and print how right the network is."""
    parser = argparse.ArgumentParser(description="Train a small transformer on docstrings of the standard library.")
    parser.add_argument(
        "--model",
        type=Path,
        default=Path("areas.pt"),
        help="file to write, a .json with texts for serve.py beside it (default: areas.pt)",
    )
    parser.add_argument("--quick", action="store_true", help="a few steps: for tests")
    args = parser.parse_args()
    torch.manual_seed(7)
    torch.set_num_threads(1)

    with stage("read"):
        seen, aside = read(places_of_each=1 if args.quick else None)
    net = train(seen[:128] if args.quick else seen, epochs=1 if args.quick else 6)
    accuracy = evaluate(net, aside[:64] if args.quick else aside)
    torch.save(net.state_dict(), args.model)
    args.model.with_suffix(".json").write_text(json.dumps([text for text, _ in aside]), encoding="utf-8")

    metric("accuracy", accuracy)
    print(f"train: accuracy {accuracy:.1%} on {len(aside)} docstrings it had not seen, {len(AREAS)} areas")


if __name__ == "__main__":
    main()
