"""Continue real prompts with a model of GPT-2's shape: read, build, generate token by token.

The prompts are passages of Python's language reference, which every Python carries for `help()`; a token is a byte.
The weights are random: what comes out is noise, what it costs is what it costs with any weights.

    energyprof run samples/gpt_generation/pipeline.py                 # what does a token cost?
    energyprof run samples/gpt_generation/pipeline.py --together 8    # and one of eight that are written at once?
    python samples/gpt_generation/pipeline.py --quick                 # runs as well on its own

Nothing here marks prefill and decode: the profiler tells them apart by the cache that the model is handed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pydoc_data.topics import topics

import torch
from torch import Tensor, nn
from torch.nn import functional

from energyprof import stage

VOCABULARY = 256
CONTEXT = 512
WIDTH = 384
HEADS = 6
BLOCKS = 6
LIKELY = 40
"""Only so many of the likeliest tokens are drawn from."""


@dataclass(frozen=True)
class Cache:
    """The keys and values of the tokens seen so far, of one block: (count, HEADS, CONTEXT, WIDTH // HEADS) each."""

    keys: Tensor
    values: Tensor

    def extended(self, keys: Tensor, values: Tensor, seen: int) -> tuple[Tensor, Tensor]:
        """Store what follows `seen` tokens and return keys and values of all tokens up to there."""
        end = seen + keys.shape[2]
        self.keys[:, :, seen:end] = keys
        self.values[:, :, seen:end] = values
        return self.keys[:, :, :end], self.values[:, :, :end]


class Attention(nn.Module):
    """Causal attention of all heads; keys and values of earlier tokens come from the cache."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, hidden: Tensor, cache: Cache, seen: int) -> Tensor:
        batch, length, _ = hidden.shape
        split = self.qkv(hidden).view(batch, length, 3, HEADS, WIDTH // HEADS)
        query, keys, values = split.permute(2, 0, 3, 1, 4)
        keys, values = cache.extended(keys, values, seen)
        # A single token may look at everything in the cache; several at once only ever start at its beginning.
        mixed = functional.scaled_dot_product_attention(query, keys, values, is_causal=length > 1)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, WIDTH))


class Mlp(nn.Module):
    """Two linear layers, four times as wide between them."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.gelu = nn.GELU("tanh")
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down(self.gelu(self.up(hidden)))


class Block(nn.Module):
    """Attention and a two-layer network, each behind its norm and beside a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = Mlp()

    def forward(self, hidden: Tensor, cache: Cache, seen: int) -> Tensor:
        hidden = hidden + self.attention(self.norm1(hidden), cache, seen)
        return hidden + self.mlp(self.norm2(hidden))


class Gpt(nn.Module):
    """GPT-2 in small, 10.9 million weights: learned positions, norms in front, the output tied to the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor, caches: list[Cache], seen: int) -> Tensor:
        """Return the logits of the token after `tokens` (count, length), which follow `seen` ones in the cache."""
        places = torch.arange(seen, seen + tokens.shape[1])
        hidden = self.tokens(tokens) + self.positions(places)
        for block, cache in zip(self.blocks, caches, strict=True):
            hidden = block(hidden, cache, seen)
        return self.head(self.norm(hidden[:, -1]))


@stage("read")
def read(prompts: int, length: int) -> list[Tensor]:
    """Return the beginnings of the longest topics of the language reference, `length` tokens (bytes) each."""
    longest = sorted(topics.values(), key=len, reverse=True)[:prompts]
    return [torch.tensor([list(text.encode()[:length])]) for text in longest]


@stage("build")
def build() -> Gpt:
    """Return the model, ready to generate."""
    return Gpt().eval()


@stage("sample")
def sample(logits: Tensor) -> Tensor:
    """Draw a token for each answer (count, 1) from the likeliest ones."""
    likely, tokens = logits.topk(LIKELY)
    return tokens.gather(1, torch.multinomial(likely.softmax(1), 1))


@stage("generate", after=("read", "build"))
def generate(model: Gpt, prompts: list[Tensor], length: int) -> Tensor:
    """Return the tokens that follow each prompt (count, length): one call reads them all, each token is one more."""
    prompt = torch.cat(prompts)
    count, start = prompt.shape
    shape = (count, HEADS, CONTEXT, WIDTH // HEADS)
    caches = [Cache(torch.zeros(shape), torch.zeros(shape)) for _ in model.blocks]
    logits = model(prompt, caches, seen=0)
    written = []
    for seen in range(start, start + length):
        token = sample(logits)
        logits = model(token, caches, seen)
        written.append(token)
    return torch.cat(written, dim=1)


def main() -> None:
    """Run the pipeline and print how much was read and written."""
    parser = argparse.ArgumentParser(description="Generate text with a model of GPT-2's shape and random weights.")
    parser.add_argument("--quick", action="store_true", help="two short answers: a few seconds, for tests")
    parser.add_argument("--together", type=int, default=1, metavar="N", help="prompts answered at once (default: 1)")
    asked = parser.parse_args()
    quick = asked.quick
    torch.manual_seed(7)
    torch.set_num_threads(1)  # at one token a call, more threads mostly wait for each other

    prompts = read(prompts=2 if quick else 8, length=64 if quick else 256)
    model = build()
    written = 0
    with torch.inference_mode():
        for first in range(0, len(prompts), asked.together):
            written += generate(model, prompts[first : first + asked.together], 16 if quick else 100).numel()

    print(f"gpt: {sum(prompt.shape[1] for prompt in prompts)} tokens read, {written} tokens written")


if __name__ == "__main__":
    main()
