"""A small GPT of some layers and width, called again and again for some seconds: what `bench_scaling.py` records."""

from __future__ import annotations

import sys
import time

import torch
from torch import nn

VOCABULARY, HEADS, BATCH, SEQUENCE = 1000, 4, 4, 128


class Block(nn.Module):
    """Attention and two layers of a perceptron, each behind a norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.act, self.down = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        batch, sequence, width = rows.shape
        parts = self.qkv(self.n1(rows)).view(batch, sequence, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
        rows = rows + self.out(seen.transpose(1, 2).reshape(batch, sequence, width))
        return rows + self.down(self.act(self.up(self.n2(rows))))


class Net(nn.Module):
    """Embedding, blocks, head."""

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.emb, self.norm = nn.Embedding(VOCABULARY, width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        rows = self.emb(tokens)
        for block in self.blocks:
            rows = block(rows)
        return self.head(self.norm(rows))  # type: ignore[no-any-return]  # torch modules return Any


def main() -> None:
    """Call the model of the shape in the arguments for so many seconds of CPU time."""
    layers, width, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Net(layers, width).eval()
    tokens = torch.randint(0, VOCABULARY, (BATCH, SEQUENCE))
    with torch.no_grad():
        model(tokens)
        end_s = time.process_time() + seconds
        while time.process_time() < end_s:
            model(tokens)


if __name__ == "__main__":
    main()
