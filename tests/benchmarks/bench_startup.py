"""What a user waits for: how much later the program starts, the help text, the prompt after the program's end.

The program prints the clock in its first line and its last; bare and profiled runs alternate, so that whatever else
the machine does meets both. Everything is the real command, started as a shell starts it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has its byte code; a checkout has it from the second run on, unless this variable forbids it."""
PAIRS = 15
HELPS = 9
ENDS = 5
FIRST_LINE = "import time; print(time.monotonic_ns(), flush=True)\n"
TEN_THOUSAND_SPANS = """
import energyprof, time
for outer in range(100):
    with energyprof.stage("epoch"):
        for inner in range(99):
            with energyprof.stage("step"):
                sum(range(1000))
time.sleep(0.5)
print(time.monotonic_ns(), flush=True)
"""


def rows() -> list[tuple[str, float, str, float]]:
    """Return what was measured, each figure with its upper bound."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "first_line.py").write_text(FIRST_LINE)
        (Path(folder) / "spans.py").write_text(TEN_THOUSAND_SPANS)
        command = _command()
        _started_ms([*command, "run", "-q", "first_line.py"], folder)  # the plugin index and byte code are made once
        return [
            ("program's first line, later than bare Python", _later_ms(command, folder), "ms", 60.0),
            ("energyprof --help", statistics.median(_help_s(command) for _ in range(HELPS)), "s", 0.15),
            (
                "prompt after the program's end, 10^4 spans, with diagram",
                statistics.median(_prompt_s(command, folder) for _ in range(ENDS)),
                "s",
                1.5,
            ),
        ]


def _command() -> list[str]:
    script = shutil.which("energyprof", path=os.path.dirname(sys.executable))
    return [script] if script else [sys.executable, "-m", "energyprof"]


def _later_ms(command: list[str], folder: str) -> float:
    """Return the median of the differences of interleaved pairs."""
    differences = []
    for _ in range(PAIRS):
        bare_ms = _started_ms([sys.executable, "first_line.py"], folder)
        ours_ms = _started_ms([*command, "run", "-q", "--no-graph", "first_line.py"], folder)
        differences.append(ours_ms - bare_ms)
    return statistics.median(differences)


def _started_ms(words: list[str], folder: str) -> float:
    """Return the time from starting the command to the program's first line."""
    began_ns = time.monotonic_ns()
    said = subprocess.run(words, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True).stdout
    return (int(said) - began_ns) * 1e-6


def _help_s(command: list[str]) -> float:
    began_s = time.monotonic()
    subprocess.run([*command, "--help"], env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began_s


def _prompt_s(command: list[str], folder: str) -> float:
    """Return the time from the program's last line to our end: lead-out, analysis, report and diagram."""
    words = [*command, "run", "spans.py"]
    said = subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, check=True).stdout
    return (time.monotonic_ns() - int(said)) * 1e-9


if __name__ == "__main__":
    for what, figure, unit, bound in rows():
        print(f"{what:58} {figure:10.3f} {unit:4} (at most {bound:g})")
