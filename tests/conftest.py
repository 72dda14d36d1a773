"""What several test folders share."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

_HERE = Path(__file__).parent

# Stand-ins for hardware are imported by name: `import nvml_world`; so is the simulator of runs: `import workloads`.
sys.path.insert(0, str(_HERE / "standin"))
sys.path.insert(0, str(_HERE / "benchmarks" / "attribution"))

# Containers often ask Python to keep no bytecode. The hundreds of programs that tests start would each compile all of
# energyprof again: a third of the time that they take.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Threads of linear algebra wait for each other by asking again and again. Several workers on few cores then spend most
# of their time on that: the fits of this suite took three times as long. The variables are read as the libraries load,
# and programs that tests start are left to choose for themselves.
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_theirs = {name: os.environ.get(name) for name in _ONE_THREAD}
os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
for _library in ("numpy", "scipy.linalg"):
    importlib.import_module(_library)
for _name, _value in _theirs.items():
    if _value is None:
        del os.environ[_name]
    else:
        os.environ[_name] = _value

# A busy machine makes an example late, not wrong. Where 50 examples find nothing, 100 seldom do.
settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Under nohup, or in the background of a script, signals are ignored, and every program a test starts inherits that.
for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that take long, so that no worker is left with one, and end with those that want to be alone."""
    places: dict[Path, int] = {}
    for item in items:
        places[item.path] = min(_place(item), places.get(item.path, 2))
    items.sort(key=lambda item: places[item.path])


def _place(item: pytest.Item) -> int:
    if item.get_closest_marker("alone"):
        return 2
    return 0 if item.get_closest_marker("slow") else 1


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let several workers test at once, but have the tests marked `alone` find the machine quiet."""
    with _machine(is_alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextlib.contextmanager
def _machine(*, is_alone: bool) -> Iterator[None]:
    """Hold the machine with others or alone. Who waits keeps the gate: newcomers would never let it be quiet."""
    gate, machine = os.open(__file__, os.O_RDONLY), os.open(_HERE, os.O_RDONLY)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(machine, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
    finally:
        # Closing would not do: a child that a test forked has these descriptors too.
        for lock in (gate, machine):
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)


@pytest.fixture
def no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing compiled kept where the size of files is limited: half of it might be, and be found by others."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    """Return `tests/report/sample_report.py`: reports of runs that never happened."""
    return _loaded(_HERE / "report" / "sample_report.py")


@pytest.fixture(scope="session")
def layered_report(sample: ModuleType) -> ModuleType:
    """Return `tests/report/layered_report.py`: as many stages and layers as wanted."""
    return _loaded(_HERE / "report" / "layered_report.py")


@pytest.fixture(scope="session")
def sample_trace() -> ModuleType:
    """Return `tests/report/sample_trace.py`: spans and power of runs that never happened."""
    return _loaded(_HERE / "report" / "sample_trace.py")


@pytest.fixture
def recording(tmp_path: Path) -> Any:  # a Recording, whose file belongs to no package
    """Return a place to run programs that record themselves."""
    return _loaded(_HERE / "record" / "recording.py").Recording(tmp_path)


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
