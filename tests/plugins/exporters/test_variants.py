"""The table, the JSON and the picture of ways to do the same thing."""

from __future__ import annotations

import itertools
import json
import random
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from energyprof.interfaces import RenderContext
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, GridIntensity
from energyprof.model.variants import FailedRuns, Mean, VariantRow, Variants
from energyprof_plugins.exporters.variants import NOTHING, VariantJson, VariantPicture, VariantTable

HOSTILE = '<script>alert(1)</script>\x1b[31m"]]>\n&'


def way(name: str, energy_j: float | None, metric: float, verdict: Any, *, is_best: bool) -> VariantRow:
    energy = None if energy_j is None else Mean(energy_j, 0.9 * energy_j, 1.1 * energy_j)
    ratio = None if energy_j is None else Mean(energy_j, 0.8 * energy_j, 1.2 * energy_j)
    merit = Mean(metric, metric - 0.01, metric + 0.01)
    return VariantRow(name, 3, energy, 100.0, Mean(2.0, None, None), merit, ratio, verdict, is_best)


TABLE = Variants(
    rows=(
        way("int8", 1.0, 0.90, "cheapest", is_best=True),
        way("fp32", 3.2, 0.93, "dearer", is_best=True),
        way("fp64", 3.4, 0.92, "unclear", is_best=False),
        way("fp128", None, 0.92, "cannot tell", is_best=False),
    ),
    unit="request",
    metric="accuracy",
    lower_is_better=False,
    provenance="estimated (model)",
    gain_error=(0.47, 0.87),
    cautions=("the hosts differ (a; b): record all on one machine",),
)


def text(found: Variants | None, sample: Any, **context: Any) -> str:
    return VariantTable().render(sample.one_stage(), RenderContext(variants=found, **context))


GRID = GridIntensity(50.0, "FR", "France", 2024, "Ember; OWID")


def test_each_way_is_told_in_grams_and_money_of_a_unit(sample: Any) -> None:
    assumed = Assumptions(GRID, EnergyPrice(0.3, "EUR"), None)

    lines = text(TABLE, sample, assumptions=assumed, width=100).splitlines()
    context = RenderContext(variants=TABLE, assumptions=assumed)
    document = json.loads(VariantJson().render(sample.one_stage(), context))["footprint"]

    at = lines.index("footprint of a request")
    said = " ".join(" ".join(lines[at + 1 :]).split())
    assert "fp32: 44.4 \u00b5g CO2e (40.0 to 48.9), under 0.01 EUR; a million times that: 0.267 EUR" in said
    assert "fp128: not known estimated (model): 50.0 g/kWh, France 2024 (Ember; OWID); at 0.3 EUR a kWh" in said
    assert document["rows"][1]["carbon_g"]["value"] == pytest.approx(3.2 / 3.6e6 * 50.0)


def test_the_table_says_what_is_cheap_what_is_sure_and_what_is_on_the_front(sample: Any) -> None:
    shown = text(TABLE, sample)

    lines = [line.split() for line in shown.splitlines()]
    assert [
        "fp32",
        "3",
        "3.2",
        "±0.3",
        "3.20",
        "(2.56",
        "to",
        "3.84)",
        "0.93",
        "±0.01",
        "2",
        "s",
        "E",
        "dearer",
        "*",
    ] in lines
    assert ["fp128", "3", "not", "known", "0.92", "±0.01", "2", "s", "E", "cannot", "tell"] in lines
    assert "int8 takes less than fp32, 95 % sure." in shown
    assert "Whether int8 takes less than fp64 is not clear" in shown
    assert "* On the front of joules and accuracy (higher is better): int8 and fp32." in shown
    assert "−47 % to +87 %, which ratios do not see" in " ".join(shown.split())
    assert "the hosts differ (a; b)" in shown


