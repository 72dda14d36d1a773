"""What pyproject.toml promises is there: plugins, scripts, one version, the files it ships."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint, version
from pathlib import Path
from typing import Any

import pytest

import energyprof

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]
DOORS = {
    "energyprof.power_sources",
    "energyprof.instruments",
    "energyprof.exporters",
    "energyprof.findings",
    "energyprof.span_importers",
    "energyprof.power_importers",
}


def declared_entry_points() -> list[EntryPoint]:
    groups = {"console_scripts": PROJECT["scripts"], **PROJECT["entry-points"]}
    return [EntryPoint(name, value, group) for group, entries in groups.items() for name, value in entries.items()]


@pytest.mark.parametrize("entry", declared_entry_points(), ids=lambda entry: f"{entry.group}:{entry.name}")
def test_every_declared_entry_point_can_be_imported(entry: EntryPoint) -> None:
    found = entry.load()

    assert callable(found) or entry.group == "pytest11"  # pytest takes a module


def test_only_the_doors_are_entry_point_groups() -> None:
    assert set(PROJECT["entry-points"]) == {*DOORS, "pytest11"}


def test_version_has_a_single_source() -> None:
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "profiler/energyprof/__init__.py"
    assert version("energyprof") == energyprof.__version__


def test_changelog_begins_with_the_version_of_the_package() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == energyprof.__version__


def test_everything_that_the_source_distribution_lists_exists() -> None:
    listed = [*PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"], *PROJECT["license-files"]]

    assert [name for name in listed if not (ROOT / name).exists()] == []


def test_torch_is_an_extra_and_never_a_dependency() -> None:
    names = [re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in PROJECT["dependencies"]]

    assert "torch" not in names
    assert {"torch", "samples"} <= {
        extra
        for extra, requirements in PROJECT["optional-dependencies"].items()
        if any(requirement.startswith("torch") for requirement in requirements)
    }
