"""What training and serving share: docstrings as tokens, and the network that tells what they are about."""

from __future__ import annotations

import ast
import random
import re
import sysconfig
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

AREAS = {
    "network": "http urllib email xmlrpc socket.py socketserver.py ssl.py smtplib.py ftplib.py imaplib.py mailbox.py",
    "numbers": "statistics.py _pydecimal.py fractions.py random.py numbers.py datetime.py _pydatetime.py calendar.py",
    "parallel": "multiprocessing concurrent asyncio threading.py queue.py subprocess.py sched.py contextlib.py",
    "files": "os.py shutil.py pathlib pathlib.py zipfile zipfile.py tarfile.py tempfile.py gzip.py _pyio.py glob.py",
}
"""Files and folders of the standard library; those that a version of Python does not have are passed over."""
WORDS = 8192
"""Words are told apart by so many hashes; 0 stands for no word."""
TOKENS = 48
"""Longer docstrings are cut."""
WIDTH = 96


class AreaNet(nn.Module):
    """A transformer of two layers over words, and a linear layer over their mean; about a million weights."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH, padding_idx=0)
        self.places = nn.Embedding(TOKENS, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, nhead=4, dim_feedforward=4 * WIDTH, dropout=0.2, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.areas = nn.Linear(WIDTH, len(AREAS))

    def forward(self, tokens: Tensor) -> Tensor:
        is_word = tokens != 0
        hidden = self.words(tokens) + self.places(torch.arange(tokens.shape[1]))
        hidden = self.encoder(hidden, src_key_padding_mask=~is_word)
        weights = is_word.unsqueeze(2).float()
        return self.areas((hidden * weights).sum(1) / weights.sum(1))


def read(places_of_each: int | None = None) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return docstrings with the index of their area, in the same order each time: to learn from, and a fifth aside.

    Of each area the first so many places are read, or all of them.
    """
    library = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for index, places in enumerate(AREAS.values()):
        texts = {text for place in places.split()[:places_of_each] for text in docstrings(library / place)}
        found += [(text, index) for text in sorted(texts)]
    random.Random(7).shuffle(found)
    aside = len(found) // 5
    return found[aside:], found[:aside]


def docstrings(place: Path) -> Iterator[str]:
    """Yield the docstrings of at least five words in a source file, or in all those below a folder."""
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8", errors="replace"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                text = ast.get_docstring(node) or ""
                if len(text.split()) >= 5:
                    yield text


def tokens(texts: Sequence[str]) -> Tensor:
    """Return the words of each text as hashes (count, length), padded with 0 to the longest."""
    rows = []
    for text in texts:
        words = re.findall(r"[a-z]+", text.lower())[:TOKENS]
        rows.append(torch.tensor([1 + zlib.crc32(word.encode()) % (WORDS - 1) for word in words or [""]]))
    return pad_sequence(rows, batch_first=True)
