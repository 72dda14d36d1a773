"""`energyprof compare laptop=a.eprof cloud=b.eprof`: two machines, each with the sensor that it has, as documented."""

from __future__ import annotations

import json
from typing import Any

import pytest
from nvml_world import Gpu, NvmlWorld
from sysfs_tree import SysfsTree

SERVER = """
import os, sys, time
import energyprof

counter = os.open(sys.argv[1], os.O_WRONLY) if len(sys.argv) > 1 else None
with energyprof.stage("serve"):
    for request in range(60):
        until_s = time.process_time() + 0.01
        while time.process_time() < until_s:
            pass
        if counter is not None:
            os.pwrite(counter, f"{100_000_000 + request * 200_000}\\n".encode(), 0)
        energyprof.units("request", 1)
"""


@pytest.fixture
def machines(place: Any) -> None:
    """The same program on a laptop with RAPL, and on a machine whose GPU tells its energy."""
    root = place.folder / "laptop"
    SysfsTree.cpu(root)
    counter = SysfsTree.zone(root, "intel-rapl:0", "package-0", 100_000_000)
    world = NvmlWorld.create(place.folder / "world", [Gpu()])
    place.write("serve.py", SERVER)
    quiet = ("-q", "--no-graph", "-o")
    laptop = place.run(*quiet, "a.eprof", "serve.py", str(counter), environment={"ENERGYPROF_SYSROOT": str(root)})
    cloud = place.run(*quiet, "b.eprof", "serve.py", environment=world.environment())
    assert (laptop.returncode, cloud.returncode) == (0, 0), laptop.stderr + cloud.stderr


@pytest.mark.usefixtures("machines")
def test_two_machines_are_set_beside_each_other_and_what_differs_is_said(command_here: Any) -> None:
    table = command_here("compare", "laptop=a.eprof", "cloud=b.eprof", "--region", "FR", "--pue", "1.2")
    document = command_here("compare", "laptop=a.eprof", "cloud=b.eprof", "--format", "json")

    assert (table.returncode, document.returncode) == (0, 0), table.stderr + document.stderr
    found = json.loads(document.stdout)
    assert (found["unit"], [row["name"] for row in found["rows"]]) == ("request", ["laptop", "cloud"])
    laptop, cloud = (row["energy_j"]["value"] for row in found["rows"])
    assert 0 < laptop < 1  # 0.2 J a request, and the machine's own model is not in it
    assert cloud > 0
    words = " ".join(table.stdout.decode().split())
    assert "the power sensors differ (cpu:0:package by rapl" in words
    assert "gpu:0 by nvml energy counter" in words
    assert "joules are known in different ways (measured; estimated (model))" in words
    assert "with a PUE of 1.2" in words


@pytest.mark.usefixtures("machines")
def test_each_machine_has_the_place_that_was_said_of_it(command_here: Any, place: Any) -> None:
    said = ("laptop=a.eprof", "cloud=b.eprof", "--region", "DE", "--region", "cloud=FR", "--pue", "cloud=1.5")

    table = command_here("compare", *said, "--price", "0.4 EUR", "--price", "cloud=0.1 USD")
    document = json.loads(command_here("compare", *said, "--format", "json").stdout)
    sheet = command_here("compare", *said, "-o", "ways.csv")

    assert (table.returncode, sheet.returncode) == (0, 0), table.stderr + sheet.stderr
    words = " ".join(table.stdout.decode().split())
    assert "Costs are in 2 currencies (EUR, USD) and are not set against each other." in words
    assert "as these are not of the same sensors in the same shares, this does not cancel" in words
    assert "which ratios do not see" not in words
    energies = [row["energy_j"]["value"] for row in document["rows"]]
    laptop, cloud = document["footprint"]["rows"]
    assert [one["facility_j"]["value"] for one in (laptop, cloud)] == pytest.approx([energies[0], 1.5 * energies[1]])
    grids = [one["assumptions"]["grid"] for one in (laptop, cloud)]
    assert [grid["region"] for grid in grids] == ["DE", "FR"]
    assert [one["carbon_g"]["value"] for one in (laptop, cloud)] == pytest.approx(
        [
            one["facility_j"]["value"] / 3.6e6 * grid["g_per_kwh"]
            for one, grid in zip((laptop, cloud), grids, strict=True)
        ]
    )
    assert cloud["assumptions"]["origins"]["region"] == "--region cloud=FR"
    assert (place.folder / "ways.csv").read_text().count("\n") == 3
