"""`--max-overhead` on a model whose layers cost too much only together: its calls are sampled, the rest is inferred."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from energyprof.run import load

LEVELS = 60
SCRIPT = f"""\
import hashlib
import sys
import time
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(256, 256), nn.Tanh(), nn.Dropout())
for _ in range({LEVELS}):
    net = nn.Sequential(net)
given = torch.randn(64, 256)
until_s = time.process_time() + float(sys.argv[1])
hashed = hashlib.sha256()
for step in range(100_000):
    if step < 20 or time.process_time() < until_s:
        out = net(given)
        out.square().mean().backward()
    if step == 19:
        for tensor in (out, *(one.grad for one in net.parameters()), torch.rand(3)):
            hashed.update(tensor.detach().numpy().tobytes())
print(hashed.hexdigest())
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> Any:
    place = workplace_class(*map(tmp_path_factory.mktemp, ("sampled", "cache", "t")))
    place.write("net.py", SCRIPT)
    return place


@pytest.fixture(scope="module")
def printed(place: Any) -> tuple[bytes, bytes]:
    """Run the program without us and with a bound; return what it printed."""
    bare = place.call([sys.executable, "net.py", "0"]).stdout
    done = place.run("-q", "--no-graph", "--max-overhead", "10%", "-o", "run.eprof", "net.py", "2.5")
    assert done.returncode == 0, done.stderr
    return bare, done.stdout


@pytest.fixture(scope="module")
def told(place: Any, printed: tuple[bytes, bytes]) -> Any:
    assert len(printed) == 2
    return place.report("run.eprof")


def test_results_are_the_same_to_the_last_bit(printed: tuple[bytes, bytes]) -> None:
    assert printed[0] == printed[1]


def test_a_part_of_the_calls_is_recorded_and_the_report_says_which(told: Any) -> None:
    overhead = told["overhead"]
    assert 0.02 <= overhead["steps_share"] < 0.9
    assert any("layers of Sequential were recorded in" in line for line in told["warnings"])


def test_layers_are_inferred_from_those_calls_and_the_ledger_closes(told: Any) -> None:
    rows = {row["layer"]: row for row in told["layers"] if row["phase"] == "forward"}
    root, linear = rows["Sequential"], rows["Sequential" + ".0" * LEVELS + ".0"]
    assert linear["calls"] == pytest.approx(root["calls"], rel=0.02)
    assert linear["self_sum"]["energy_j"] > 0
    assert linear["self_wall_s"] > 0.1 * root["wall_s"]
    reasons = {row["reason"] for stage in told["stages"] for row in stage["self"]}
    assert any(reason.startswith("inferred from the ") and "whose layers were recorded" in reason for reason in reasons)
    (ledger,) = told["ledger"]
    parts = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
    assert ledger["measured_j"] == pytest.approx(sum(ledger[part] for part in parts), abs=2e-6)
    own = sum(row["self_sum"]["energy_j"] or 0.0 for row in told["stages"])
    assert own == pytest.approx(ledger["stages_j"], abs=1e-5)
    assert sum(row["self_wall_s"] for row in rows.values()) == pytest.approx(root["wall_s"], rel=1e-3)


def test_what_stands_for_the_layers_is_listed_without_a_figure(told: Any) -> None:
    over = [row for row in told["stages"] if row["name"] == "<layers not recorded>"]
    assert {row["kind"] for row in over} == {"module", "backward"}
    for row in over:
        assert row["self_sum"]["energy_j"] is None
        assert row["facts"]["passed_over"] == "layers are recorded in some calls only, to stay within 10 %"
        assert row["calls"] > 0


@pytest.mark.usefixtures("told")
def test_tables_say_it(place: Any) -> None:
    shown = " ".join(str(load(place.folder / "run.eprof")).split())

    assert "of the calls)" in shown
    assert "layers were recorded in some calls of their models only, drawn at random" in shown
