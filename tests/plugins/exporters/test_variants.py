"""The table, the JSON and the picture of ways to do the same thing."""

from __future__ import annotations

import csv
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
from energyprof.model.range import Range
from energyprof.model.variants import FailedRuns, Mean, VariantRow, Variants, WayAmount, WayFootprint
from energyprof_plugins.exporters.variants import NOTHING, VariantTable
from energyprof_plugins.exporters.variants_documents import VariantCsv, VariantJson, VariantMarkdown
from energyprof_plugins.exporters.variants_picture import VariantPicture

HOSTILE = '<script>alert(1)</script>\x1b[31m"]]>\n&'


def way(name: str, energy_j: float | None, metric: float, verdict: Any, *, is_best: bool) -> VariantRow:
    energy = None if energy_j is None else Mean(energy_j, 0.9 * energy_j, 1.1 * energy_j)
    ratio = None if energy_j is None else Mean(energy_j, 0.8 * energy_j, 1.2 * energy_j)
    merit = Mean(metric, metric - 0.01, metric + 0.01)
    known: Any = {"provenance": "estimated (model)", "gain_error": (0.47, 0.87)}
    return VariantRow(name, 3, energy, 100.0, Mean(2.0, None, None), merit, ratio, verdict, is_best, **known)


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
DEAR = GridIntensity(400.0, "DE", "Germany", 2024, "Ember; OWID")


def priced(row: VariantRow, assumed: Assumptions, *verdicts: Any) -> VariantRow:
    """A way with what its joules come with there, at the meter, as CO2e and as money, and what is said of each."""
    amounts = []
    for told, verdict in zip((assumed.facility_j, assumed.carbon_g, assumed.cost), verdicts, strict=True):
        energy = row.energy_j
        made = None if energy is None else told(Range(energy.value, energy.low or 0.0, energy.high or 0.0))
        ratio = Mean(1.0, None, None) if verdict in {"cheapest", "lowest so far"} else Mean(2.5, 2.1, 3.0)
        amounts.append(None if made is None else WayAmount(Mean(made.value, made.low, made.high), ratio, verdict))
    return replace(row, footprint=WayFootprint(assumed, *amounts))


def test_where_the_same_is_said_of_all_ways_it_is_told_once(sample: Any) -> None:
    assumed = Assumptions(GRID, EnergyPrice(0.3, "EUR"), None)
    rows = tuple(priced(row, assumed, "unclear", "unclear", "unclear") for row in TABLE.rows)
    rows = tuple(replace(row, footprint=row.footprint and replace(row.footprint, facility_j=None)) for row in rows)
    found = replace(TABLE, rows=rows)

    lines = text(found, sample, width=100).splitlines()
    document = json.loads(VariantJson().render(sample.one_stage(), RenderContext(variants=found)))["footprint"]

    at = lines.index("footprint of a request")
    assert lines[at + 1].split() == ["µg", "CO2e", "EUR/million"]
    cells = [" ".join(line.split()) for line in lines[at:]]
    assert "fp32 44 ±4 0.267 ±0.027" in cells
    assert "fp128 not known not known" in cells
    assert cells[-4] == "estimated (model): 50.0 g/kWh, France 2024 (Ember; OWID); at 0.3 EUR a kWh"
    assert document["rows"][1]["carbon_g"]["value"] == pytest.approx(3.2 / 3.6e6 * 50.0)
    assert document["assumptions"]["grid"]["country"] == "France"


def here_and_there() -> Variants:
    """A laptop in one country and a data centre in another, where the ranking turns round."""
    at_home = Assumptions(DEAR, EnergyPrice(0.4, "EUR"))
    far_away = Assumptions(GRID, EnergyPrice(0.1, "EUR"), Range.exactly(1.5))
    laptop, cloud = replace(TABLE.rows[0], name="laptop"), replace(TABLE.rows[1], name="cloud")
    rows = (
        priced(laptop, at_home, "cheapest", "dearer", "unclear"),
        priced(cloud, far_away, "dearer", "cheapest", "lowest so far"),
    )
    return replace(TABLE, rows=rows)


