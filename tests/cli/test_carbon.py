"""Where region, price and PUE come from, `energyprof carbon`, and what a recorded run says with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from energyprof.assumptions import Setting, price_of, project_settings, settings
from energyprof.cli import main
from energyprof.errors import InputError
from energyprof.model.footprint_rows import EnergyPrice

SCRIPT = "import energyprof\nwith energyprof.stage('a'):\n    sum(range(200_000))\n"
CHART = "Entity,Code,Year,Carbon intensity of electricity - gCO2/kWh\nFrance,FRA,2025,33.3\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_flag_comes_before_the_environment_and_that_before_the_file() -> None:
    project = {"region": Setting("PL", "file"), "price": Setting("0.1", "file"), "pue": Setting("1.1", "file")}

    found = settings({"price": "0.3"}, {"ENERGYPROF_PRICE": "0.2", "ENERGYPROF_PUE": "1.2"}, project)

    assert found == {
        "price": Setting("0.3", "--price"),
        "pue": Setting("1.2", "ENERGYPROF_PUE"),
        "region": Setting("PL", "file"),
    }


def test_a_figure_of_the_flags_replaces_the_region_of_the_file() -> None:
    found = settings({"carbon": "10"}, {"ENERGYPROF_REGION": "FR"}, {"region": Setting("PL", "file")})

    assert found == {"carbon": Setting("10", "--carbon")}


def test_region_and_carbon_at_once_contradict_each_other() -> None:
    with pytest.raises(InputError, match="--region and --carbon both say"):
        settings({"carbon": "10", "region": "FR"}, {}, {})


def test_an_empty_variable_says_nothing() -> None:
    assert settings({}, {"ENERGYPROF_REGION": " "}, {}) == {}


def test_the_nearest_pyproject_that_speaks_of_us_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.energyprof]\nregion = 'FR'\nprice = 0.25\n")
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'other'\n")

    found = project_settings(folder)

    assert {name: setting.value for name, setting in found.items()} == {"region": "FR", "price": "0.25"}
    assert found["price"].origin == f"price in {tmp_path / 'pyproject.toml'}"


def test_a_broken_file_that_does_not_speak_of_us_is_none_of_our_business(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")

    assert project_settings(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.energyprof]\nregoin = 'FR'\n", r"has no 'regoin'; it may have region, carbon, price, pue"),
        ("[tool.energyprof]\npue = true\n", "pue is no figure or text"),
        ("[tool.energyprof\n", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(InputError, match=said):
        project_settings(tmp_path)


def test_a_price_may_have_a_currency() -> None:
    assert price_of("--price", "0.30 EUR") == EnergyPrice(0.3, "EUR")
    assert price_of("--price", "0.30") == EnergyPrice(0.3, "")
    with pytest.raises(InputError, match=r"--price: dear is no number"):
        price_of("--price", "dear")


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("0.30EUR", "EUR"),
        ("EUR 0.30", "EUR"),
        ("\u20ac0.30", "EUR"),
        ("0.30\u20ac", "EUR"),
        ("0.30 EUR/kWh", "EUR"),
        ("$0.30", "$"),
        ("\u00a3.30", "GBP"),
    ],
)
def test_a_price_may_be_written_as_people_write_it(text: str, currency: str) -> None:
    assert price_of("--price", text) == EnergyPrice(0.3, currency)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,30 EUR", "has a comma; write the price with a point"),
        ("$0.30 EUR", r"no currency is called '\$ EUR'; write the price as '0.30 EUR'"),
        ("-1 EUR", "-1 is less than 0"),
    ],
)
def test_a_price_that_could_be_two_is_refused_with_the_form_that_works(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        price_of("--price", text)


@pytest.mark.usefixtures("cache")
def test_an_imported_table_counts_until_it_is_forgotten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "owid.csv").write_text(CHART)

    assert main(["carbon", "import", str(tmp_path / "owid.csv")]) == 0
    assert main(["carbon", "show", "FR"]) == 0
    said = capsys.readouterr().out
    assert main(["carbon", "forget"]) == 0
    assert main(["carbon", "show", "FR"]) == 0

    assert "1 regions, 2025 to 2025" in said
    assert "not in it: Afghanistan" in said
    assert "FR: 33.3 g/kWh, France 2025 (Ember; Our World in Data, CC BY 4.0)" in said
    assert "FR: 44.2 g/kWh, France 2024" in capsys.readouterr().out


def test_a_broken_imported_table_is_told_with_the_way_back(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "energyprof").mkdir(parents=True)
    (cache / "energyprof" / "carbon_intensity.csv").write_text("something else\n")

    assert main(["carbon", "list"]) == 2

    assert "cannot be read" in (said := capsys.readouterr().err)
    assert "energyprof carbon forget" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "show needs a region"),
        (["import"], "import needs a file"),
        (["import", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["list", "FR"], "leave out FR"),
    ],
)
@pytest.mark.usefixtures("cache")
def test_what_will_not_do_is_told(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["carbon", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["run", "report", "view", "compare", "diff", "sweep", "trials", "findings", "layers", "check"]
)
def test_every_command_that_reports_takes_the_flags(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])

    said = capsys.readouterr().out
    assert all(flag in said for flag in ("--region CODE", "--carbon G_PER_KWH", "--price PRICE", "--pue FACTOR"))


def test_a_flag_that_means_nothing_is_told_before_the_program_runs(place: Any) -> None:
    place.write("job.py", "print('ran')\n")

    done = place.run("--region", "Atlantis", "job.py")

    assert done.returncode == 2
    assert b"--region: no region 'Atlantis'" in done.stderr
    assert done.stdout == b""


def test_a_run_and_its_reports_tell_carbon_and_cost(place: Any) -> None:
    place.write("job.py", SCRIPT)
    place.write("pyproject.toml", "[tool.energyprof]\nregion = 'PL'\nprice = '0.25 EUR'\n")

    done = place.run("--price", "0.50 EUR", "-o", "job.eprof", "job.py")
    report = place.call(place.command("report", "job.eprof", "--region", "FR", "--format", "json"))
    refused = place.call(place.command("report", "job.eprof", "--region", "Atlantis"))

    assert done.returncode == 0, done.stderr
    told = " ".join(done.stderr.decode().split())
    assert "Poland 2024 (Ember; Our World in Data" in told
    assert "at 0.5 EUR a kWh" in told
    row = json.loads(report.stdout)["footprint"]
    measured = json.loads(report.stdout)["measured"]
    assert row["assumptions"]["grid"]["country"] == "France"
    assert row["energy_provenance"] == measured["provenance"]
    assert row["carbon_g"]["high"] == pytest.approx(
        measured["high_j"] / 3.6e6 * row["assumptions"]["grid"]["g_per_kwh"]
    )
    assert row["cost"]["value"] == pytest.approx(measured["energy_j"] / 3.6e6 * 0.25)
    assert refused.returncode == 2
    assert b"no region 'Atlantis'" in refused.stderr


def test_a_block_profiled_in_a_program_tells_them_and_a_mistake_is_a_warning(place: Any) -> None:
    place.write(
        "job.py",
        "import energyprof\n"
        "with energyprof.profile() as run:\n"
        "    with energyprof.stage('a'):\n"
        "        sum(range(200_000))\n"
        "print(run)\n",
    )

    told = place.call([sys.executable, "job.py"], environment={"ENERGYPROF_REGION": "PL"})
    mistaken = place.call([sys.executable, "job.py"], environment={"ENERGYPROF_REGION": "Atlantis"})

    assert "Poland 2024 (Ember; Our World in Data" in " ".join(told.stdout.decode().split())
    assert mistaken.returncode == 0
    assert b"ledger" in mistaken.stdout
    assert b"footprint" not in mistaken.stdout
    assert b"no region 'Atlantis'" in mistaken.stderr


def test_a_wrong_setting_never_costs_a_run_its_report(place: Any) -> None:
    place.write("job.py", SCRIPT)

    done = place.run("-o", "job.eprof", "job.py", environment={"ENERGYPROF_REGION": "Atlantis"})

    assert done.returncode == 0
    assert b"ledger" in done.stderr
    assert b"no carbon and cost in the report: ENERGYPROF_REGION: no region 'Atlantis'" in done.stderr
