"""`--region cloud=US`: what is said of one of the ways that are compared, and what of all."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from energyprof.cli.way_assumptions import add_way_footprint_options, assumptions_by_way
from energyprof.errors import InputError


@pytest.fixture(autouse=True)
def _nothing_said_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("REGION", "CARBON", "PRICE", "PUE"):
        monkeypatch.delenv(f"ENERGYPROF_{name}", raising=False)


def said(*words: str, ways: tuple[str, ...] = ("laptop", "cloud")) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_way_footprint_options(parser)
    return assumptions_by_way(parser.parse_args(words), ways)


def test_what_is_said_of_one_way_comes_before_what_is_said_of_all() -> None:
    found = said("--carbon", "400", "--carbon", "cloud=50", "--pue", "cloud=1.2", "--price", "0.3 EUR")

    assert [found[way].grid.g_per_kwh for way in ("laptop", "cloud")] == [400.0, 50.0]
    assert found["laptop"].pue is None
    assert found["cloud"].pue.value == 1.2
    assert found["cloud"].price == found["laptop"].price
    assert dict(found["cloud"].origins)["carbon"] == "--carbon cloud=50"


def test_a_region_of_one_way_replaces_the_figure_of_all() -> None:
    found = said("--carbon", "400", "--region", "cloud=FR")

    assert (found["laptop"].grid.g_per_kwh, found["cloud"].grid.region) == (400.0, "FR")


def test_a_way_of_a_sweep_may_have_equals_signs_in_its_name() -> None:
    ways = ("batch=1,limit=150", "batch=4,limit=150")

    found = said("--pue", "batch=4,limit=150=1.5", ways=ways)

    assert [found[way].pue is None for way in ways] == [True, False]


def test_what_nobody_said_of_a_way_the_environment_may_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGYPROF_PUE", "1.4")

    found = said("--pue", "cloud=1.1")

    assert [found[way].pue.value for way in ("laptop", "cloud")] == [1.4, 1.1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--region", "clud=US"), "no way is called 'clud'; they are: laptop, cloud"),
        (("--pue", "=1.2"), "no way is called ''"),
        (("--pue", "cloud=0.5"), "--pue cloud=0.5: 0.5 cannot be"),
        (("--price", "cloud=cheap"), "--price cloud=cheap: "),
        (("--region", "cloud=US", "--region", "cloud=FR"), "--region is said twice of cloud"),
        (("--region", "US", "--region", "FR"), "--region is said twice of all ways"),
        (("--region", "cloud=US", "--carbon", "cloud=9"), "both say what a kilowatt-hour comes with"),
    ],
)
def test_a_mistake_is_told_with_the_flag_and_the_ways(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        said(*words)
