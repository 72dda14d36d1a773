"""The diagram of changes: what is significant stands out by colour, sign and glyph; the rest is folded."""

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

from energyprof.interfaces import RenderContext
from energyprof.model.call_picture import WayRow
from energyprof.model.program import ProgramFacts
from energyprof.model.report import FunctionEnergyRow, FunctionRow, ViewRow
from energyprof.report.compare import compare
from energyprof.report.function_level import at_function_level
from energyprof.report.renderer import draw
from energyprof.report.same_functions import for_both, with_chosen
from energyprof_plugins.exporters.graph_files import GraphJson
from energyprof_plugins.exporters.graphviz import Dot, Png, Svg

GOLDEN = Path(__file__).parents[2] / "golden"
SVG = "{http://www.w3.org/2000/svg}"


def pair(sample):
    def run(resample_j, rerank_j, *more):
        return sample.make_report(
            [
                sample.Part("load", (90.0,), (sample.Part("read", (270.0,)), sample.Part("resample", (resample_j,)))),
                sample.Part("embed", (70.0,), (
                    sample.Part("attention", (300.0,), refused=True), sample.Part("norm", (100.0,), refused=True),
                )),
                sample.Part("rank", (35.0,), (sample.Part("rerank", (rerank_j,)), *more)),
            ],
            after=[("load", "embed"), ("embed", "rank")],
            command=("rank.py",),
        )  # fmt: skip

    return run(720.0, 130.0, sample.Part("old", (40.0,))), run(240.0, 520.0, sample.Part("new", (12.0,)))


def render(exporter, before, after, **options):
    return exporter.render(after, RenderContext(draw=draw, comparison=compare(before, after), options=options))


def boxes(before, after, **options):
    picture = ET.fromstring(render(Svg(), before, after, **options))
    found = {}
    for group in picture.iter(f"{SVG}g"):
        if (group.get("class") or "").startswith("node"):
            texts = ["".join(text.itertext()) for text in group.iter(f"{SVG}text")]
            found[texts[0]] = (texts[1:], group)
    return found


def test_the_source_of_a_small_comparison_is_known(sample):
    # To renew: write what is rendered into the file, and look at the picture it makes.
    assert render(Dot(), *pair(sample)) == (GOLDEN / "changes.dot").read_text(encoding="utf-8")


def test_significant_changes_say_direction_amount_and_interval(sample):
    found = boxes(*pair(sample))

    texts, group = found["resample"]
    assert texts[0].startswith("\u25bc \u2212480 J (")
    assert texts[1] == "self 720 J \u2192 240 J"
    assert "less" in group.get("class").split()
    assert found["rerank"][0][0].startswith("\u25b2 +390 J (130 to 830)")
    assert "more" in found["rerank"][1].get("class").split()


def test_new_and_vanished_boxes_say_so(sample):
    found = boxes(*pair(sample))

    assert found["old"][0][0].startswith("vanished, \u25bc \u221240")
    assert found["new"][0][0].startswith("new, \u25b2 +12")
    tips = [found[name][1].findtext(f"{SVG}title", "") for name in ("old", "new")]
    assert "total 40.0 J \u2192 none" in tips[0]
    assert "total none \u2192 12.0 J" in tips[1]


def test_no_border_is_dashed(sample):
    assert "dashed" not in render(Dot(), *pair(sample))


def test_what_is_folded_says_its_joules_and_what_is_not_known(sample):
    found = boxes(*pair(sample))

    assert found["+ 1 within noise"][0] == ["0 J of 270 J, measured"]
    assert found["+ 2 folded"][0] == ["0 J of 400 J, measured", "2 of them not known one by one"]


def test_a_run_against_itself_has_nothing_that_stands_out(sample):
    report = sample.voice_assistant()

    found = boxes(report, report)

    assert not any({"less", "more"} & set(group.get("class").split()) for _, group in found.values())
    assert len([name for name in found if not name.startswith("+")]) == 5