@pytest.mark.parametrize("width", [60, 61, 80, 100, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_it_keeps_to_the_width_and_to_ascii_where_asked(sample: Any, width: int, *, unicode: bool) -> None:
    longest = replace(TABLE, rows=(*TABLE.rows, way("x" * 300, 2.0, 0.5, "dearer", is_best=False)), unit="u" * 50)

    shown = text(longest, sample, width=width, unicode=unicode)

    assert max(map(cell_len, shown.splitlines())) <= width
    assert shown.isascii() or unicode
    assert "cheapest *" in shown


def test_joules_of_whole_runs_are_called_so(sample: Any) -> None:
    assert " J/run " in text(replace(TABLE, unit=""), sample)


def test_one_way_alone_is_set_against_nothing(sample: Any) -> None:
    shown = text(replace(TABLE, rows=TABLE.rows[:1]), sample)

    assert " 1.00 " in shown
    assert "ratio" not in shown
    assert "cheapest" not in shown


def test_json_has_every_figure(sample: Any) -> None:
    document = json.loads(VariantJson().render(sample.one_stage(), RenderContext(variants=TABLE)))

    assert document["schema"] == "energyprof-compare/1"
    assert document["provenance"] == "estimated (model)"
    assert document["rows"][1]["energy_j"] == {"value": 3.2, "low": pytest.approx(2.88), "high": pytest.approx(3.52)}
    assert [row["verdict"] for row in document["rows"]] == ["cheapest", "dearer", "unclear", "cannot tell"]


def picture(found: Variants | None, sample: Any) -> ET.Element:
    return ET.fromstring(VariantPicture().render(sample.one_stage(), RenderContext(variants=found)))


def circles(root: ET.Element) -> list[tuple[float, float]]:
    return [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in root.iter() if one.tag.endswith("circle")]


def test_the_picture_has_cheap_to_the_left_and_good_above(sample: Any) -> None:
    int8, fp32, fp64 = circles(picture(TABLE, sample))

    assert int8[0] < fp32[0] < fp64[0]
    assert fp32[1] < fp64[1] < int8[1]


def test_without_a_metric_ways_stand_below_each_other(sample: Any) -> None:
    rows = tuple(replace(row, metric=None, is_best=None) for row in TABLE.rows)

    places = circles(picture(replace(TABLE, rows=rows, metric=""), sample))

    assert [y for _, y in places] == sorted({y for _, y in places})


@pytest.mark.parametrize("energies", [(0.0, 0.0), (1e-6, 1e-6), (5.0, 5.0), (1e-3, 1e7)])
def test_any_range_can_be_drawn(sample: Any, energies: tuple[float, float]) -> None:
    rows = tuple(way(f"w{energy}", energy, 0.5, "cheapest", is_best=True) for energy in energies)

    for x, y in circles(picture(replace(TABLE, rows=rows), sample)):
        assert 0 < x < 760
        assert 0 < y < 460


def test_ways_not_told_apart_are_marked_and_drawn_otherwise(sample: Any) -> None:
    rows = tuple(replace(row, is_unsure=row.name == "fp32") for row in TABLE.rows)

    shown = text(replace(TABLE, rows=rows), sample)
    drawn = picture(replace(TABLE, rows=rows), sample)

    assert "E dearer (*)" in shown
    assert "* On the front of joules and accuracy (higher is better): int8." in shown
    assert "not told apart from another way there: fp32." in " ".join(shown.split())
    classes = [one.attrib["class"] for one in drawn.iter() if one.tag.endswith("}g")]
    assert classes == ["best", "unsure", "other"]
    assert "dashed: on it as far as the runs tell" in "".join(drawn.itertext())


FAILED = FailedRuns(2, (3,), Mean(0.3, 0.2, 0.4), Mean(0.1, None, None))


def test_a_way_that_failed_is_told_apart_with_what_it_took(sample: Any) -> None:
    gone = replace(TABLE.rows[0], name="b=99", runs=0, energy_j=None, wall_s=None, metric=None, ratio=None,
                   verdict="failed", is_best=False, failed=FAILED)  # fmt: skip
    flaky = replace(TABLE.rows[1], name="flaky", verdict="failed", is_best=False, failed=replace(FAILED, runs=1))
    found = replace(TABLE, rows=(*TABLE.rows, gone, flaky))

    shown = " ".join(text(found, sample).split())
    drawn = "".join(picture(found, sample).itertext())

    assert "b=99 2 - - - E failed 2 of 2" in shown
    assert "E failed 1 of 4" in shown
    assert "b=99: 2 of 2 runs ended with an error (exit status 3) after 100 ms and 300 ±100 mJ, which are no" in shown
    assert "flaky: 1 of 4 runs ended with an error (exit status 3)" in shown
    assert "which are in no figure above" in shown
    assert "b=99: accuracy is not told" not in shown
    assert "set against no other, as runs of it ended with an error: b=99, flaky" in drawn
    alone = " ".join(text(replace(TABLE, rows=(gone,)), sample).split())
    assert "b=99 2 - - - E failed 2 of 2" in alone


def test_an_interval_too_wide_for_plus_minus_is_told_by_its_bounds(sample: Any) -> None:
    wide = replace(TABLE.rows[0], energy_j=Mean(30.8, 0.0, 430.0))

    lines = [line.split() for line in text(replace(TABLE, rows=(wide, TABLE.rows[1])), sample).splitlines()]

    assert any(line[2:6] == ["31", "(0", "to", "400)"] for line in lines)


def test_one_way_on_the_front_is_drawn_with_what_it_beats(sample: Any) -> None:
    rows = (TABLE.rows[0], replace(TABLE.rows[1], is_best=False))
    (x, y), _ = circles(picture(replace(TABLE, rows=rows), sample))

    def line(**options: Any) -> str:
        root = picture(replace(TABLE, rows=rows, **options), sample)
        return next(one.attrib["d"] for one in root.iter() if one.attrib.get("class") == "front")

    assert line() == f"M{x} 398H{x}V{y}H720V{y}"
    assert line(lower_is_better=True).startswith(f"M{x} 58H")


def test_a_single_run_is_marked_so_and_joules_begin_at_nothing(sample: Any) -> None:
    single = replace(TABLE.rows[0], runs=1, energy_j=Mean(5.0, None, None))
    for metric in ("accuracy", ""):
        rows = tuple(row if metric else replace(row, metric=None) for row in (single, TABLE.rows[1]))
        root = picture(replace(TABLE, rows=rows, metric=metric), sample)

        texts = [one.text for one in root.iter() if one.text]
        assert "int8 (n=1)" in texts
        assert "n=1: one run, which tells nothing of how far off it may be" in texts
        ticks = [one for one in root.iter() if one.attrib.get("class") == "dim" and one.attrib.get("x") == "90.0"]
        assert [float(one.text or "nan") for one in ticks] == [0.0]


def some_ways(count: int, kind: str) -> tuple[VariantRow, ...]:
    """Ways strewn about, in a crowd, or all in one place; some with long names."""
    chance = random.Random(count)
    rows = []
    for at in range(count):
        wide = {"strewn": 1.0, "crowd": 0.05, "equal": 0.0}[kind]
        energy_j, merit = 1.0 + wide * chance.random(), 0.9 + 0.1 * wide * chance.random()
        name = f"batch={2**at},model=the-name-of-{at}" if at % 3 else f"b={at}"
        rows.append(way(name, energy_j, merit, "dearer", is_best=at % 4 == 0))
    return tuple(rows)


def boxes_of_names(root: ET.Element) -> list[tuple[str, float, float, float, float]]:
    """The names in the picture with the room that letters of 6.5 px take."""
    found = []
    for group in (one for one in root.iter() if one.tag.endswith("}g")):
        for one in group:
            if one.tag.endswith("text"):
                x, y, name = float(one.attrib["x"]), float(one.attrib["y"]), one.text or ""
                found.append((name, x, y - 10, x + 6.5 * cell_len(name), y + 3))
    return found


@pytest.mark.parametrize("count", [1, 2, 12, 30])
@pytest.mark.parametrize("kind", ["strewn", "crowd", "equal"])
def test_no_name_covers_another_a_point_or_the_front(sample: Any, kind: str, count: int) -> None:
    rows = some_ways(count, kind)

    root = picture(replace(TABLE, rows=rows), sample)

    names, words = boxes_of_names(root), "".join(root.itertext())
    for one, other in itertools.combinations(names, 2):
        assert one[3] <= other[1] or other[3] <= one[1] or one[4] <= other[2] or other[4] <= one[2], (one, other)
    for name, left, top, right, bottom in names:
        assert 90 <= left < right <= 760, name  # right of the figures of the axis
        assert not any(left < x < right and top < y < bottom for x, y in circles(root)), name
    shown = [name for name, *_ in names]
    for row in rows:
        assert row.name in words or any(name[:17] == row.name[:17] for name in shown)
    assert len(names) >= min(count, 4)


@pytest.mark.parametrize("kind", [VariantTable, VariantJson, VariantPicture])
def test_hostile_names_do_nothing(sample: Any, kind: Any) -> None:
    rows = (way(HOSTILE, 1.0, 0.5, "cheapest", is_best=True), way("other", 2.0, 0.5, "dearer", is_best=False))
    hostile = replace(TABLE, rows=rows, unit=HOSTILE, metric=HOSTILE, cautions=(HOSTILE,))

    content = kind().render(sample.one_stage(), RenderContext(variants=hostile))

    assert "\x1b" not in content
    if kind is VariantPicture:
        assert "<script>" not in content
        assert ET.fromstring(content) is not None


def test_where_nothing_is_compared_the_command_is_named(sample: Any) -> None:
    assert text(None, sample).strip() == NOTHING
    assert NOTHING in "".join(picture(None, sample).itertext())


def test_a_way_without_the_metric_says_why_in_the_table_and_the_picture(sample: Any) -> None:
    int8, fp32, fp64, fp128 = TABLE.rows
    rows = (
        replace(int8, metric_runs=3),
        replace(fp32, metric=None, is_best=False, metric_runs=3, endless_runs=1),
        replace(fp64, metric=None, metric_runs=1),
        replace(fp128, metric=None),
    )

    shown = " ".join(text(replace(TABLE, rows=rows), sample).split())
    drawn = VariantPicture().render(sample.one_stage(), RenderContext(variants=replace(TABLE, rows=rows)))

    assert "fp32: accuracy is NaN or infinite in 1 of its 3 runs, which cannot be ordered or averaged" in shown
    assert "fp64: accuracy is told in 1 of its 3 runs only; tell it with" in shown
    assert "fp128: accuracy is not told; tell it with" in shown
    assert " no number " in shown
    assert "are not known: fp32, fp64, fp128" in drawn
    assert json.loads(VariantJson().render(sample.one_stage(), RenderContext(variants=replace(TABLE, rows=rows))))


def test_a_metric_that_no_way_has_leaves_a_picture_of_joules_alone(sample: Any) -> None:
    rows = tuple(replace(row, metric=None, metric_runs=3, endless_runs=3) for row in TABLE.rows)

    drawn = VariantPicture().render(sample.one_stage(), RenderContext(variants=replace(TABLE, rows=rows)))

    assert {"int8", "fp32", "fp64"} <= {element.text for element in ET.fromstring(drawn).iter() if element.text}
