"""What several test folders share."""

from __future__ import annotations

import importlib.util
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_HERE = Path(__file__).parent

# Stand-ins for hardware are imported by name: `import nvml_world`; so is the simulator of runs: `import workloads`.
sys.path.insert(0, str(_HERE / "standin"))
sys.path.insert(0, str(_HERE / "benchmarks" / "attribution"))

# Under nohup, or in the background of a script, signals are ignored, and every program a test starts inherits that.
for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    """Return `tests/report/sample_report.py`: reports of runs that never happened."""
    return _loaded(_HERE / "report" / "sample_report.py")


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
