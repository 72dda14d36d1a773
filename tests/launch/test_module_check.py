"""Whether a Python finds the module that it is to run, without running it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from energyprof.errors import InputError
from energyprof.launch.module_check import refuse_missing_module

LOUD = "raise SystemExit('imported')"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Modules and packages that end whoever imports them, but those that finders alone do not know all of."""
    for name, text in {
        "alone.py": LOUD,
        "pack/__init__.py": LOUD,
        "pack/part.py": LOUD,
        "quiet/__init__.py": "",
        "single.py": "",
        "tool/__init__.py": LOUD,
        "tool/__main__.py": LOUD,
        "spread/__init__.py": "import os; __path__ = [os.path.join(os.path.dirname(__file__), os.pardir, 'elsewhere')]",
        "elsewhere/far.py": LOUD,
        "names/part.py": LOUD,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("module", ["alone", "pack.part", "tool", "names.part", "spread.far", "json.tool", "timeit"])
def test_a_module_is_found_without_being_imported(module: str) -> None:
    loaded = set(sys.modules)

    refuse_missing_module(module)

    assert {name.partition(".")[0] for name in set(sys.modules) - loaded}.isdisjoint(
        {"alone", "pack", "tool", "names", "spread"}
    )


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("nowhere", "finds no module nowhere; install it there, or begin from the folder that has it"),
        ("single.part", "finds no module single.part"),
        ("names.gone", "finds no module names.gone"),
        ("quiet", "quiet is a package without __main__; name a module in it: -m quiet.NAME"),
        ("single.py", "a file is named without -m: single.py"),
    ],
)
def test_a_module_that_cannot_be_run_is_refused_with_a_remedy(module: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        refuse_missing_module(module)


def test_the_environment_of_a_way_counts(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(modules / "elsewhere")
    with pytest.raises(InputError, match="finds no module alone"):
        refuse_missing_module("alone")

    refuse_missing_module("alone", {"PYTHONPATH": str(modules)})
