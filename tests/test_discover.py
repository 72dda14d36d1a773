"""Plugins are found by entry points, strangers' by the same door as ours, and errors name the remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from energyprof import discover
from energyprof.errors import PluginError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "energyprof"


def index_file(cache: Path) -> Path:
    """Return the one index that has been kept."""
    (file,) = cache.glob("plugins-*.json")
    return file


def install(folder: Path, distribution: str, entry: str, module: str = "") -> None:
    """Lay out an installed distribution with one power source, as pip does."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[energyprof.power_sources]\n{entry}\n")
    if module:
        (folder / "stranger_power.py").write_text(module)


def test_built_in_plugins_enter_by_entry_points(cache: Path) -> None:
    names = {spec.name for spec in discover.plugins(discover.POWER_SOURCES)}

    assert {"load_model", "replay"} <= names


def test_a_strangers_source_is_found_and_loaded(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", "wallmeter", "wall = stranger_power:Wall", "class Wall:\n    name = 'wall'\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    spec = discover.find(discover.POWER_SOURCES, "wall")

    assert (spec.distribution, spec.file) == ("wallmeter", str(tmp_path / "site" / "stranger_power.py"))
    assert spec.load().name == "wall"
    sys.modules.pop("stranger_power")


def test_index_is_remembered_until_a_folder_on_the_path_changes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = discover.plugins(discover.POWER_SOURCES)
    stamp = index_file(cache).stat().st_mtime_ns
    again = discover.plugins(discover.POWER_SOURCES)
    unchanged = index_file(cache).stat().st_mtime_ns == stamp

    install(site, "wallmeter", "wall = stranger_power:Wall")
    after = discover.plugins(discover.POWER_SOURCES)

    assert again == before
    assert unchanged
    assert {spec.name for spec in after} - {spec.name for spec in before} == {"wall"}


def test_two_environments_keep_an_index_each(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    discover.plugins(discover.EXPORTERS)

    monkeypatch.setattr(sys, "executable", "/other/python")
    discover.plugins(discover.EXPORTERS)

    assert len(list(cache.glob("plugins-*.json"))) == 2


@pytest.mark.parametrize("first", ["", "the current folder"])
def test_new_files_in_the_current_folder_change_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [first and str(tmp_path), *sys.path])
    before = discover.plugins(discover.EXPORTERS)
    stamp = index_file(cache).stat().st_mtime_ns

    (tmp_path / "run.eprof").touch()

    assert discover.plugins(discover.EXPORTERS) == before
    assert index_file(cache).stat().st_mtime_ns == stamp


def test_instruments_come_with_their_framework(cache: Path) -> None:
    specs = {
        name: (framework, target, Path(file).name) for name, framework, target, file in discover.instrument_specs()
    }

    assert specs["torch_modules"] == (
        "torch",
        "energyprof_plugins.instruments.torch_modules:TorchModules",
        "torch_modules.py",
    )


@pytest.mark.parametrize("damage", ["", "{", '{"key": 1}', "[]"])
def test_a_damaged_index_is_made_afresh(cache: Path, damage: str) -> None:
    expected = discover.plugins(discover.EXPORTERS)
    index_file(cache).write_text(damage)

    assert discover.plugins(discover.EXPORTERS) == expected


def test_no_cache_folder_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))

    assert discover.cache_folder() == ""
    assert discover.find(discover.EXPORTERS, "json").name == "json"


def test_an_unknown_name_lists_what_is_installed(cache: Path) -> None:
    with pytest.raises(PluginError, match=r"no plugin 'yaml' in energyprof.exporters; installed: .*json"):
        discover.find(discover.EXPORTERS, "yaml")


def test_two_owners_of_one_name_are_both_named(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", "intruder", "load_model = stranger_power:Wall")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    with pytest.raises(PluginError, match=r"energyprof and intruder|intruder and energyprof"):
        discover.find(discover.POWER_SOURCES, "load_model")


def test_a_plugin_that_breaks_at_import_names_its_package(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", "wallmeter", "wall = stranger_power:Wall", "raise OSError('driver missing')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    with pytest.raises(PluginError, match=r"wallmeter.*OSError: driver missing.*reinstall or remove wallmeter"):
        discover.find(discover.POWER_SOURCES, "wall").load()
