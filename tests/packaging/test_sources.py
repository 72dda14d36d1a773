"""What holds for every file of the project, whoever wrote it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "profiler/energyprof", ROOT / "plugins/energyprof_plugins")
SHIPPED = ("profiler", "plugins", "tests", "samples", ".ci")
TEXT = {".py", ".md", ".toml", ".txt", ".svg", ".csv", ".json", ".dot", ""}
OURS = [place for place in (ROOT, Path.home(), Path(sys.prefix)) if len(place.parts) > 1]
"""Folders of this machine, whichever it is; nothing that is checked in may point into them."""


def project_files() -> Iterator[Path]:
    """Yield the text files of a clone or of a source distribution; what was built beside them is none of them."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT and path.name != ".git")
    for folder in SHIPPED:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
                yield path


def package_modules() -> list[Path]:
    """Return every module that is not an empty package marker."""
    found = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]
    return [path for path in found if path.read_text().strip()]


def test_every_module_says_its_idea_first() -> None:
    modules = package_modules()

    silent = [str(path.relative_to(ROOT)) for path in modules if not ast.get_docstring(ast.parse(path.read_text()))]

    assert len(modules) > 10
    assert silent == []


def test_no_file_names_a_path_of_one_machine() -> None:
    path_of_ours = re.compile(r"(?<![\w.])(" + "|".join(re.escape(str(place)) for place in OURS) + r")/\w")

    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in project_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if path_of_ours.search(line)
    ]

    assert found == []


def test_a_source_file_fits_in_one_head() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for package in PACKAGES
        for path in sorted(package.rglob("*.py"))
    }

    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}
