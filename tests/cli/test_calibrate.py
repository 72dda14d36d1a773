"""`energyprof calibrate` as a user types it: a kept load and a meter's log make the model that the next run uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from energyprof.calibration import LoadRecord, keep_load, this_cpu
from energyprof.testing import SECOND

PHASE_S = 10
CPUS = {"idle": 0.0, "one CPU": 1.0, "all CPUs": 4.0, "memory": 4.0}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of its own: the model kept there is nobody else's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return tmp_path / "user"


def load_of_last_time() -> LoadRecord:
    """Return a load of four CPUs' work in quarters, told once a second."""
    phases = [(load, n * PHASE_S * SECOND, (n + 1) * PHASE_S * SECOND) for n, load in enumerate(CPUS)]
    busy_s = [0.0]
    for cpus in CPUS.values():
        busy_s += [busy_s[-1] + cpus * (second + 1) for second in range(PHASE_S)]
    times = tuple(second * SECOND for second in range(len(CPUS) * PHASE_S + 1))
    return LoadRecord(
        tuple(phases), times, tuple(round(one * SECOND) for one in busy_s), 1_700_000_000 * SECOND, *this_cpu()
    )


def test_log_of_a_plug_makes_the_model_that_the_next_run_uses(place: Any, cache: Path) -> None:
    keep_load(load_of_last_time())
    joules, rows = 0.0, ["time,joules\n"]
    for cpus in CPUS.values():
        for _ in range(PHASE_S):
            rows.append(f"{1_700_000_000 + len(rows) - 1},{joules}\n")
            joules += 25.0 + 6.0 * cpus
    rows.append(f"{1_700_000_000 + len(rows) - 1},{joules}\n")
    place.write("plug.csv", "".join(rows))

    done = place.call(place.command("calibrate", "--fit-only", "--meter-csv", "plug.csv"))
    place.call(place.command("calibrate", "-q", "--fit-only", "--meter-csv", "plug.csv", "--meter-error", "2%"))
    place.write("job.py", "print(sum(range(1000)))")
    run = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py", environment={"ENERGYPROF_SYSROOT": "/"})
    report = place.report()

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"idle 25.0 W, 6.00 J for each second of CPU time, error -0.0%/+0.0%" in done.stdout
    assert b"the error of the meter itself is not known" in done.stdout
    assert run.returncode == 0
    (domain,) = [row for row in report["domains"] if row["domain"] == "cpu"]
    assert " against plug.csv)" in domain["source"]
    assert domain["provenance"] == "estimated (model)"
    assert domain["gain_error"] == pytest.approx([0.02, 0.02])
    assert domain["baseline_w"] == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], b"one of the arguments --meter-csv --against is required"),
        (["--against", "load_model"], b"load_model is no sensor; calibrate against one that `energyprof doctor` finds"),
        (["--against", "nothing"], b"no plugin 'nothing' in energyprof.power_sources"),
        (
            ["--against", "rapl", "--fit-only"],
            b"--fit-only needs the meter's log; try: energyprof calibrate --fit-only",
        ),
        (["--fit-only", "--meter-csv", "plug.csv"], b"no load has been run here yet; try: energyprof calibrate"),
        (["--against", "rapl", "--duration", "1"], b"1 is no duration; choose 8 to 3600 seconds"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_what_to_do(
    place: Any, cache: Path, words: list[str], said: bytes
) -> None:
    done = place.call(place.command("calibrate", *words))

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_help_has_examples_and_says_what_the_log_looks_like(place: Any) -> None:
    done = place.call(place.command("calibrate", "--help"))

    assert done.returncode == 0
    assert b"energyprof calibrate --meter-csv plug.csv" in done.stdout
    assert b"a time (epoch seconds or milliseconds, ISO 8601, or t_ns) and W" in done.stdout
