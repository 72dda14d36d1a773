"""Ranks and hosts as people and programs read them."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from rich.cells import cell_len

from energyprof.interfaces import RenderContext
from energyprof.model.ids import DomainId
from energyprof.model.rank_rows import HostRow, Imbalance, RankRow
from energyprof.model.report import Report, SumRow
from energyprof_plugins.exporters.account import family
from energyprof_plugins.exporters.json_report import JsonReport
from energyprof_plugins.exporters.terminal import Terminal


def rank_row(rank: int, energy_j: float | None, wait_s: float, host: str = "node0") -> RankRow:
    bounds = (None, None) if energy_j is None else (energy_j * 0.9, energy_j * 1.1)
    share = None if energy_j is None else energy_j / 10
    energy = SumRow(energy_j, *bounds, "inferred", share)
    return RankRow(rank, host, 1, energy, 2.0, wait_s, 2.0 - wait_s, 1.9)


def two_ranks(sample: Any, *rows: RankRow) -> Report:
    report: Report = sample.make_report([sample.Part("train", (10.0,))])
    return replace(report, ranks=rows, imbalance=Imbalance(1, 1.8, 1.2, 0.5, 1.6))


def shown(report: Report, width: int = 100) -> str:
    return Terminal().render(report, RenderContext(width=width))


def test_ranks_are_told_like_this(sample: Any) -> None:
    text = shown(two_ranks(sample, rank_row(0, 3.0, 1.4), rank_row(1, 7.0, 0.2)))

    start = text.index("rank ")
    assert text[start : text.index("\n\n", start)] == (
        "rank      J  ±95 %  share %  open   works   waits    CPU  how\n"
        "─────────────────────────────────────────────────────────────\n"
        "rank 0  3.0    0.3     30.0   2 s  600 ms   1.4 s  1.9 s  I\n"
        "rank 1  7.0    0.7     70.0   2 s   1.8 s  200 ms  1.9 s  I\n"
        "imbalance  50 %: rank 1 works 1.8 s, the mean is 1.2 s; together the ranks wait 1.6 s"
    )


def test_energy_that_nobody_read_is_unknown_and_not_zero(sample: Any) -> None:
    text = shown(two_ranks(sample, rank_row(0, None, 1.4), rank_row(1, 7.0, 0.2)))

    line = next(line for line in text.splitlines() if line.startswith("rank 0"))
    assert "unknown" in line


def test_of_many_ranks_the_costliest_are_shown_and_the_rest_counted(sample: Any) -> None:
    text = shown(two_ranks(sample, *(rank_row(rank, 1.0 + rank, 0.1) for rank in range(40))))

    ranks = [line for line in text.splitlines() if line.startswith("rank ") and line[5].isdigit()]
    assert [int(line.split()[1]) for line in ranks] == list(range(24, 40))
    assert "+ 24 more ranks" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal_whatever_hosts_are_called(sample: Any, width: int) -> None:
    name = "n\x1b[31m\u2603" * 40
    host = HostRow(name, ("train.py",), 1, "", 0.25, 2.0, "matched by wall clock")
    report = replace(two_ranks(sample, rank_row(0, 3.0, 1.4, name), rank_row(1, 7.0, 0.2)), hosts=(host,))

    text = shown(report, width)

    assert max(map(cell_len, text.splitlines())) <= width
    assert "\x1b[31m" not in text


def test_ranks_and_hosts_keep_to_the_schema(sample: Any) -> None:
    schema = json.loads((files("energyprof_plugins.exporters") / "json_report.schema.json").read_text(encoding="utf-8"))
    host = HostRow("node0", ("train.py",), None, "2026-01-01T00:00:00.000+00:00", 0.0, 2.0, "matched")
    report = replace(two_ranks(sample, rank_row(0, None, 1.4), rank_row(1, 7.0, 0.2)), hosts=(host,))

    document = json.loads(JsonReport().render(report, RenderContext()))

    jsonschema.validate(document, schema, jsonschema.Draft202012Validator)
    assert [row["energy_sum"]["energy_j"] for row in document["ranks"]] == [None, 7.0]
    assert document["hosts"][0]["host"] == "node0"


@pytest.mark.parametrize(
    ("domain", "kind"), [("gpu:0", "GPU"), ("node0/gpu:0", "GPU"), ("a%2Fb/cpu:0:package", "CPU"), ("a/psys", "other")]
)
def test_hardware_is_of_its_kind_on_whichever_host(domain: str, kind: str) -> None:
    assert family(DomainId(domain)).lower() == kind.lower()
