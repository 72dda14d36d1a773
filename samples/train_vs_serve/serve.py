"""Answer requests with the network that train.py has trained: what is this docstring about?

energyprof run -o serve.eprof samples/train_vs_serve/serve.py               # one request at a time
energyprof run -o batched.eprof samples/train_vs_serve/serve.py --batch 16  # as many as come in together
energyprof project train.eprof serve.eprof --clients 1000 --requests-per-client-day 5 --days 30
"""

from __future__ import annotations

import argparse
import json
from itertools import cycle, islice
from pathlib import Path

import torch
from areas import AREAS, AreaNet, tokens

from energyprof import stage, units


@stage("load")
def load(path: Path) -> AreaNet:
    """Return the trained network."""
    if not path.exists():
        raise SystemExit(f"{path} is missing; write it with: python samples/train_vs_serve/train.py")
    net = AreaNet()
    net.load_state_dict(torch.load(path, weights_only=True))
    return net.eval()


@stage("clients")
def clients(path: Path, count: int) -> list[bytes]:
    """Return what so many clients would send: one of the texts that the network has not been trained on."""
    texts = json.loads(path.read_text(encoding="utf-8"))
    return [json.dumps({"text": text}).encode() for text in islice(cycle(texts), count)]


@stage("serve", after=("load", "clients"))
def serve(net: AreaNet, requests: list[bytes], batch: int) -> list[bytes]:
    """Answer the requests, `batch` of them together."""
    answers = []
    for start in range(0, len(requests), batch):
        answers += answered(net, requests[start : start + batch])
        units("request", len(answers) - start)
    return answers


def answered(net: AreaNet, requests: list[bytes]) -> list[bytes]:
    """Return the JSON answer to each JSON request."""
    with stage("decode"):
        words = tokens([json.loads(request)["text"] for request in requests])
    with stage("predict"), torch.inference_mode():
        chances = net(words).softmax(1)
    with stage("respond"):
        best, areas = chances.max(1)
        names = list(AREAS)
        return [
            json.dumps({"area": names[area], "chance": round(chance, 4)}).encode()
            for area, chance in zip(areas.tolist(), best.tolist(), strict=True)
        ]


def main() -> None:
    """Serve, and print how many requests were answered."""
    parser = argparse.ArgumentParser(description="Answer requests with a small transformer.")
    parser.add_argument("--model", type=Path, default=Path("areas.pt"), help="file to read (default: areas.pt)")
    parser.add_argument("--batch", type=int, default=1, help="requests answered together (default: 1)")
    parser.add_argument("--quick", action="store_true", help="few requests: for tests")
    args = parser.parse_args()
    torch.set_num_threads(1)  # for a network this small, more threads mostly wait for each other

    net = load(args.model)
    requests = clients(args.model.with_suffix(".json"), 200 if args.quick else 10_000)
    answers = serve(net, requests, args.batch)

    areas = [json.loads(answer)["area"] for answer in answers]
    shares = ", ".join(f"{area} {areas.count(area) / len(areas):.0%}" for area in AREAS)
    print(f"serve: {len(answers)} requests answered: {shares}")


if __name__ == "__main__":
    main()
