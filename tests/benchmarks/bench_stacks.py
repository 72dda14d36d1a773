"""What sampling functions costs the program, and how far their shares are from those the program measured itself.

The cost is found within one run: the program lets the signal through in every other turn, all of the same work, so that
both see the same machine; whole runs, sampled or not, differ by 10 % either way. What the recorder's own threads take
is added as if all of it were the samples'. Shares come from runs that are sampled throughout. All is the real command.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RUNS = 5
"""Of each program."""
FUNCTIONS = (Path(__file__).parents[1] / "cli" / "known_functions.py").read_text()
KNOWN = """
import random, time
spent = dict.fromkeys(("loop", "builtins", "texts", "recursion"), 0.0)
order = [(loop, 1500), (builtins, 700), (texts, 100), (recursion, 2000)]
shuffle = random.Random(1).shuffle
for _ in range(20):
    shuffle(order)
    for work, times in order:
        before_s = time.thread_time()
        work(times)
        spent[work.__name__] += time.thread_time() - before_s
print(json.dumps(spent))
"""
# Blocked by the system call itself, for at `signal.pthread_sigmask` sampling would step aside; no longer than 0.25 s,
# after which signals stop. What has been held back comes before its turn is timed.
TURNS = """
import _signal, time
def turn():
    before_s = time.thread_time()
    loop(500); builtins(80); texts(30); recursion(500)
    return time.thread_time() - before_s
sampled, unsampled = [], []
began_s, began_main_s = time.process_time(), time.thread_time()
for _ in range(30):
    for is_open in (True, False) if len(sampled) % 2 else (False, True):
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK if is_open else _signal.SIG_BLOCK, [_signal.SIGURG])
        (sampled if is_open else unsampled).append(turn())
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [_signal.SIGURG])
others_s = time.process_time() - began_s - (time.thread_time() - began_main_s)
print(json.dumps({"sampled": sampled, "unsampled": unsampled, "others_s": others_s}))
"""


def rows() -> list[tuple[str, float, str, float]]:
    """Return what was measured, each figure with its upper bound."""
    costs, errors = [], []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "known.py").write_text(FUNCTIONS + KNOWN)
        (Path(folder) / "turns.py").write_text(FUNCTIONS + TURNS)
        for number in range(RUNS):
            costs.append(_cost_ratio(_told(folder, "turns.py", f"{number}-turns.eprof")))
            spent = _told(folder, "known.py", f"{number}.eprof")
            errors.append(_largest_error(spent, _totals_j(folder, f"{number}.eprof")))
    print(f"costs of {RUNS} runs: {[f'{cost:.1%}' for cost in costs]}")
    print(f"largest errors of {RUNS} runs, points: {[round(error, 1) for error in errors]}")
    return [
        ("functions sampled every 10 ms, CPU time added", 100.0 * statistics.median(costs), "%", 4.0),
        ("shares of sampled functions, largest error of all runs", max(errors), "points", 5.0),
    ]


def _command() -> list[str]:
    script = shutil.which("energyprof", path=os.path.dirname(sys.executable))
    return [script] if script else [sys.executable, "-m", "energyprof"]


def _told(folder: str, program: str, output: str) -> dict[str, Any]:
    """Run the program, sampled, and return what it printed."""
    words = [*_command(), "run", "-q", "--no-graph", "--stacks", "-o", output, program]
    said = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    told: dict[str, Any] = json.loads(said)
    return told


def _cost_ratio(told: dict[str, Any]) -> float:
    """Return the CPU time that samples add, in parts of what the same work takes without."""
    pairs = zip(told["sampled"], told["unsampled"], strict=True)
    added = statistics.median(sampled / unsampled for sampled, unsampled in pairs) - 1.0
    return added + float(told["others_s"]) / sum(told["sampled"])


def _totals_j(folder: str, output: str) -> dict[str, float]:
    """Return the joules of each function of the program, those it called included."""
    words = [*_command(), "report", output, "--format", "json"]
    report = json.loads(subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, check=True).stdout)
    return {row["function"]: row["total_j"] for row in report["functions"] if row["file"].endswith("known.py")}


def _largest_error(spent: dict[str, float], found: dict[str, float]) -> float:
    """Return by how many points the share of a function is off, at most."""
    whole_s, whole_j = sum(spent.values()), sum(found[name] for name in spent)
    return max(abs(100.0 * (found[name] / whole_j - cpu_s / whole_s)) for name, cpu_s in spent.items())


if __name__ == "__main__":
    for what, figure, unit, bound in rows():
        print(f"{what:58} {figure:10.3f} {unit:8} (at most {bound:g})")
