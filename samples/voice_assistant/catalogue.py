"""What the assistant recommends: the modules of Python's standard library, and which of them are imported together.

Both are read from the library's own source. A module's description is the first paragraph of its docstring; "together"
is what a shop's "others also bought" is made of, with source files in the place of customers.
"""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IMPORT = re.compile(r"^[ \t]*(?:from[ ]+(\w+)[\w.]*[ ]+import\b|import[ ]+([\w., \t]+))", re.MULTILINE)
PASSED_OVER = {"antigravity", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test", "this", "turtledemo"}
"""Folders and modules that are no help to a program, or tests."""
DAMPING = 2.0
"""So many files more, as if they imported a module and nothing else: two rare ones that met once are not akin."""
WORDS = 40
"""Longer descriptions are cut."""


@dataclass(frozen=True)
class Catalogue:
    """Modules, what each is for, and `together[i, j]` from 0 to 1: how alike the files are that import i and j."""

    names: tuple[str, ...]
    purposes: tuple[str, ...]
    together: np.ndarray

    def companion(self, index: int) -> str:
        """Return the other module that is most often imported where this one is, or "" if it is never imported."""
        others = self.together[index].copy()
        others[index] = 0.0
        best = int(others.argmax())
        return self.names[best] if others[best] > 0 else ""


def read_catalogue(only: frozenset[str] = sys.stdlib_module_names) -> Catalogue:
    """Return the public ones of these modules that have a docstring, in the order of their names."""
    sources = dict(source_texts(Path(sysconfig.get_paths()["stdlib"]), only))
    public = sorted(name for name in sources if "." not in name and not name.startswith("_"))
    described = {name: words for name in public if (words := purpose(sources[name]))}
    index = {name: column for column, name in enumerate(described)}
    imports = np.zeros((len(sources), len(index)))
    for row, text in enumerate(sources.values()):
        for name in imported(text) & index.keys():
            imports[row, index[name]] = 1.0
    directions = imports / np.sqrt(imports.sum(axis=0) + DAMPING)
    return Catalogue(tuple(described), tuple(described.values()), directions.T @ directions)


def source_texts(library: Path, only: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the dotted name and the text of every source file of these modules, packages under their own name."""
    for top in sorted(library.iterdir()):
        if top.stem in PASSED_OVER or top.stem not in only:
            continue
        for file in sorted(top.rglob("*.py")) if top.is_dir() else [top] if top.suffix == ".py" else []:
            parts = file.relative_to(library).with_suffix("").parts
            if PASSED_OVER.isdisjoint(parts) and "tests" not in parts:
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                yield name, file.read_text(encoding="utf-8", errors="replace")


def purpose(text: str) -> str:
    """Return the first paragraph of the docstring in a module's source, in one line."""
    paragraph = (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]
    return " ".join(paragraph.split()[:WORDS])


def imported(text: str) -> set[str]:
    """Return the top-level names of all modules imported in a source; an `import` in a docstring counts as well."""
    found = set()
    for parent, listed in IMPORT.findall(text):
        found |= {parent} if parent else {part.split()[0].split(".")[0] for part in listed.split(",") if part.split()}
    return found
