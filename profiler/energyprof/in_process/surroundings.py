"""What a run takes from the program around it: its name, its command, and the environment its children inherit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from energyprof.launch.environment import program_environment
from energyprof.launch.program import file_stem
from energyprof.model.overhead_bound import MAX_OVERHEAD
from energyprof.record.recorder import PARENT_SPOOL


def stem_and_command() -> tuple[str, tuple[str, ...]]:
    """Return the short name for files of this run, and the command for the report."""
    if "ipykernel" in sys.modules:
        return "notebook", ("notebook",)
    command = (os.path.basename(sys.executable), *sys.orig_argv[1:])
    main = sys.modules.get("__main__")
    module = getattr(getattr(main, "__spec__", None), "name", None)
    if module:
        return file_stem(str(module).removesuffix(".__main__")), command
    file = getattr(main, "__file__", None)
    return (file_stem(file) if file else "session"), command


class ChildEnvironment:
    """The variables by which a Python that this program starts comes to record itself, set while a run goes on."""

    def __init__(
        self, package: str, run_dir: str, instruments: Sequence[tuple[str, str, str, str]], max_overhead: str
    ) -> None:
        more = {MAX_OVERHEAD: max_overhead}
        wanted = program_environment(os.environ, package, run_dir, instruments, cures=more)
        self._before = {name: os.environ.get(name) for name in (*wanted, PARENT_SPOOL)}
        self._ours = {name: value for name, value in wanted.items() if value != self._before[name]}

    def set(self) -> None:
        """Set them. The recorder sets one more by itself."""
        os.environ.update(self._ours)

    def restore(self) -> None:
        """Put back what was there before, but for what the program itself has changed since."""
        self._ours[PARENT_SPOOL] = os.environ.get(PARENT_SPOOL, "")
        for name, ours in self._ours.items():
            if os.environ.get(name) != ours:
                continue
            before = self._before[name]
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
