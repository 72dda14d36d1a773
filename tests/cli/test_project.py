"""`energyprof project`: from numbers and from recordings, and what it says where either will not do."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from energyprof.cli import main

SERVE = """\
import energyprof
with energyprof.stage("load"):
    rows = sum(range(200_000))
for _ in range(5):
    with energyprof.stage("answer"):
        rows = sum(range(300_000))
"""
LOAD = ["--clients", "1000", "--requests-per-client-day", "2..5", "--days", "365"]


def project(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["project", *words])
    written = capsys.readouterr()
    return status, written.out, written.err


def test_numbers_stand_for_runs(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = project(capsys, "1kWh", "3.6J", *LOAD, "--trainings", "7", "--width", "80")

    assert status == 0
    assert out.startswith(
        "Serving overtakes training after 5.48 years (3.83 to 9.58), later than the\n365 days asked for."
    )
    assert "estimated (model)" in out
    assert "energy of a training" in out
    assert max(map(len, out.splitlines())) <= 110


def test_the_document_has_curves_bounds_and_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = project(capsys, "1kWh", "3..4J", *LOAD, "--format", "json", "--carbon", "100")
    found = json.loads(out)

    assert found["schema"] == "energyprof-projection/1"
    assert found["provenance"] == "estimated (model)"
    assert found["overtaking_days"]["value"] == pytest.approx(3.6e6 / (3.5 * 3500))
    assert found["overtaking_days"]["earliest"] == pytest.approx(3.6e6 / (4 * 5000))
    assert found["overtaking_days"]["latest"] == pytest.approx(3.6e6 / (3 * 2000))
    assert found["curves"][-1]["serving_j"]["value"] == pytest.approx(
        found["curves"][-1]["day"] * found["serving_j"]["value"] / 365
    )
    assert found["footprint"]["carbon_g"]["value"] == pytest.approx(found["total_j"]["value"] / 3.6e6 * 100)
    assert {row["assumption"] for row in found["sensitivity"]} == set(found["assumed"])


def test_the_ending_of_the_file_says_what_is_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "curves.svg"

    status, out, _ = project(capsys, "1kWh", "3J", *LOAD, "-o", str(target))

    assert (status, out) == (0, f"{target}\n")
    assert target.read_text().startswith("<svg ")


def test_recordings_give_their_energies_with_interval_and_provenance(place: Any) -> None:
    place.write("serve.py", SERVE)
    assert place.run("-o", "serve.eprof", "serve.py").returncode == 0

    def projected(*words: str) -> Any:
        return place.call(place.command("project", "serve.eprof", "serve.eprof", *LOAD, *words, "--format", "json"))

    by_number = json.loads(projected("--requests-in-run", "5").stdout)
    by_stage = json.loads(projected("--request-stage", "answer").stdout)
    projected_page = place.call(
        place.command("project", "serve.eprof", "serve.eprof", *LOAD, "--requests-in-run", "5")
    ).stdout.decode()
    unsaid = projected()
    place.write("count.py", SERVE + "energyprof.units('request', 40)\n")
    assert place.run("-o", "count.eprof", "count.py").returncode == 0
    counted = place.call(place.command("project", "1kWh", "count.eprof", *LOAD, "--format", "json"))
    unknown = projected("--request-stage", "reply")

    report = place.report("serve.eprof")
    measured = report["measured"]
    (answer,) = [row for row in report["stages"] if row["name"] == "answer"]
    assert by_number["assumed"]["training_j"]["high"] > measured["high_j"]  # another run may take more
    assert by_number["assumed"]["request_j"]["low"] < measured["low_j"] / 5
    assert by_stage["assumed"]["request_j"]["value"] == pytest.approx(answer["total_sum"]["energy_j"] / 5)
    assert by_number["grounds"]["training"]["provenance"] == measured["provenance"]
    assert measured["low_j"] < measured["high_j"]
    (said, *_) = by_number["grounds"]["request"]["cautions"]
    assert "% was spent outside of stages)" in said  # imports
    overtaking = by_number["overtaking_days"]
    of_each = math.exp(math.hypot(1.96 * math.log(1.10), 1.96 * math.log(1.12)))  # of a run, and of a kind of load
    assert overtaking["latest"] / overtaking["earliest"] == pytest.approx(5 / 2 * of_each**4, rel=1e-3)
    assert by_number["common_error"]["load_sd"] == 0.12
    assert by_number["grounds"]["training"]["assumed_sd"] == by_number["grounds"]["request"]["assumed_sd"] == 0.10
    assert by_stage["grounds"]["request"]["assumed_sd"] == 0.25
    assert "energy of a training" in projected_page
    assert "all of serve.eprof: " in " ".join(projected_page.split())
    assert json.loads(counted.stdout)["common_error"] is None
    assert json.loads(counted.stdout)["assumed"]["request_j"]["value"] == pytest.approx(
        place.report("count.eprof")["measured"]["energy_j"] / 40
    )
    assert b"does not say how many requests it answered" in unsaid.stderr
    assert b"(load, answer)" in unsaid.stderr
    assert b"no stage 'reply'; there are load, answer" in unknown.stderr
    assert (unsaid.returncode, unknown.returncode) == (2, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1kWh", "3J", "--clients", "1"], "required"),
        (["nowhere.eprof", "3J", *LOAD], "neither a recording here nor an energy"),
        (["1kWh", "3", *LOAD], "3 is neither a recording here nor an energy"),
        (["1kWh", "3J", *LOAD, "--requests-in-run", "4"], "leave out --requests-in-run"),
        (["1kWh", "3J", *LOAD[:-1], "0"], "--days is 0 at least"),
        (["1kWh", "9..3J", *LOAD], "ends before it begins"),
        (["1kWh", "3J", *LOAD, "--region", "Atlantis"], "no region 'Atlantis'"),
    ],
)
def test_what_will_not_do_is_told(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    status, out, err = project(capsys, *words)

    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("width", [60, 72, 100, 200])
def test_no_line_is_wider_than_it_was_asked_for(capsys: pytest.CaptureFixture[str], width: int) -> None:
    words = ["1.2..1.4MWh", "3.2J", "--clients", "0..1M", "--requests-per-client-day", "2..5", "--days", "365"]

    status = main(["project", *words, "--trainings", "40", "--region", "FR", "--width", str(width)])

    out = capsys.readouterr().out
    assert status == 0
    assert max(map(len, out.splitlines())) <= width
    assert out.count("energy of both") == (6 if width < 104 else 1)


def test_an_early_crossing_is_told_in_hours_and_no_part_is_rounded_to_all(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = project(
        capsys, "1kWh", "3.2J", "--clients", "1M", "--requests-per-client-day", "3.5", "--days", "365", "--width", "120"
    )

    assert out.startswith("Serving overtakes training after 7.71 h.")
    assert "serving is  over 99.9 % of both" in out
    (days,) = (line for line in out.splitlines() if "days " in line and "182 .. 730" in line)
    assert days.count("7.71 h") == 1
    assert "one training is not halved" in out


def test_an_energy_below_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--clients", "1", "--requests-per-client-day", "1", "--days", "1"]

    status = main(["project", "-1kWh", "3J", *words])

    assert (status, capsys.readouterr().err) == (
        2, "energyprof: -1kWh is less than nothing; energies and figures are 0 or more\n",
    )  # fmt: skip
