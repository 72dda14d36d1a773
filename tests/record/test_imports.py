"""Instruments are installed when the program imports their framework, and imports stay what they are."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from energyprof.record import imports
from energyprof.record.imports import ImportWatcher, load_plugin


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder on sys.path whose modules are forgotten afterwards."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_the_call_comes_once_after_the_module_has_run(place: Path) -> None:
    (place / "framework_a.py").write_text("value = 1\n")
    arrived = []
    watcher = ImportWatcher(lambda name: arrived.append((name, sys.modules[name].value)))

    watcher.watch(["framework_a"])
    before = list(arrived)
    module = importlib.import_module("framework_a")
    importlib.reload(module)

    assert (before, arrived) == ([], [("framework_a", 1)])
    assert watcher not in sys.meta_path


def test_the_module_is_as_it_would_be_unwatched(place: Path) -> None:
    (place / "framework_a.py").write_text("")
    (place / "framework_b.py").write_text("")
    watcher = ImportWatcher(lambda _: None)

    plain = importlib.import_module("framework_b")
    watcher.watch(["framework_a"])
    watched = importlib.import_module("framework_a")

    assert type(watched.__loader__) is type(plain.__loader__)
    assert sorted(vars(watched.__loader__)) == sorted(vars(plain.__loader__))
    assert watched.__spec__.loader is watched.__loader__
    assert sorted(vars(watched)) == sorted(vars(plain))


def test_looking_for_a_module_without_importing_it_changes_nothing(place: Path) -> None:
    (place / "framework_a.py").write_text("")
    arrived: list[str] = []
    watcher = ImportWatcher(arrived.append)

    watcher.watch(["framework_a"])
    spec = importlib.util.find_spec("framework_a")

    assert spec is not None
    assert (spec.name, arrived) == ("framework_a", [])
    importlib.import_module("framework_a")
    assert arrived == ["framework_a"]


def test_a_framework_that_is_there_already_is_not_waited_for() -> None:
    arrived: list[str] = []
    watcher = ImportWatcher(arrived.append)

    watcher.watch(["json"])

    assert arrived == ["json"]
    assert watcher not in sys.meta_path


def test_a_missing_framework_fails_as_ever(place: Path) -> None:
    watcher = ImportWatcher(lambda _: None)

    watcher.watch(["framework_missing"])
    with pytest.raises(ModuleNotFoundError, match="No module named 'framework_missing'") as error:
        importlib.import_module("framework_missing")

    assert error.value.name == "framework_missing"
    watcher.stop()
    assert watcher not in sys.meta_path


def test_a_framework_that_fails_to_import_shows_none_of_our_frames(place: Path) -> None:
    (place / "framework_a.py").write_text("raise RuntimeError('broken')\n")
    arrived: list[str] = []
    watcher = ImportWatcher(arrived.append)

    watcher.watch(["framework_a"])
    with pytest.raises(RuntimeError, match="broken") as error:
        importlib.import_module("framework_a")

    assert not [
        frame for frame in traceback.extract_tb(error.value.__traceback__) if frame.filename == imports.__file__
    ]
    assert arrived == []
    (place / "framework_a.py").write_text("")
    importlib.invalidate_caches()
    importlib.import_module("framework_a")
    assert arrived == ["framework_a"]


def test_a_plugin_is_loaded_by_file_where_its_package_is_not_installed(tmp_path: Path) -> None:
    file = tmp_path / "far_away.py"
    file.write_text("class Plugin:\n    name = 'far'\n")

    plugin = load_plugin("package_not_installed.far_away:Plugin", str(file))

    assert plugin.name == "far"
    del sys.modules["package_not_installed.far_away"]
    with pytest.raises(ModuleNotFoundError):
        load_plugin("package_not_installed.far_away:Plugin", "")


FRAMEWORK = "def work():\n    return 1\n"
PLUGIN = """
from time import perf_counter_ns as now_ns

class Plugin:
    name, framework = "plugin", "framework"

    def install(self, sink):
        import framework
        self.original = original = framework.work
        code = sink.stage_code("framework work", kind="module", module=True)
        def work():
            extend = sink.extend()
            extend((code, now_ns()))
            try:
                return original()
            finally:
                extend((-code, now_ns()))
        framework.work = work
        sink.on_fork(lambda: print("renewed", flush=True))

    def remove(self):
        import framework
        framework.work = self.original
        print("removed")
"""


def test_an_instrument_records_from_the_import_to_the_end(recording: Any) -> None:
    recording.script(FRAMEWORK, "framework.py")
    plugin = recording.script(PLUGIN, "the_plugin.py")

    program = recording.run(
        "import os, sys\nprint('framework' in sys.modules)\nimport framework\nframework.work()\n"
        "sys.stdout.flush()\npid = os.fork()\n"
        "if pid == 0:\n    framework.work()\n    os._exit(0)\nos.waitpid(pid, 0)\n",
        instruments=[("plugin", "framework", "elsewhere.the_plugin:Plugin", str(plugin))],
    )

    assert (program.stdout, program.stderr, program.log) == ("False\nrenewed\nremoved\n", "", "")
    assert program.spools[0].told()[:2] == ["+framework work", "-framework work"]
    row = program.spools[0].named("framework work")
    assert (row["kind"], row["module"]) == ("module", True)


@pytest.mark.parametrize(
    ("plugin", "fault"),
    [("raise ValueError('bad plugin')", "ValueError: bad plugin"), ("", "AttributeError: ")],
)
def test_a_broken_instrument_is_a_warning_and_the_program_runs(recording: Any, plugin: str, fault: str) -> None:
    recording.script(FRAMEWORK, "framework.py")
    file = recording.script(plugin, "the_plugin.py")

    program = recording.run(
        "import framework\nprint(framework.work())\n",
        instruments=[("plugin", "framework", "elsewhere.the_plugin:Plugin", str(file))],
    )

    assert (program.returncode, program.stdout, program.stderr) == (0, "1\n", "")
    (warning,) = program.spool.warnings
    assert warning.startswith(f"the instrument plugin is off: {fault}")
    assert fault in program.log
