"""What the layers promise and no import statement can show: what a program that is recorded has to load."""

from __future__ import annotations

import json
import os
import subprocess
import sys

PROBE = """\
import json, sys
before = set(sys.modules)
import energyprof, energyprof.bootstrap, energyprof.interfaces, energyprof.model.events, energyprof.model.spool
import pkgutil, energyprof.record
for module in pkgutil.walk_packages(energyprof.record.__path__, "energyprof.record."):
    if ".site" not in module.name:
        __import__(module.name)
energyprof.stage
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(loaded - set(sys.stdlib_module_names))))
"""


def test_recorded_process_loads_the_standard_library_and_energyprof_only() -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ENERGYPROF"))}

    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=bare, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stderr == ""
    assert json.loads(done.stdout) == ["energyprof"]
