"""How right attribution is: simulated runs of known truth, a table, and each bound kept or missed.

    make bench-attribution SEEDS="10 11 12" [CASES="short serving"] [SENSORS="ctr100 v100"]
    python tests/benchmarks/attribution/bench_attribution_accuracy.py --seeds 0 --cases short --sensors ctr100

Every figure is of simulated sensors (sensors.py) on simulated workloads (workloads.py). Errors are of the attribution
before anything is refused, relative to the true energy of each leaf stage; what was published is scored apart. The
peers' methods (naive.py) work on the same runs. Ends with status 1 if a bound is missed (cells.py), and with status 2
if a cell is named that does not exist. Seeds 0 to 9 are for development; what is stated anywhere is from others.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cells import Cell, Verdict, overall, ranked
from naive import METHODS
from score import Counts, Score
from settings import Setting, run, settings

HEADINGS = ("case", "sensor", *METHODS, "ours", "best/ours", "p95", "max", "cover", "width", "sd")
HEADINGS += ("claims", "published", "lines", "unsplit", "total", "stages", "cond", "gate", "lag", "cpu_s")


def main() -> int:
    """Run the cells named, or read an earlier run's; print table and verdicts; return the exit status."""
    options = _options()
    try:
        wanted = settings(options.cases, options.sensors)
        for setting in wanted:
            setting.parts()
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 2
    rows = _read(options.read) if options.read else _run_all(wanted, options)
    cells = _cells(rows)
    print("\n".join(_table(cells)))
    print("\n".join(_calibration(cells)))
    verdicts = [verdict for cell in cells for verdict in cell.verdicts()] + overall(cells)
    print("\n".join(_verdicts(verdicts)))
    return 1 if any(not one.kept and not one.is_aim for one in verdicts) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12], help="one run of each cell for each")
    parser.add_argument("--cases", nargs="*", default=[], help="workloads, with `+late` or such where wanted")
    parser.add_argument("--sensors", nargs="*", default=[])
    parser.add_argument("--run-s", type=float, default=60.0, help="length of a run; bounds are for 60 s")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="append one JSON line for each run")
    parser.add_argument("--read", type=Path, nargs="+", help="do not run, judge the JSON lines of earlier runs")
    return parser.parse_args()


def _run_all(wanted: list[Setting], options: argparse.Namespace) -> list[dict[str, Any]]:
    jobs = [(setting, seed, options.run_s) for seed in options.seeds for setting in wanted]
    rows, began = [], time.monotonic()
    # Spawned ones import numpy under this: its own threads would have two workers fight for two cores.
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_job, *job) for job in jobs]):
            row = done.result()
            rows.append(row)
            if options.out:
                with options.out.open("a") as file:
                    file.write(json.dumps(row, default=float) + "\n")
            passed_s = time.monotonic() - began
            text = row.get("failed") or f"{row['score']['fit_s']:.1f} s"
            where = f"{row['case']}/{row['sensor']} seed {row['seed']}"
            print(f"[{len(rows)}/{len(jobs)}, {passed_s:.0f} s] {where}: {text}", file=sys.stderr, flush=True)
    return rows


def _job(setting: Setting, seed: int, run_s: float) -> dict[str, Any]:
    named = {"case": setting.case, "sensor": setting.sensor, "seed": seed, "run_s": run_s}
    try:
        return {**named, "score": asdict(run(setting, seed, run_s))}
    except Exception as error:  # a run that fails is a miss of its cell, not the end of the table
        return {**named, "failed": f"{type(error).__name__}: {error}"}


def _read(files: list[Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def _cells(rows: list[dict[str, Any]]) -> list[Cell]:
    grouped: dict[Setting, list[dict[str, Any]]] = {one: [] for one in settings([], [])}
    for row in sorted(rows, key=lambda row: row["seed"]):
        grouped.setdefault(Setting(row["case"], row["sensor"]), []).append(row)
    return [
        Cell(
            setting,
            tuple(_score(row["score"]) for row in found if "score" in row),
            tuple(f"seed {row['seed']}: {row['failed']}" for row in found if "failed" in row),
        )
        for setting, found in grouped.items()
        if found
    ]


def _score(row: dict[str, Any]) -> Score:
    counts = {name: Counts(**row[name]) for name in ("claims", "published", "unsplit", "lines")}
    rankings = tuple((float(sure), bool(right)) for sure, right in row.get("rankings", ()))
    return Score(**{**row, **counts, "rankings": rankings})


def _table(cells: list[Cell]) -> list[str]:
    """Return the table as Markdown; errors, widths and totals in per cent."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for cell in cells:
        if cell.scores:
            lines.append("| " + " | ".join(_row(cell)) + " |")
    return lines


def _row(cell: Cell) -> list[str]:
    scores = cell.scores
    peers = [cell.peer(method) for method in METHODS]
    covered, claims, lines = cell.covered(), cell.claims(), cell.lines()
    published = sum((score.published for score in scores), Counts(0, 0))
    unsplit = sum((score.unsplit for score in scores), Counts(0, 0))
    lags = [abs(score.lag_error_ms) for score in scores if score.lag_error_ms is not None]
    return [
        cell.setting.case,
        cell.setting.sensor,
        *(f"{100 * peer:.1f}" for peer in peers),
        f"{100 * cell.median():.2f}",
        f"{min(peers) / cell.median():.1f}" if cell.median() else "-",
        f"{100 * cell.p95():.2f}",
        f"{100 * cell.error.max():.1f}",
        f"{covered.share():.3f}",
        f"{cell.width():.2f}",
        f"{100 * _median([one for score in scores for one in score.sd]):.2f}",
        f"{claims.right}/{claims.of}/{covered.of}",
        f"{published.right}/{published.of}",
        f"{lines.right}/{sum(score.lines_covered for score in scores)}/{lines.of}",
        f"{unsplit.right}/{unsplit.of}",
        f"{100 * _largest([score.total_error for score in scores]):+.3f}",
        f"{100 * _largest([score.stages_error for score in scores]):+.2f}",
        f"{max(score.condition for score in scores):.1e}",
        f"{cell.gated()}/{len(scores)}",
        f"{max(lags):.2f}" if lags else "-",
        f"{max(score.fit_s for score in scores):.2f}",
    ]


def _calibration(cells: list[Cell]) -> list[str]:
    """Return how often a ranking was right beside how sure it was."""
    lines = ["", "Rankings of leaves next in order (A > B), by how sure they are:", ""]
    for low, high, said, right in ranked(cells):
        lines.append(
            f"sure {low:.0%} to {high:.0%}: said {said:.1%}, right {right.right}/{right.of} = {right.share():.1%}"
        )
    return lines


def _verdicts(verdicts: list[Verdict]) -> list[str]:
    lines = [
        "",
        "In per cent: errors, sd, totals (pooled over seeds; total, stages: the largest). claims: right/made/leaves;",
        "published, unsplit: intervals that hold the truth; lines: right/covered/made; lag: largest error in ms.",
        "",
    ]
    for one in sorted(verdicts, key=lambda one: one.kept):
        word = "ok  " if one.kept else "aim " if one.is_aim else "MISS"
        lines.append(f"{word} {one.what:44} {one.figure:>24}   {one.bound}")
    missed = [one for one in verdicts if not one.kept and not one.is_aim]
    return [*lines, f"{len(missed)} of {len(verdicts)} bounds missed"]


def _largest(values: list[float]) -> float:
    return max(values, key=abs)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    sys.exit(main())
