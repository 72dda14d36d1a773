"""`energyprof layers` on a recorded torch program that knows nothing of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
        self.head = nn.Linear(4 * 6 * 6, 2)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))

net = Net()
for _ in range(20):
    net(torch.zeros(5, 3, 8, 8))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> Any:
    place = workplace_class(*map(tmp_path_factory.mktemp, ("layers", "cache", "t")))
    place.write("net.py", SCRIPT)
    # On a busy machine a call of ten layers takes so long to record that they would be folded, and have no figure.
    done = place.run("-q", "--no-graph", "--max-overhead", "off", "-o", "net.eprof", "net.py")
    assert done.returncode == 0, done.stderr
    place.write("plain.py", "import energyprof\nwith energyprof.stage('a'):\n    sum(range(10_000))\n")
    assert place.run("-q", "--no-graph", "-o", "plain.eprof", "plain.py").returncode == 0
    return place


@pytest.fixture
def layers(command_here: Any) -> Any:
    """Return what does in this process what `energyprof layers` does."""
    return lambda *words: command_here("layers", *words)


def test_every_module_stands_under_its_name_with_what_is_known_of_it(layers: Any) -> None:
    rows = json.loads(layers("net.eprof", "--format", "json", "--phase", "forward").stdout)

    by_name = {row["layer"]: row for row in rows}
    assert list(by_name) == ["Net", "Net.features", "Net.features.0", "Net.features.1", "Net.head"]
    assert {row["calls"] for row in rows} == {20}
    assert by_name["Net.features.0"]["flops"] == 20 * 5 * 6 * 6 * 4 * 3 * 9 * 2
    assert by_name["Net"]["parameters"] == 3 * 4 * 9 + 4 + 4 * 36 * 2 + 2
    assert by_name["Net"]["module_class"] == "Net"
    own = sum(row["self_sum"]["energy_j"] for row in rows)
    assert own == pytest.approx(by_name["Net"]["total_sum"]["energy_j"], abs=1e-5)


def test_the_table_is_the_tree(layers: Any) -> None:
    done = layers("net.eprof", "--width", "100")

    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "5 layers of Net" in text
    assert [line.split()[0] for line in text.splitlines()[4:9]] == ["Net", "features", "0", "1", "head"]


def test_csv_goes_to_a_file(place: Any, layers: Any) -> None:
    done = layers("net.eprof", "--format", "csv", "--top", "2", "-o", "layers.csv")

    assert (done.returncode, done.stdout) == (0, b"")
    rows = list(csv.DictReader(io.StringIO((place.folder / "layers.csv").read_text())))
    assert len(rows) == 2
    assert float(rows[0]["self_j"]) >= float(rows[1]["self_j"])


def test_html_goes_to_a_file_with_the_layers_asked_for(place: Any, layers: Any) -> None:
    done = layers("net.eprof", "--format", "html", "--depth", "1", "-o", "layers.html")

    assert (done.returncode, done.stdout) == (0, b"")
    page = (place.folder / "layers.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.count("<tr>") == 1 + len(["Net", "features", "head"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plain.eprof",), b"no torch module was called"),
        (("net.eprof", "--phase", "recompute"), b"no layer was seen in phase recompute"),
        (("net.eprof", "--top", "0"), b"ask for 1 or more"),
        (("net.eprof", "--depth", "x"), b"no whole number"),
        (("net.eprof", "-o", "plain.eprof"), b"never overwritten"),
    ],
)
def test_what_cannot_be_listed_is_said_in_one_line(layers: Any, words: tuple[str, ...], says: bytes) -> None:
    done = layers(*words)

    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_the_help_has_examples(place: Any) -> None:
    done = place.call(place.command("layers", "--help"))

    assert b"energyprof layers RUN.eprof --top 10" in done.stdout


def test_a_copy_elsewhere_is_listed_alike(place: Any, layers: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy.eprof"
    copy.write_bytes((place.folder / "net.eprof").read_bytes())
    copy.chmod(0o444)

    assert layers(str(copy)).stdout == place.call(place.command("layers", "net.eprof")).stdout