@pytest.mark.parametrize("kind", [VariantTable, VariantMarkdown])
def test_ways_that_run_in_unlike_places_are_set_against_each_other_in_each_of_them(sample: Any, kind: Any) -> None:
    said = " ".join(kind().render(sample.one_stage(), RenderContext(variants=here_and_there(), width=140)).split())
    said = said.replace("`", "").replace("\\", "").replace(" | ", " ")

    assert "J with PUE ratio µg CO2e ratio EUR/million ratio" in said
    assert "cloud 4.8 ±0.5 2.50 (2.10 to 3.00) 67 ±7 1 0.133 ±0.013 1" in said
    assert "laptop with its data centre takes less than cloud, 95 % sure." in said
    assert "cloud comes with less CO2e than laptop, 95 % sure." in said
    assert "Whether cloud costs less than laptop is not clear: more runs of each tell." in said
    assert "laptop: estimated (model): 400 g/kWh, Germany 2024 (Ember; OWID); at 0.4 EUR a kWh" in said
    assert (
        "cloud: estimated (model): 50.0 g/kWh, France 2024 (Ember; OWID); at 0.1 EUR a kWh; with a PUE of 1.5" in said
    )


def test_costs_in_several_currencies_keep_their_names_and_have_no_ratio(sample: Any) -> None:
    laptop, cloud = here_and_there().rows
    assert cloud.footprint is not None
    assert cloud.footprint.cost is not None
    dollars = replace(cloud.footprint.assumptions, price=EnergyPrice(0.1, "USD"))
    other = replace(cloud.footprint, assumptions=dollars, cost=WayAmount(cloud.footprint.cost.amount))
    found = replace(TABLE, rows=(laptop, replace(cloud, footprint=other)))

    said = " ".join(text(found, sample, width=140).split())

    assert "cost/million" in said
    assert " 0.133 USD ±0.013" in said
    assert "Costs are in 2 currencies (EUR, USD) and are not set against each other." in said


def test_a_way_of_which_nothing_was_said_is_told_so(sample: Any) -> None:
    laptop, cloud = here_and_there().rows
    found = replace(TABLE, rows=(laptop, replace(cloud, footprint=WayFootprint(Assumptions()))))

    assert "cloud: nobody said where it runs" in text(found, sample)


def test_a_spreadsheet_has_a_way_a_line_with_its_own_place(sample: Any) -> None:
    content = VariantCsv().render(sample.one_stage(), RenderContext(variants=here_and_there()))

    laptop, cloud = csv.DictReader(content.splitlines())
    assert (laptop["way"], laptop["energy_j"], laptop["verdict"]) == ("laptop", "1.0", "cheapest")
    assert (cloud["carbon_g_verdict"], cloud["currency"], cloud["facility_j_ratio"]) == ("cheapest", "EUR", "2.5")
    assert float(cloud["facility_j"]) == pytest.approx(4.8)
    assert "France 2024" in cloud["footprint_basis"]
    assert VariantCsv().render(sample.one_stage(), RenderContext()).count("\n") == 1


def test_the_picture_says_below_it_what_each_way_comes_with(sample: Any) -> None:
    words = [one.text for one in picture(here_and_there(), sample).iter() if one.text]

    assert "laptop: 111 µg CO2e (DE 2024), 0.111 EUR/million" in words
    assert "cloud: 4.80 J with PUE 1.5, 66.7 µg CO2e (FR 2024), 0.133 EUR/million" in words


def unlike() -> Variants:
    """A laptop whose sensor told, and a machine of which a model guessed."""
    laptop = replace(TABLE.rows[0], name="laptop", provenance="measured", gain_error=(0.03, 0.03))
    server = replace(TABLE.rows[2], name="server", ratio_error=(0.4, 0.6))
    return replace(TABLE, rows=(replace(laptop, verdict="lowest so far"), server))


def test_errors_of_unlike_sensors_are_not_said_to_cancel(sample: Any) -> None:
    shown = " ".join(text(unlike(), sample).split())
    drawn = " ".join("".join(picture(unlike(), sample).itertext()).split())

    assert "which ratios do not see" not in shown
    assert "joules may be off by −3 % to +3 % (laptop), −47 % to +87 % (server)" in shown
    assert "this does not cancel, and each ratio carries the errors of both" in shown
    assert "Whether laptop takes less than server is not clear: they were not read alike" in shown
    assert " M lowest so far" in shown
    assert " E unclear" in shown
    assert "M measured, E estimated (model); 95 % intervals" in shown
    assert "not in the intervals: besides, joules may be off by" in drawn
    assert "J/request, measured and estimated (model); 95 % intervals" in drawn


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


