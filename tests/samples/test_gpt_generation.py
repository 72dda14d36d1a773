"""The sample as its README runs it: real prompts, prefill and decode told apart by themselves, joules a token."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

PIPELINE = Path(__file__).parents[2] / "samples/gpt_generation/pipeline.py"
PROMPTS = 2
PROMPT_TOKENS = PROMPTS * 64
DECODED_TOKENS = PROMPTS * 16


@dataclass(frozen=True)
class Profiled:
    """One quick run of the sample under `energyprof run`."""

    stdout: str
    report: dict[str, Any]

    def calls(self, *, modules: bool) -> dict[str, int]:
        """Return how often each stage, or each layer, was called."""
        return {row["stage"]: row["calls"] for row in self.report["stages"] if (row["kind"] == "module") == modules}

    def total_j(self, stage: str) -> float:
        """Return the energy of a stage with all below it."""
        (row,) = (row for row in self.report["stages"] if row["stage"] == stage)
        return sum(cell["energy_j"] for cell in row["total"])


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Profiled:
    folder = tmp_path_factory.mktemp("gpt")
    run = [
        sys.executable,
        "-m",
        "energyprof",
        "run",
        "--no-graph",
        "--source",
        "load_model",
        "-o",
        "gpt.eprof",
        str(PIPELINE),
        "--quick",
    ]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    report = load(folder / "gpt.eprof").render("json")
    return Profiled(done.stdout, json.loads(report))


def test_program_says_how_many_tokens_it_read_and_wrote(profiled: Profiled) -> None:
    assert profiled.stdout == f"gpt: {PROMPT_TOKENS} tokens read, {DECODED_TOKENS} tokens written\n"


def test_prefill_is_called_for_a_prompt_and_decode_for_a_token(profiled: Profiled) -> None:
    assert profiled.calls(modules=False) == {
        "read": 1,
        "build": 1,
        "generate": PROMPTS,
        "generate/prefill": PROMPTS,
        "generate/decode": DECODED_TOKENS,
        "generate/sample": DECODED_TOKENS,
    }


def test_the_same_layers_are_found_below_prefill_and_below_decode(profiled: Profiled) -> None:
    block = ("", ".norm1", ".attention", ".attention.qkv", ".attention.out", ".norm2")
    block += (".mlp", ".mlp.up", ".mlp.gelu", ".mlp.down")
    layers = ["", ".tokens", ".positions", ".norm", ".head"]
    layers += [f".blocks.{number}{layer}" for number in range(6) for layer in block]
    wanted = {f"generate/prefill/Gpt{layer}": PROMPTS for layer in layers}
    wanted |= {f"generate/decode/Gpt{layer}": DECODED_TOKENS for layer in layers}

    assert profiled.calls(modules=True) == wanted


def test_a_decoded_token_costs_more_than_one_of_the_prompt(profiled: Profiled) -> None:
    prefill, decode = profiled.report["tokens"]

    assert (prefill["stage"], prefill["tokens"]) == ("generate/prefill", PROMPT_TOKENS)
    assert (decode["stage"], decode["tokens"]) == ("generate/decode", DECODED_TOKENS)
    assert decode["per_token_j"] == profiled.total_j("generate/decode") / DECODED_TOKENS
    assert decode["per_token_j"] > prefill["per_token_j"] > 0


def test_data_flow_goes_from_prompt_and_model_into_the_generation(profiled: Profiled) -> None:
    feeds = {(edge["source"], edge["target"]) for edge in profiled.report["edges"] if edge["kind"] == "feeds"}

    assert feeds == {
        ("read", "generate"),
        ("build", "generate"),
        ("generate/prefill", "generate/sample"),
        ("generate/decode", "generate/sample"),
        ("generate/sample", "generate/decode"),
    }


def test_reading_with_the_cache_gives_what_reading_at_once_gives() -> None:
    code = f"""
import runpy, torch
sample = runpy.run_path({str(PIPELINE)!r})
torch.manual_seed(7)
model, (prompt,) = sample["build"](), sample["read"](1, 40)
shape = (1, 6, 40, 64)
def caches(): return [sample["Cache"](torch.zeros(shape), torch.zeros(shape)) for _ in model.blocks]
with torch.inference_mode():
    at_once = model(prompt, caches(), 0)
    seen = caches()
    model(prompt[:, :39], seen, 0)
    torch.testing.assert_close(model(prompt[:, 39:], seen, 39), at_once)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr


def test_prompts_answered_together_are_read_in_one_call_and_answered_as_one_by_one() -> None:
    code = f"""
import runpy, torch
sample = runpy.run_path({str(PIPELINE)!r})
generate = sample["generate"]
torch.manual_seed(7)
model, prompts = sample["build"](), sample["read"](3, 40)
calls, seen = [], []
model.register_forward_pre_hook(lambda _model, given: calls.append(tuple(given[0].shape)))
def drawn(logits):
    seen.append(logits)
    return torch.full((len(logits), 1), len(calls))  # no chance, to be compared
generate.__wrapped__.__globals__["sample"] = drawn
def logits_of(some):
    calls.clear()
    seen.clear()
    written = generate(model, some, 4)
    assert torch.equal(written, torch.tensor([[1, 2, 3, 4]] * len(some))), written
    return torch.stack(seen, dim=1)
with torch.inference_mode():
    together = logits_of(prompts)
    assert calls == [(3, 40), (3, 1), (3, 1), (3, 1), (3, 1)], calls
    torch.testing.assert_close(together, torch.cat([logits_of([prompt]) for prompt in prompts]))
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
