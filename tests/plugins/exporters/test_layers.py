"""The layers as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from rich.cells import cell_len

from energyprof.errors import InputError
from energyprof.interfaces import RenderContext
from energyprof.model.report import LayerRow, Report, SumRow
from energyprof_plugins.exporters.layers import LayerCsv, LayerJson, LayerTable


def layer(
    name: str, own_j: float | None, total_j: float, *, phase: str = "total", parent: str | None = None
) -> LayerRow:
    own = SumRow(own_j, 0.5 * (own_j or 1), 2 * (own_j or 1), "inferred", None if own_j is None else own_j / 30)
    total = SumRow(total_j, total_j - 0.1, total_j + 0.1, "inferred", total_j / 30)
    return LayerRow(
        name, phase, parent, name.count("."), "Linear", 150, 2.0, 1.0, 0.5, own, total, total_j / 150,  # type: ignore[arg-type]
        None, total_j / 2.0, 66_400_000, 10**9, total_j,
    )  # fmt: skip


def test_phases_add_up_to_the_total_beside_them(sample) -> None:
    rows = [
        layer("Net", 1.0, 25.0),
        layer("Net", 0.4, 10.0, phase="forward"),
        layer("Net", 0.6, 15.0, phase="backward"),
        layer("Net.head", 24.0, 24.0, parent="Net"),
    ]
    report = replace(sample.make_report([sample.Part("a", (30.0,))]), layers=tuple(rows))

    lines = LayerTable().render(report, RenderContext(width=200)).splitlines()

    heads, of_net = (next(line for line in lines if line.startswith(name)) for name in ("layer ", "Net "))
    found = {name: of_net[: heads.index(name) + len(name)].split()[-1] for name in ("total", "forward", "backward")}
    assert found == {"total": "25.00", "forward": "10.00", "backward": "15.00"}
    assert "total and phases with them" in " ".join(lines)


@pytest.fixture
def report(sample) -> Report:
    rows = (
        layer("Net", 1.0, 25.0),
        layer("Net.encoder", 4.0, 20.0, parent="Net"),
        layer("Net.encoder.0", 6.0, 6.0, parent="Net.encoder"),
        layer("Net.encoder.1", None, 10.0, parent="Net.encoder"),
        layer("Net.head", 4.0, 4.0, parent="Net"),
    )
    return replace(sample.make_report([sample.Part("a", (30.0,))]), layers=rows)


def table(report: Report, width: int = 140, **options: str) -> str:
    return LayerTable().render(report, RenderContext(width=width, options=options))


def test_the_table_is_the_models_tree_with_refused_layers_bounded(report: Report) -> None:
    lines = table(report).splitlines()

    assert lines[0] == "5 layers of Net, all phases"
    names = [line.split("  ")[0] if not line.startswith(" ") else line[:14].rstrip() for line in lines[4:9]]
    assert [name.rstrip() for name in names] == [
        "Net Linear",
        "  encoder Line",
        "    0 Linear",
        "    1 Linear",
        "  head Linear",
    ]
    (refused,) = [line for line in lines if "    1 Linear" in line]
    assert refused.split()[2:5] == ["?", "0.5", "2.0"]
    assert "? cannot be told from its neighbours" in " ".join(lines[9:])


def test_down_to_a_depth_rows_hold_what_stands_below_them(report: Report) -> None:
    text = table(report, depth="1")

    assert "    0 Linear" not in text
    (encoder,) = [line for line in text.splitlines() if "encoder" in line]
    assert encoder.split()[2] == "20.00"


def test_the_costliest_stand_first_and_the_rest_is_one_row(report: Report) -> None:
    lines = table(report, top="2").splitlines()

    assert [line.split()[0] for line in lines[4:7]] == ["Net.encoder.0", "Net.encoder", "+"]
    assert lines[6].startswith("+ 3 smaller")


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
def test_no_line_is_wider_than_asked_for(report: Report, width: int) -> None:
    assert max(map(cell_len, table(report, width).splitlines())) <= width


def test_a_narrow_terminal_keeps_name_energy_interval_and_provenance(report: Report) -> None:
    heading = table(report, 60).splitlines()[2].split()

    assert heading[:5] == ["layer", "J", "low", "high", "share"]
    assert heading[-1] == "how"


def test_json_has_every_figure_and_null_for_a_refused_one(report: Report) -> None:
    rows = json.loads(LayerJson().render(report, RenderContext()))

    assert [row["layer"] for row in rows][:2] == ["Net", "Net.encoder"]
    assert rows[3]["self_sum"]["energy_j"] is None
    assert rows[3]["self_sum"]["high_j"] == 2


def test_csv_is_one_row_a_layer_and_no_cell_is_a_formula(report: Report) -> None:
    hostile = replace(report, layers=(replace(report.layers[0], layer='=HYPERLINK("x")'), *report.layers[1:]))

    rows = list(csv.DictReader(io.StringIO(LayerCsv().render(hostile, RenderContext()))))

    assert rows[0]["layer"] == '\'=HYPERLINK("x")'
    assert rows[3]["self_j"] == ""
    assert rows[2]["total_j"] == "6.0"


def test_a_phase_that_was_not_seen_is_refused_with_those_that_were(report: Report) -> None:
    with pytest.raises(InputError, match="no layer was seen in phase backward; this run has total"):
        table(report, phase="backward")


def test_a_run_without_layers_says_how_to_get_some(sample) -> None:
    report = sample.make_report([sample.Part("a")])

    assert "torch modules are layers when" in LayerTable().render(report, RenderContext(width=200))
    assert json.loads(LayerJson().render(report, RenderContext())) == []
    assert LayerCsv().render(report, RenderContext()) == "layer\n"