def test_joules_of_whole_runs_and_money_without_a_name_are_called_so(sample: Any) -> None:
    nameless = Assumptions(price=EnergyPrice(0.4, ""))
    rows = tuple(priced(row, nameless, "unclear", "unclear", "unclear") for row in here_and_there().rows)
    whole = replace(TABLE, unit="", metric="", rows=tuple(replace(row, metric=None, is_best=None) for row in rows))

    shown = text(whole, sample)
    marked = VariantMarkdown().render(sample.one_stage(), RenderContext(variants=whole))
    (line, *_) = csv.DictReader(VariantCsv().render(sample.one_stage(), RenderContext(variants=whole)).splitlines())

    assert " J/run " in shown
    assert "footprint of a run" in shown
    assert " cost/million" in shown
    assert "J/run" in marked
    assert (line["unit"], line["metric"], line["currency"]) == ("run", "", "")
    assert "''" not in shown + marked


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
    assert "full: cheaper than each of the others, 95 % sure" in "".join(
        picture(replace(TABLE, rows=rows, metric=""), sample).itertext()
    )


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
    assert "full: on it for sure; dashed: as far as the runs tell" in "".join(drawn.itertext())


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
    assert line(lower_is_better=True).startswith(f"M{x} 66H")


def test_the_front_is_drawn_through_ways_that_are_not_told_apart_and_leaves_none_on_its_left(sample: Any) -> None:
    rows = (
        replace(way("lowest", 1.0, 0.90, "lowest so far", is_best=True), is_unsure=True),
        replace(way("behind", 1.5, 0.90, "unclear", is_best=True), is_unsure=True),
        way("best", 2.0, 0.95, "unclear", is_best=True),
        way("beaten", 2.5, 0.80, "dearer", is_best=False),
    )

    root = picture(replace(TABLE, rows=rows, unit=""), sample)

    (x1, y1), _, (x2, y2), _ = circles(root)
    (line,) = [one.attrib["d"] for one in root.iter() if one.attrib.get("class") == "front"]
    assert line == f"M{x1} 398H{x1}V{y1}H{x2}V{y2}H720V{y2}"
    words = "".join(root.itertext())
    assert "line: the front by means" in words
    assert "J/run" in words


def test_intervals_of_equal_merit_are_drawn_beside_each_other_through_their_own_circles(sample: Any) -> None:
    rows = tuple(way(name, 1.0 + at / 10, 0.90, "unclear", is_best=True) for at, name in enumerate("abc"))

    root = picture(replace(TABLE, rows=rows), sample)

    arms = [one.attrib["d"] for one in root.iter() if one.attrib.get("class") == "arms"]
    levels = [float(arm.partition(" ")[2].partition("H")[0]) for arm in arms]
    (middle,) = {y for _, y in circles(root)}
    assert len(set(levels)) == 3
    assert all(abs(level - middle) < 5.5 for level in levels)


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


@pytest.mark.parametrize("kind", [VariantTable, VariantJson, VariantCsv, VariantMarkdown, VariantPicture])
def test_hostile_names_do_nothing(sample: Any, kind: Any) -> None:
    rows = (way(HOSTILE, 1.0, 0.5, "cheapest", is_best=True), way("other", 2.0, 0.5, "dearer", is_best=False))
    hostile = replace(TABLE, rows=rows, unit=HOSTILE, metric=HOSTILE, cautions=(HOSTILE,))

    content = kind().render(sample.one_stage(), RenderContext(variants=hostile))

    assert "\x1b" not in content
    if kind in {VariantPicture, VariantMarkdown}:
        assert "<script>" not in content.replace("`<script>", "")
    if kind is VariantPicture:
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


@pytest.mark.parametrize("width", [60, 66, 80, 120])
def test_a_footprint_keeps_to_the_width_whatever_it_leaves_out(sample: Any, width: int) -> None:
    lines = text(here_and_there(), sample, width=width).splitlines()

    at = lines.index("footprint of a request")
    assert max(map(cell_len, lines)) <= width
    assert lines[at + 1].split()[-1] in {"ratio", "EUR/million"}
    assert lines[at + 3].startswith("laptop")
