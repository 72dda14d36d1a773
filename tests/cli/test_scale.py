"""`energyprof scale` on recorded torch models of several shapes."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

SHAPES = ((2, 128), (2, 256), (4, 256), (4, 384))
SCRIPT = f"""\
import energyprof
import torch
from torch import nn

torch.set_num_threads(1)
for layers, width in {SHAPES}:
    net = nn.Sequential(*(nn.Linear(width, width) for _ in range(layers)))
    with torch.no_grad(), energyprof.profile(f"{{layers}}x{{width}}.eprof", quiet=True):
        for _ in range(int(1.6e10 / (layers * width * width * 512))):
            net(torch.zeros(256, width))
"""
"""One program for all of them: to import torch takes longer than they do."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> Any:
    place = workplace_class(*map(tmp_path_factory.mktemp, ("scale", "cache", "t")))
    place.write("nets.py", SCRIPT)
    done = place.call([sys.executable, "nets.py"])
    assert done.returncode == 0, done.stderr
    return place


def scale(place: Any, *words: str) -> Any:
    return place.call(place.command("scale", *words))


@pytest.mark.slow
def test_the_document_has_the_figure_its_bounds_and_the_miss(place: Any) -> None:
    runs = [f"{layers}x{width}.eprof@layers={layers},width={width}" for layers, width in SHAPES]

    done = scale(place, *runs, "--scale-to", "layers=8,width=512", "--format", "json")
    table = scale(place, *runs, "--scale-to", "layers=8,width=512")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["provenance"] == "estimated (model)"
    assert [row["name"] for row in found["tested"]] == [max(found["runs"], key=lambda row: row["energy_j"])["name"]]
    assert found["energy_j"]["low"] is None or found["energy_j"]["low"] < found["energy_j"]["value"]
    assert found["repeat_spread"] is None
    assert found["common_error"]["above"] > 0  # a modelled processor's, as in its reports
    assert found["energy_j"]["value"] > max(row["energy_j"] for row in found["runs"])
    assert found["not_powers"] == []
    assert table.stdout.decode().startswith("estimated (model): one call of the model with layers 8, width 512")
    assert b"  tested: fitted to shapes up to " in table.stdout
    assert b"no shape was recorded twice" in table.stdout


def test_no_bounds_are_told_far_beyond_what_was_tested(place: Any) -> None:
    runs = [f"{layers}x{width}.eprof@layers={layers},width={width}" for layers, width in SHAPES]

    page = scale(place, *runs, "--scale-to", "layers=4000,width=90000").stdout.decode()

    assert "bounds not known" in page
    assert "which gives the bounds" not in page
    assert "too far for bounds: record larger shapes" in " ".join(page.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["2x128.eprof", "--scale-to", "layers=8"], "2x128.eprof does not say its shape"),
        (["no.eprof@layers=2", "--scale-to", "layers=8"], "no file no.eprof"),
        (["2x128.eprof@layers", "--scale-to", "layers=8"], "'layers' is no dimension"),
        (["2x128.eprof@layers=2", "--scale-to", "layers=big"], "--scale-to: layers: big is no number"),
    ],
)
def test_what_will_not_do_is_told(place: Any, words: list[str], said: str) -> None:
    done = scale(place, *words)

    assert done.returncode == 2
    assert said in done.stderr.decode()