def test_ten_thousand_changes_are_folded(sample):
    before = sample.make_report([sample.Part(f"s{n}x", (1.0,)) for n in range(10_000)])
    after = sample.make_report([sample.Part(f"s{n}x", (9.0,)) for n in range(10_000)])

    found = boxes(before, after)

    assert len(found) == 41
    assert found["+ 9 960, 9 960 changed"][0] == ["+79.7 kJ of 9.96 kJ, measured"]


def test_pictures_are_drawn_of_hostile_names_too(sample):
    report = sample.hostile()

    assert render(Png(), report, report).startswith(b"\x89PNG")


def test_runs_that_cannot_be_tested_say_why_and_colour_nothing(sample):
    before, after = pair(sample)
    rows = tuple(dataclasses.replace(row, others_share=0.4) for row in after.domains)

    picture = render(Dot(), before, dataclasses.replace(after, domains=rows))

    assert "not tested: one run each" in picture
    assert "corrected for testing" not in picture
    assert "less" not in picture.split("costs less")[1]


def functions_only(sample, **own_j):
    """Return the report of a run without stages, divided among these functions and what else ran."""
    report = sample.make_report([sample.Part("program", (2000.0,))])
    parts = {
        name: FunctionEnergyRow("cpu:0:package", one_j, one_j * 0.95, one_j * 1.05, one_j, one_j, one_j, "inferred")
        for name, one_j in own_j.items()
    }
    rows = tuple(
        FunctionRow(name, "job.py", 3, "program", part.energy_j, part.low_j, part.high_j, "inferred", part.energy_j,
                    part.energy_j, part.energy_j, 0.1, 9, 9, hot_line=5, domains=(part,))
        for name, part in parts.items()
    )  # fmt: skip
    view = ViewRow("function", "all", "", "", 2000.0, 0.0)
    ways = for_both(
        [
            WayRow("program", None, ("leaf", "job.py", 3), 1, 900.0, 9, 0, 0, "", is_main=True),
            WayRow("program", ("leaf", "job.py", 3), ("log", "job.py", 3), 2, 100.0, 9, 0, 0, "", is_main=True),
        ]
    )
    divided = with_chosen(dataclasses.replace(report, functions=rows, view=view), {}, ways)
    return at_function_level(divided, (), ways)


def test_chosen_functions_are_drawn_whether_they_changed_or_not(sample):
    before = functions_only(sample, leaf=1000.0, log=100.0, small=30.0)
    after = functions_only(sample, leaf=100.0, log=101.0, small=20.0, other=10.0)

    found = boxes(before, after)

    assert found.keys() == {"program", "leaf", "log", "other functions"}
    assert found["leaf"][0][0].startswith("\u25bc \u2212900 J (")
    assert found["leaf"][0][1] == "self 1.00 kJ \u2192 100 J"
    assert "job.py:5" in found["leaf"][0]
    assert "within noise" in found["log"][0][0]
    assert found["other functions"][0][0] == "self unchanged"
    assert found["program"][0][1] == "not sampled 870 J \u2192 1.77 kJ"


def test_functions_stand_behind_what_calls_them(sample):
    before, after = functions_only(sample, leaf=900.0, log=90.0), functions_only(sample, leaf=90.0, log=90.0)

    source = render(Dot(), before, after)

    assert "s0 -> s1" in source
    assert "s1 -> s2" in source
    assert "s0 -> s2" not in source


def test_what_was_not_tested_is_not_called_noise(sample):
    before, after = pair(sample)
    comparison = dataclasses.replace(compare(before, after), obstacles=("they are unlike",))

    source = Dot().render(after, RenderContext(draw=draw, comparison=comparison))

    assert "within noise:" in source  # the key
    assert "within noise<" not in source
    assert "not tested<" in source


def test_a_changed_program_is_said_in_the_caption_and_the_data(sample):
    before, after = pair(sample)
    facts = [ProgramFacts((("", digest),), "imports") for digest in ("1", "2")]
    old, new = (
        dataclasses.replace(report, run=dataclasses.replace(report.run, program=one))
        for report, one in zip((before, after), facts, strict=True)
    )

    said, silent = render(Dot(), old, new), render(Dot(), old, old)

    assert "the program changed (it differs:" in said
    assert "the program changed" not in silent
    assert "the program changed (it differs:" in render(GraphJson(), old, new)
