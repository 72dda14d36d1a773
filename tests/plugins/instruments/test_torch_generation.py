"""Prefill and decode are told apart by what a model is handed, their tokens counted; other models are left alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from energyprof_plugins.instruments.hf_generate import HfGenerate

PHASES = ("prefill", "decode", "generate", "evaluation")


class Writer(nn.Module):
    """A model that keeps what it has seen in a cache: here only how much that was."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(16, 4)
        self.head = nn.Linear(4, 16)

    def forward(self, tokens: Tensor, caches: list[int] | None = None) -> tuple[Tensor, list[int]]:
        caches = [0] if caches is None else caches
        caches[0] += tokens.shape[1]
        return self.head(self.tokens(tokens)), caches


def phases(events: Any) -> list[str]:
    """Return which stages around calls have begun since the last look."""
    return [word[1:] for word in events.told() if word[0] == "+" and word[1:] in PHASES]


def tokens(events: Any) -> list[tuple[str, int]]:
    handed = [(stage, count) for stage, count, unit in events.work if unit == "tokens"]
    events.work.clear()
    return handed


def of(batch: int, positions: int) -> Tensor:
    return torch.zeros(batch, positions, dtype=torch.long)


@torch.no_grad()
def test_a_loop_with_a_cache_is_a_prefill_and_decodes(events: Any) -> None:
    writer = Writer().eval()

    caches = [0]
    writer(of(2, 9), caches)
    for _ in range(3):
        writer(of(2, 1), caches)

    assert phases(events) == ["prefill", "decode", "decode", "decode"]
    assert tokens(events) == [("prefill", 18), ("decode", 2), ("decode", 2), ("decode", 2)]


@torch.no_grad()
def test_each_prompt_with_a_cache_of_its_own_is_a_prefill(events: Any) -> None:
    writer, kept = Writer().eval(), []

    for length in (9, 3, 2):
        kept.append([0])  # one that is gone may give its place in memory to the next
        writer(of(1, length), caches=kept[-1])
        writer(of(1, 1), caches=kept[-1])

    assert phases(events) == ["prefill", "decode"] * 3


@torch.no_grad()
def test_a_cache_asked_for_by_name_makes_the_first_call_a_prefill(events: Any) -> None:
    writer = Writer().eval()

    _, caches = writer(of(1, 9), caches=None)
    writer(of(1, 1), caches=caches)

    assert phases(events) == ["prefill", "decode"]


@torch.no_grad()
def test_a_first_call_that_says_nothing_of_a_cache_is_known_from_the_next_prompt_on(events: Any) -> None:
    writer = Writer().eval()

    found = []
    for _ in range(2):
        _, caches = writer(of(1, 9))
        writer(of(1, 1), caches)
        found.append(phases(events))

    assert found == [["decode"], ["prefill", "decode"]]


@torch.no_grad()
def test_guesses_checked_together_are_one_decode_and_another_prompt_is_none(events: Any) -> None:
    writer, caches = Writer().eval(), [0]

    writer(of(1, 9), caches)
    writer(of(1, 5), caches)
    writer(of(1, 200), caches)

    assert phases(events) == ["prefill", "decode", "prefill"]
    assert tokens(events) == [("prefill", 9), ("decode", 5), ("prefill", 200)]


@torch.no_grad()
def test_input_that_is_no_table_of_tokens_is_not_counted(events: Any) -> None:
    class Odd(Writer):
        def forward(self, image: Tensor, cache: object = None) -> Tensor:
            return self.head(image)

    Odd().eval()(torch.ones(2, 3, 4), cache=object())

    assert phases(events) == ["prefill"]
    assert tokens(events) == []


def test_models_that_generate_nothing_are_left_alone(events: Any) -> None:
    writer = Writer()
    plain = nn.Sequential(nn.Embedding(16, 4), nn.Linear(4, 2))

    plain(of(2, 9)).sum().backward()
    with torch.no_grad():
        plain.eval()(of(2, 9))
        writer.eval()(of(2, 9))
    writer.train()(of(2, 9))[0].sum().backward()

    assert phases(events) == ["evaluation", "evaluation"]
    assert tokens(events) == []


