"""Run the benches and print each figure beside its bound: `make bench`, or `run_benches.py [bench_file.py ...]`.

A bench is a file `bench_*.py` with `rows() -> list[(what, figure, unit, upper bound)]`; it compares within one process
or one run, so that the figures of a noisy machine still mean something. Every bench runs in a fresh interpreter, for
a recorder started by one must not slow the next. Ends with status 1 if a bound is missed or a bench fails.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TIME_LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; it is good up to its bound. `figure` None: the bench failed, `what` says how."""

    what: str
    figure: float | None
    unit: str
    bound: float | None

    @property
    def kept(self) -> bool:
        return self.figure is not None and self.bound is not None and self.figure <= self.bound


def main() -> int:
    """Run the benches named, or all beside this file; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", nargs="*", type=Path, help="bench files; default: all")
    parser.add_argument("--rows-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rows_of:
        print(json.dumps(rows_of(options.rows_of)))
        return 0
    benches = options.bench or sorted(Path(__file__).parent.glob("bench_*.py"))
    figures = [figure for bench in benches for figure in measure(bench)]
    print("\n".join(table(figures)))
    return 0 if all(figure.kept for figure in figures) else 1


def rows_of(bench: Path) -> list[tuple[str, float, str, float]]:
    """Import one bench and return its rows; whatever it prints goes to stderr."""
    sys.path.insert(0, str(bench.parent))
    spec = importlib.util.spec_from_file_location(bench.stem, bench)
    if spec is None or spec.loader is None:
        raise ImportError(f"{bench} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[bench.stem] = module
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        spec.loader.exec_module(module)
        return [(str(what), float(figure), str(unit), float(bound)) for what, figure, unit, bound in module.rows()]
    finally:
        sys.stdout = answers


def measure(bench: Path) -> list[Figure]:
    """Run one bench in an interpreter of its own; a failure is a figure that keeps no bound."""
    print(f"{bench.stem} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--rows-of", str(bench.resolve())]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=TIME_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return [Figure(f"{bench.stem}: no answer within {TIME_LIMIT_S} s", None, "", None)]
    if done.returncode:
        return [Figure(f"{bench.stem}: ended with status {done.returncode}", None, "", None)]
    return [Figure(*row) for row in json.loads(done.stdout.splitlines()[-1])]


def table(figures: list[Figure]) -> list[str]:
    """Return the lines of the table; the machine stands in the first, for no figure means much without it."""
    load = os.getloadavg()[0]
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}, {platform.system()}"
    wide = max((len(figure.what) for figure in figures), default=4)
    lines = [machine, f"{'what':<{wide}}  {'figure':>10}  {'at most':>10}  unit"]
    for figure in figures:
        shown = "-" if figure.figure is None else f"{figure.figure:.4g}"
        bound = "-" if figure.bound is None else f"{figure.bound:.4g}"
        verdict = "ok" if figure.kept else "MISSED"
        lines.append(f"{figure.what:<{wide}}  {shown:>10}  {bound:>10}  {figure.unit:<14} {verdict}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
