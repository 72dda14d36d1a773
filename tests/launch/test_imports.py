"""What would delay the program is imported once it runs: argparse with its set-up takes 8 ms, numpy 60."""

from __future__ import annotations

import subprocess
import sys

SLOW = {
    "argparse",
    "dataclasses",
    "enum",
    "importlib.metadata",
    "inspect",
    "json",
    "numpy",
    "pathlib",
    "random",
    "re",
    "rich",
    "select",
    "shutil",
    "signal",
    "subprocess",
    "tempfile",
    "threading",
    "typing",
    "zlib",
}
PREPARE = """
import sys
before = set(sys.modules)
from energyprof.cli import main
from energyprof import discover
discover.instrument_specs()
assert main(["run", "-q", "--no-graph", "no-such-script.py"]) == 2
print(*(set(sys.modules) - before))
"""


def test_nothing_slow_is_imported_before_the_program_starts() -> None:
    command = [sys.executable, "-c", PREPARE]
    subprocess.run(command, check=True, capture_output=True)  # makes the plugin index where there is none

    imported = set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())

    assert "energyprof.launch.start" in imported
    assert imported & SLOW == set()