def test_a_call_that_fails_ends_its_phase(events: Any) -> None:
    writer = Writer().eval()
    writer.head = nn.Linear(5, 5)

    for caches in ([0], [0]):
        with torch.no_grad(), pytest.raises(RuntimeError):
            writer(of(1, 9), caches)

    assert phases(events) == ["prefill", "prefill"]


@torch.no_grad()
def test_a_layer_has_the_operations_of_each_phase(events: Any) -> None:
    writer, caches = Writer().eval(), [0]

    for positions in (9, 1, 1):
        writer(of(2, positions), caches)

    facts = events.facts["Writer.head"]
    assert {name: facts[name] for name in facts if name.startswith("flops")} == {
        "flops_of_prefill_call": 2 * 18 * 4 * 16,
        "flops_of_decode_call": 2 * 2 * 4 * 16,
    }


def test_samples_are_counted_for_whole_models_only(events: Any) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))

    for batch in (5, 5, 2):
        net(torch.ones(batch, 4))

    samples = [told for told in events.work if told[2] == "samples"]
    assert samples == [("Sequential", 5, "samples"), ("Sequential", 5, "samples"), ("Sequential", 2, "samples")]


# --- Hugging Face ---------------------------------------------------------------------------------------------------


def gpt2() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = {"n_layer": 1, "n_head": 2, "n_embd": 8, "vocab_size": 16, "n_positions": 64}
    return GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=1, eos_token_id=None)).eval()


@pytest.fixture
def generating(events: Any) -> Any:
    pytest.importorskip("transformers", reason="an extra of the samples")
    instrument = HfGenerate()
    instrument.install(events)
    yield events
    instrument.remove()


def test_generate_of_a_batch_is_one_prefill_and_decodes(generating: Any) -> None:
    gpt2().generate(of(3, 6), attention_mask=of(3, 6) + 1, max_new_tokens=4, do_sample=False, pad_token_id=0)

    assert phases(generating) == ["generate", "prefill", "decode", "decode", "decode"]
    assert tokens(generating) == [("prefill", 18), *[("decode", 3)] * 3]


def test_generate_without_a_cache_counts_what_is_new(generating: Any) -> None:
    gpt2().generate(
        of(2, 6), attention_mask=of(2, 6) + 1, max_new_tokens=3, do_sample=False, use_cache=False, pad_token_id=0
    )

    assert phases(generating) == ["generate", "prefill", "decode", "decode"]
    assert tokens(generating) == [("prefill", 12), ("decode", 2), ("decode", 2)]


def test_an_encoder_is_the_prefill_of_its_decoder(generating: Any) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    shape = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2, "vocab_size": 16}
    t5 = T5ForConditionalGeneration(T5Config(**shape, decoder_start_token_id=0, eos_token_id=None)).eval()

    t5.generate(of(2, 6) + 1, attention_mask=of(2, 6) + 1, max_new_tokens=3, do_sample=False)

    assert phases(generating) == ["generate", "prefill", "decode", "decode", "decode"]
    assert tokens(generating) == [("prefill", 12), *[("decode", 2)] * 3]


def test_scoring_with_a_language_model_is_no_generation(generating: Any) -> None:
    model = gpt2()

    with torch.no_grad():
        model(of(2, 6))
        model(of(2, 6), labels=of(2, 6), use_cache=True)

    assert phases(generating) == []


def test_generation_is_put_back_as_it_was(sink: Any) -> None:
    utils = pytest.importorskip("transformers.generation.utils", reason="an extra of the samples")
    original = utils.GenerationMixin.generate
    instrument = HfGenerate()

    instrument.install(sink)
    installed = utils.GenerationMixin.generate
    instrument.remove()
    instrument.remove()

    assert installed is not original
    assert utils.GenerationMixin.generate is original
