"""The bench runner: one table, a verdict for each figure, and an exit status that CI can act on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).with_name("run_benches.py")
GOOD = 'print("not a row")\ndef rows():\n    return [("span", 3.25, "x", 4.3), ("start", 60.0, "ms", 60.0)]\n'
SLOW = 'def rows():\n    return [("kernel", 25.0, "ns/span", 20.0)]\n'
BROKEN = "def rows():\n    raise OSError\n"


def run(folder: Path, **benches: str) -> tuple[int, list[list[str]]]:
    """Run benches of the given sources; return the exit status and the words of each line after the machine's."""
    files = [folder / f"bench_{name}.py" for name in benches]
    for file, source in zip(files, benches.values(), strict=True):
        file.write_text(source)
    command = [sys.executable, str(RUNNER), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, [line.split() for line in done.stdout.splitlines()[1:]]


def test_figures_stand_beside_their_bounds(tmp_path: Path) -> None:
    status, lines = run(tmp_path, good=GOOD)

    assert lines == [
        ["what", "figure", "at", "most", "unit"],
        ["span", "3.25", "4.3", "x", "ok"],
        ["start", "60", "60", "ms", "ok"],
    ]
    assert status == 0


def test_one_missed_bound_ends_with_status_1_after_the_whole_table(tmp_path: Path) -> None:
    status, lines = run(tmp_path, slow=SLOW, good=GOOD)

    assert [line[-1] for line in lines[1:]] == ["MISSED", "ok", "ok"]
    assert status == 1


def test_bench_that_fails_is_a_line_of_the_table_and_never_good(tmp_path: Path) -> None:
    status, lines = run(tmp_path, broken=BROKEN, good=GOOD)

    assert lines[1] == ["bench_broken:", "ended", "with", "status", "1", "-", "-", "MISSED"]
    assert [line[-1] for line in lines[2:]] == ["ok", "ok"]
    assert status == 1
