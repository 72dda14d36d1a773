"""`energyprof estimate`: what it prints, and what it says of a description that does not do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from energyprof.cli import main


def estimate(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["estimate", *words])
    written = capsys.readouterr()
    return status, written.out, written.err


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    status, out, err = estimate(capsys, *words, "--format", "json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def test_it_says_first_that_nothing_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = estimate(capsys, "--hardware", "H100-SXM", "--count", "8", "--hours", "24", "--width", "100")

    assert status == 0
    assert out.splitlines()[0] == "estimated (model): worked out from a description, nothing was measured"
    assert "8 x H100-SXM for 24 h" in out
    assert "power       7.75 kW (3.02 to 10.2)" in out
    assert "energy      186 kWh (72.6 to 245)" in out
    assert "with PUE    290 kWh (79.1 to 514)" in out
    assert max(map(len, out.splitlines())) <= 100


def test_the_document_has_every_figure_with_bounds_and_provenance(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--watts", "1415.78", "--hours", "12", "--pue", "1.58", "--carbon", "432.727")

    assert found["schema"] == "energyprof-estimate/1"
    assert found["provenance"] == found["energy_provenance"] == found["carbon_provenance"] == "estimated (model)"
    assert found["facility_j"]["value"] == pytest.approx(26.843 * 3.6e6, rel=1e-4)
    assert found["carbon_g"]["value"] == pytest.approx(25.608 * 453.592, rel=1e-4)
    assert found["assumptions"]["origins"] == {"carbon": "--carbon", "pue": "--pue"}
    assert found["cost"] is None


def test_parameters_tokens_and_bounds_of_utilisation_give_bounds_of_hours(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(
        capsys, "--hardware", "a100-sxm", "--parameters", "1B", "--tokens", "0.1T", "--utilization", "40%..50%"
    )

    at_peak_h = 6 * 1e9 * 1e11 / 312e12 / 3600
    assert found["device_hours"]["low"] == pytest.approx(at_peak_h / 0.5)
    assert found["device_hours"]["high"] == pytest.approx(at_peak_h / 0.4)


def test_the_type_of_numbers_chooses_the_peak(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--hardware", "h100-sxm", "--parameters", "1B", "--tokens", "0.1T", "--utilization", "40%")

    half, single = (document(capsys, *words, *more) for more in ((), ("--dtype", "tf32")))

    assert single["device_hours"]["value"] == pytest.approx(half["device_hours"]["value"] * 989 / 494.7)
    assert (half["dtype"], single["dtype"]) == (None, "tf32")
    assert "FLOP, in tf32" in estimate(capsys, *words, "--dtype", "tf32")[1]


def test_a_type_that_would_change_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = estimate(capsys, "--hardware", "h100-sxm", "--hours", "2", "--dtype", "fp8")

    assert status == 2
    assert "--dtype says how long the operations take" in err


def test_a_count_beside_the_power_of_everything_counts_for_the_rent(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--watts", "900", "--hours", "3", "--count", "8", "--device-price", "2")

    found = document(capsys, *words, "--pue", "1")

    assert found["rent_usd"]["value"] == pytest.approx(48.0)
    assert found["facility_j"]["value"] == pytest.approx(900 * 3 * 3600)


def test_the_rent_is_told_with_its_price_and_how_to_give_one_where_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--hardware", "H100-SXM", "--count", "8", "--hours", "24", "--width", "200")

    _, unpriced, _ = estimate(capsys, *words)
    _, priced, _ = estimate(capsys, *words, "--device-price", "2..4")
    _, of_table, _ = estimate(capsys, "--hardware", "V100-SXM2", "--count", "64", "--hours", "79.2", "--width", "200")

    assert "rent        not known" in unpriced
    assert "give --device-price, USD for one of them and an hour" in unpriced
    assert "rent        576.00 USD (384.00 to 768.00)" in priced
    assert "to 12 600)" in of_table  # as table 3 of Strubell et al. has it, to three digits
    assert "0.74 (preemptible) to 2.48 USD (on demand) an hour in 2019" in of_table


def test_the_paper_is_reproduced_in_both_formats(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = estimate(capsys, "--reproduce", "strubell2019")
    rows = document(capsys, "--reproduce", "strubell2019")["rows"]

    assert status == 0
    assert "656 347 -> 656 347" in out
    assert "the text has 79.2 h" in out
    assert len(rows) == 8
    assert round(rows[0]["here"]["kwh"]) == rows[0]["printed"]["kwh"] == 27


def test_the_accelerators_are_listed_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = estimate(capsys, "--hardware", "list")
    rows = document(capsys, "--hardware", "list")["accelerators"]

    assert "https://www.nvidia.com/en-us/data-center/h100/" in out
    assert all(row["source"] for row in rows)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize(
    "words",
    [
        ("--hardware", "list"),
        ("--reproduce", "strubell2019"),
        ("--hardware", "A100-SXM", "--parameters", "7B", "--tokens", "1T", "--region", "FR", "--price", "0.25 EUR"),
    ],
)
def test_pages_fit_the_width_but_for_addresses(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], width: int
) -> None:
    status, out, _ = estimate(capsys, *words, "--width", str(width))

    assert status == 0
    assert [line for line in out.splitlines() if len(line) > width and "://" not in line] == []


def test_the_narrow_list_names_each_accelerator_with_its_figures_and_its_source_below(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = estimate(capsys, "--hardware", "list", "--width", "60")

    lines = out.splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("TPUv4"))
    assert lines[at].split()[:4] == ["TPUv4", "2020", "192", "275"]
    assert lines[at + 1] == "  https://arxiv.org/abs/2304.01433"


def test_power_of_devices_alone_is_said_to_leave_out_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    alone, both = (
        " ".join(estimate(capsys, "--device-watts", "500", "--hours", "2", *more)[1].split())
        for more in ([], ["--cpu-watts", "90"])
    )

    assert "nothing added for the host (processors, memory, fans); --cpu-watts and --dram-watts add it" in alone
    assert "nothing added" not in both


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hardware", "V100", "--hours", "1"], "V100 may be V100-PCIE or V100-SXM2"),
        (["--hardware", "V100-SXM2", "--parameters", "1B", "--tokens", "1B", "--dtype", "bf16"], "no unit for bf16"),
        (["--hardware", "H100-SXM"], "give --hours, or --parameters and --tokens"),
        (["--hours", "3"], "give --hardware (list: all), --device-watts or --watts"),
        (["--hardware", "T4", "--hours", "3", "--tokens", "1T"], "say the same twice"),
        (["--watts", "100", "--device-watts", "3", "--hours", "1"], "leave out --device-watts"),
        (["--hardware", "T4", "--hours", "3", "--cpu-watts", "9"], "has its host in it"),
        (["--parameters", "7B", "--tokens", "1T", "--watts", "900"], "give --hardware (list: all) or --peak-tflops"),
        (["--hardware", "T4", "--hours", "3", "--utilization", "40%"], "--hours says that already"),
        (["--hardware", "T4", "--hours", "3", "--peak-tflops", "65"], "--hours says that already"),
        (["--watts", "900", "--hours", "3", "--count", "8"], "which --count does not multiply"),
        (["--hardware", "T4", "--hours", "3", "--pue", "0.9"], "--pue: 0.9 cannot be"),
        (["--hardware", "T4", "--hours", "many"], "many is no number; write 1200, 1.2e3 or 1.2k"),
        (["--hardware", "T4", "--hours", "1e300"], "1e300 is beyond anything"),
        (["--hardware", "T4", "--hours", "0"], "it must be more than 0"),
        (["--hardware", "T4", "--hours", "3", "--carbon", "clean"], "--carbon: clean is no number"),
        (["--hardware", "T4", "--parameters", "1B", "--tokens", "1B", "--utilization", "3"], "no part of a whole"),
        (["--hardware", "T4", "--parameters", "1B", "--tokens", "1B", "--utilization", "0.5..0.3"], "ends before"),
        (["--hardware", "T4", "--hours", "1", "--count", "1.5"], "1.5 is no whole number"),
    ],
)
def test_what_does_not_do_is_said_with_a_remedy(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    status, out, err = estimate(capsys, *words)

    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_it_is_written_to_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    target = tmp_path / "estimate.json"

    status, out, _ = estimate(capsys, "--hardware", "T4", "--hours", "1", "--format", "json", "-o", str(target))

    assert (status, out) == (0, "")
    assert json.loads(target.read_text())["count"] == 1


def test_the_power_that_no_maker_states_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--hardware", "TPUv6e", "--parameters", "7B", "--tokens", "1T")

    status, _, err = estimate(capsys, *words)
    given = document(capsys, *words, "--device-watts", "300")

    assert status == 2
    assert "the maker of TPUv6e states no power of it; give --device-watts" in err
    assert given["energy_j"]["value"] > 0
