"""The sample without torch: stages in a thread pool, decorators without parentheses, one second."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PIPELINE = Path(__file__).parents[2] / "samples/search/pipeline.py"


def test_work_handed_to_a_pool_stands_below_the_stage_that_handed_it_out(tmp_path: Path) -> None:
    energyprof = [sys.executable, "-m", "energyprof"]
    run = [*energyprof, "run", "--source", "load_model", "-o", "search.eprof", str(PIPELINE), "--quick"]
    report = [*energyprof, "report", "search.eprof", "--format", "json"]

    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    printed = subprocess.run(report, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, printed.returncode) == (0, 0), done.stderr + printed.stderr
    assert len(done.stdout.splitlines()) == 6
    rows = json.loads(printed.stdout)
    assert {row["stage"]: row["calls"] for row in rows["stages"]} == {
        "read": 1,
        "words": 1,
        "words/split": 60,
        "words/count": 60,
        "index": 1,
        "answer": 1,
        "answer/rank": 120,
    }
    feeds = [(edge["source"], edge["target"]) for edge in rows["edges"] if edge["kind"] == "feeds"]
    assert sorted(feeds) == [("index", "answer"), ("read", "words"), ("words", "index")]
