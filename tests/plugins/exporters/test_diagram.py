"""The hotspot diagram: its source, and what readers see of it."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from energyprof.interfaces import RenderContext
from energyprof.model.work_rows import WaitRow
from energyprof.report.compare import compare
from energyprof.report.renderer import draw
from energyprof_plugins.exporters.diagram.label import EM_PER_LETTER, width_pt
from energyprof_plugins.exporters.diagram.palette import DARK, HEAT, LIGHT
from energyprof_plugins.exporters.graph_files import GraphJson
from energyprof_plugins.exporters.graphviz import Dot, Png, Svg

GOLDEN = Path(__file__).parents[2] / "golden"
RUNS = ["voice_assistant", "digits", "vit_training", "hostile", "one_stage", "empty"]
SVG = "{http://www.w3.org/2000/svg}"


def source(report, **options):
    return Dot().render(report, RenderContext(options=options))


def picture(report, **options):
    return ET.fromstring(Svg().render(report, RenderContext(draw=draw, options=options)))


def texts(picture):
    return ["".join(element.itertext()) for element in picture.iter(f"{SVG}text")]


def boxes(picture):
    """Return {first line of text: (tooltip, element)} of all boxes."""
    found = {}
    for group in picture.iter(f"{SVG}g"):
        if (group.get("class") or "").startswith("node"):
            found[texts(group)[0]] = (group.findtext(f"{SVG}title", ""), group)
    return found


def test_the_source_of_a_small_run_is_known(sample):
    # To renew: write what `source` returns into the file, and look at the picture it makes.
    assert source(sample.digits()) == (GOLDEN / "hotspot_digits.dot").read_text(encoding="utf-8")


@pytest.mark.parametrize("run", RUNS)
def test_every_run_is_drawn_without_complaint(sample, run):
    report = getattr(sample, run)()

    assert picture(report).tag == f"{SVG}svg"
    assert Png().render(report, RenderContext(draw=draw)).startswith(b"\x89PNG")


def test_boxes_say_what_they_cost(sample):
    found = boxes(picture(sample.digits()))

    assert texts(found["train"][1]) == ["train", "self 9.4 J (6 to 15)", "of 24 J (68.3 %)", "1 call · model"]
    assert texts(found["conv2"][1]) == ["conv2", "6.3 J (4 to 10), 18.2 %", "460 calls · model"]
    assert found["conv2"][0].splitlines()[:3] == [
        "train / Net.conv2",
        "self 6.3 J (4 to 10) at 95 %, estimated (model)",
        "total 6.3 J (4 to 10) (18.2 %) of the run, estimated (model)",
    ]


def test_parts_that_cannot_be_told_apart_are_a_box_with_their_joint_energy(sample):
    found = boxes(picture(sample.voice_assistant()))

    assert texts(found["3 parts not separable, inferred"][1])[1:] == [
        "640 ±60 J together (5.5 %)",
        "attention, norm, feed_forward",
    ]


def test_a_part_refused_by_itself_is_told_by_its_name(sample):
    report = sample.make_report([sample.Part("a", (7.4,), refused=True), sample.Part("b", (1.0,))])

    drawn = " ".join(picture(report).itertext())

    assert "shorter than the sensor" in drawn
    assert "together" not in drawn
    assert "1 part not separable" not in drawn


def test_the_pipeline_runs_down_in_order_and_detail_opens_to_the_right(sample):
    for run, spine in [
        ("digits", ["load_digits", "preprocess", "train", "evaluate", "serve"]),
        ("voice_assistant", ["load_audio", "asr", "embed", "recommend", "tts"]),
        ("vit_training", ["read_index", "load_batches", "train", "evaluate", "save"]),
    ]:
        drawn = picture(getattr(sample, run)())
        corner = {}
        for name, (_, group) in boxes(drawn).items():
            text = next(group.iter(f"{SVG}text"))
            corner.setdefault(name, (float(text.get("x")), float(text.get("y"))))
        down = [corner[name][1] for name in spine]
        assert down == sorted(down), run
        assert all(corner[name][0] > max(corner[one][0] for one in spine) for name in corner if name not in spine), run


def test_flow_edges_carry_the_embodied_joules(sample):
    drawn = picture(sample.voice_assistant())

    blue = [text.text.strip() for text in drawn.iter(f"{SVG}text") if text.get("fill") == LIGHT["feed"]]
    assert sorted(text for text in blue if text.endswith(" kJ")) == [
        "1.08 kJ",
        "3.07 kJ",
        "3.07 kJ",
        "4.14 kJ",
        "4.78 kJ",
    ]


def test_what_the_parts_of_a_stage_hand_to_each_other_has_arrows(sample):
    parts = [sample.Part(name, (energy,)) for name, energy in (("read", 10.0), ("embed", 600.0), ("rank", 200.0))]
    report = sample.make_report(
        [sample.Part("request", (1.0,), tuple(parts))],
        after=[("request/read", "request/embed"), ("request/embed", "request/rank"), ("request/read", "request/rank")],
    )

    drawn = picture(report)

    told = arrows(drawn)
    assert sorted(told) == [
        "embed hands on 605 J (measured) to rank",
        "read hands on 5.00 J (measured) to embed",
        "read hands on 5.00 J (measured) to rank",
    ]
    # The children stand one above the other in their order, and the arrow that passes by another is right of it.
    at = {name: box(element) for name, (_, element) in boxes(drawn).items() if name in {"read", "embed", "rank"}}
    assert at["read"][1] < at["embed"][1] < at["rank"][1]
    assert max(x for x, _ in curve(told["read hands on 5.00 J (measured) to rank"])) > at["embed"][2]
    assert "arrow down = data handed on" in " ".join(texts(drawn))


def test_what_passes_by_other_parts_says_its_joules_at_its_head(sample):
    parts = [sample.Part(name, (energy,)) for name, energy in (("scale", 10.0), ("svc", 60.0), ("forest", 20.0))]
    report = sample.make_report(
        [sample.Part("request", (1.0,), (*parts, sample.Part("regression", (30.0,))))],
        after=[("request/scale", f"request/{name}") for name in ("svc", "forest", "regression")],
    )

    drawn = picture(report)

    at = {name: box(element) for name, (_, element) in boxes(drawn).items()}
    places = sorted(
        (float(one.get("y")), float(one.get("x"))) for one in drawn.iter(f"{SVG}text") if one.text == "3.33 J"
    )
    assert len(places) == 3
    for name, (y, x) in zip(("forest", "regression"), places[1:], strict=True):
        assert at[name][1] < y < at[name][3]
        assert at[name][2] < x < at[name][2] + 40
    assert "from scale" not in texts(drawn)


def test_a_long_name_is_written_smaller_before_it_is_cut(sample):
    report = sample.make_report([sample.Part("randomforestclassifier", (10.0,)), sample.Part("x" * 400, (10.0,))])

    told = boxes(picture(report))

    assert "randomforestclassifier" in told
    assert any("\u2026" in name for name in told)


def box(element):
    """Return left, top, right and bottom of a drawn box."""
    x, y, width, height = (float(element.find(f"{SVG}rect").get(side)) for side in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def skipping(sample, *after):
    """Return the picture of five stages; some arrows pass by others."""
    parts = [
        sample.Part(name, (energy,)) for name, energy in zip("abcde", (900.0, 20.0, 20.0, 20.0, 20.0), strict=True)
    ]
    return picture(sample.make_report(parts, after=list(after)))


def arrows(picture):
    """Return {tooltip: element} of all arrows of data."""
    edges = (group for group in picture.iter(f"{SVG}g") if group.get("class") == "edge")
    return {
        group.findtext(f"{SVG}title", ""): group for group in edges if "hands on" in group.findtext(f"{SVG}title", "")
    }


def curve(arrow):
    """Return points along the line of an arrow."""
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", arrow.find(f"{SVG}path").get("d"))]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    for at in range(0, len(points) - 1, 3):
        a, b, c, d = points[at : at + 4]
        for step in range(201):
            t = step / 200
            u = 1 - t
            parts = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
            yield tuple(sum(w * p[axis] for w, p in zip(parts, (a, b, c, d), strict=True)) for axis in (0, 1))


def test_the_joules_of_an_arrow_that_passes_by_keep_clear_of_its_line(sample):
    drawn = skipping(sample, ("a", "e"))

    (arrow,) = arrows(drawn).values()
    thickness = float(arrow.find(f"{SVG}path").get("stroke-width"))
    (chip,) = arrow.iter(f"{SVG}rect")
    left, top, width, height = (float(chip.get(name)) for name in ("x", "y", "width", "height"))
    beside = [x for x, y in curve(arrow) if top <= y <= top + height]
    assert thickness > 5
    assert beside
    assert all(x - thickness / 2 > left + width or x + thickness / 2 < left for x in beside)


def test_arrows_side_by_side_say_where_they_come_from(sample):
    alone = arrows(skipping(sample, ("a", "c"), ("c", "e")))
    beside = arrows(skipping(sample, ("a", "d"), ("b", "e")))

    assert not [text for arrow in alone.values() for text in texts(arrow) if text.startswith("from")]
    assert sorted(text for arrow in beside.values() for text in texts(arrow) if text.startswith("from")) == [
        "from a",
        "from b",
    ]


def test_order_without_flow_has_arrows_but_no_joules(sample):
    drawn = picture(sample.digits())

    assert "thin arrow down = ran next, data flow unknown" in texts(drawn)
    assert not [text for text in drawn.iter(f"{SVG}text") if text.get("fill") == LIGHT["feed"]]


def test_a_stack_of_siblings_has_arrows_of_order_to_its_neighbour_only(sample):
    parts = [sample.Part(f"step {number}", (40.0 if number in (7, 12) else 10.0,)) for number in range(20)]
    follows = [(f"step {number}", f"step {number + 1}") for number in range(19)]

    drawn = picture(sample.make_report(parts, follows=follows), nodes=4)

    assert any("×18" in text for text in texts(drawn))
    tips = [group.findtext(f"{SVG}title", "") for group in drawn.iter(f"{SVG}g") if group.get("class") == "edge"]
    assert tips.count("ran next") == 1  # step 7 stands below the stack, and step 12 by itself below that


def test_the_legend_holds_the_whole_ledger_and_it_closes(sample):
    said = texts(picture(sample.voice_assistant()))

    def row(name):
        figures = said[said.index(name) + 1 :][:4]  # GPU, CPU, DRAM, all
        return [int(text.replace(" ", "").replace("\u2212", "-")) for text in figures]

    parts = [row(name) for name in ("in stages", "idle", "outside any stage", "other processes", "unattributed")]
    measured = row("= measured (J)")
    assert [sum(column) for column in zip(*parts, strict=True)] == measured
    assert sum(measured[:3]) == measured[3]


def test_a_modelled_run_is_labelled_on_the_picture(sample):
    said = texts(picture(sample.digits()))

    assert "estimated (model): no power sensor was read" in said
    assert any(text.startswith("35 J (21 to 55) estimated") for text in said)


def test_a_sum_with_a_modelled_part_is_not_called_measured_on_the_picture(sample):
    report = sample.make_report([sample.Part("a", (120.0, 30.0))], (sample.GPU, sample.MODEL))
    said = texts(picture(report))

    assert any("partly estimated" in text for text in said)
    assert said[said.index("= total (J)") + 1 :][:3] == ["150.5", "37.6", "188.1"]
    assert said[said.index("how") + 1 :][:3] == ["measured", "model", "mixed"]
    modelled = texts(picture(sample.digits()))
    assert not [text for text in modelled if "measured" in text]


def test_the_legend_explains_the_borders_that_are_drawn_and_no_others(sample):
    def explained(how):
        said = texts(
            picture(sample.make_report([sample.Part(f"part {n}", (3.0,), how=way) for n, way in enumerate(how)]))
        )
        return [text for text in said if text in ("measured", "inferred", "repeat mode", "model")]

    assert explained(["measured", "inferred"]) == ["measured", "inferred"]
    assert explained(["inferred (repeat mode)"]) == ["repeat mode"]
    assert explained([]) == []


def test_what_was_not_read_is_drawn_without_joules_or_provenance(sample):
    parts = [sample.Part("a", (120.0,), (sample.Part("b", (2.0,)),))]
    drawn = picture(sample.make_report(parts, covered={sample.CPU.id: 0.0}))

    found = boxes(drawn)
    assert {name: texts(group)[1:] for name, (_, group) in found.items()} == {
        "a": ["energy not known", "1 call"],
        "b": ["energy not known", "1 call"],
    }
    assert not [tip for tip, _ in found.values() if " J" in tip]
    assert "no reading covers this run; it took 96.4 s" in texts(drawn)


def test_the_picture_says_how_much_of_the_run_it_covers(sample):
    said = texts(picture(sample.make_report([sample.Part("a", (1.0,))], covered={sample.CPU.id: 0.5})))

    assert "the ledger covers 50 % of the run; the energy of the rest is not known" in said


def test_names_can_break_neither_source_nor_picture(sample):
    drawn = picture(sample.hostile())

    assert not list(drawn.iter(f"{SVG}script"))
    assert {"<script>alert(1)</script>", "[red]not red[/red] [bold", "<b>", "{a|b} -> c; }"} <= set(boxes(drawn))
    assert any(text.startswith("back\\slash \\") for text in texts(drawn))


def test_the_same_file_serves_light_and_dark(sample):
    drawn = picture(sample.voice_assistant())

    style = drawn.findtext(f"{SVG}style")
    assert "prefers-color-scheme:dark" in style
    used = {e.get(a) for e in drawn.iter() for a in ("fill", "stroke") if e.get(a)} - {"none", "transparent"}
    unmapped = [color for color in used if f"[fill='{color}']" not in style and f"[stroke='{color}']" not in style]
    assert unmapped == []


def test_a_theme_is_the_same_for_every_reader(sample):
    style = {theme: picture(sample.digits(), theme=theme).findtext(f"{SVG}style") for theme in ("light", "dark")}

    assert not [css for css in style.values() if "prefers-color-scheme" in css]
    assert f"--page:{LIGHT['page']}" in style["light"]
    assert f"--page:{DARK['page']}" in style["dark"]
    assert f"--page:{LIGHT['page']}" not in style["dark"]


def test_every_box_is_in_its_heat_class(sample):
    for group in picture(sample.voice_assistant()).iter(f"{SVG}g"):
        kind = (group.get("class") or "").split()
        if kind[:1] == ["node"]:
            fills = {element.get("fill") for element in group.iter() if element.get("fill")}
            assert HEAT[int(kind[1].removeprefix("h"))] in fills


def test_the_picture_draws_only_what_fits_and_says_so(sample):
    drawn = picture(sample.vit_training(), nodes="8")

    assert any("of 114 stages drawn, rest folded" in text for text in texts(drawn))
    assert len(boxes(drawn)) < 20


def test_without_a_renderer_the_caller_is_told(sample):
    with pytest.raises(LookupError):
        Svg().render(sample.digits(), RenderContext())


def test_a_bar_stays_within_its_frame_however_wide_its_box_is(sample):
    name = "a name that makes the box wider than the bar"
    for energy in [(0.2, 0.0), (0.0, 3.0), (80.0, 70.0)]:
        drawn = picture(sample.make_report([sample.Part(name, energy)], (sample.CPU, sample.GPU)))
        ((_, box),) = boxes(drawn).values()

        def sides(rect):
            return float(rect.get("x")), float(rect.get("x")) + float(rect.get("width"))

        rects = list(box.iter(f"{SVG}rect"))
        parts = [sides(rect) for rect in rects if rect.get("fill") in (LIGHT["cpu"], LIGHT["gpu"])]
        (frame,) = [sides(rect) for rect in rects if rect.get("stroke") == LIGHT["frame"]]
        assert parts, energy
        assert frame[0] - 1 <= min(left for left, _ in parts) <= frame[0] + 2
        assert frame[1] - 2 <= max(right for _, right in parts) <= frame[1] + 1


def test_what_stands_between_wide_characters_is_as_wide_as_they_are():
    assert width_pt("\u540d\u2026\u540d", 10) == 30
    assert width_pt("a\u2026a", 10) == pytest.approx(3 * 10 * EM_PER_LETTER)


def test_the_stage_that_keeps_the_gpu_waiting_has_a_note(sample):
    def notes(*waits):
        parts = [
            sample.Part("load", (0.0, 90.0), (sample.Part("read", (0.0, 5.0)),)),
            sample.Part("train", (70.0, 9.0)),
        ]
        report = sample.make_report(parts, (sample.GPU, sample.CPU))
        rows = tuple(WaitRow(sample.GPU.id, stage, energy_j, "inferred") for stage, energy_j in waits)
        drawn = picture(replace(report, waits=rows), nodes="2")
        dotted = [edge for edge in drawn.iter(f"{SVG}g") if edge.findtext(f"{SVG}title") == "made to wait"]
        return boxes(drawn).get("GPU idle, waiting"), len(dotted)

    (tip, note), ties = notes(("load", 10.0), ("load/read", 2.0), ("train", 1.0))

    assert texts(note)[1].startswith("12.0 J (")  # what is folded into a box waits there
    assert texts(note)[2] == "not in stage energy \u00b7 inferred"
    assert "while load ran on the host" in tip
    assert ties == 1
    assert notes(("load", 0.5)) == (None, 0)


# --- no figure without its provenance --------------------------------------------------------------------------------

ENERGY = re.compile(r"\d (?:[kmµ]?J)\b")
WORDS = ("measured", "inferred", "repeat mode", "model")


def without_provenance(picture):
    """Return what the picture says in joules and not how they are known: boxes, lines, arrows and tooltips."""
    found = []
    explained = " ".join(text for text in texts(picture) if text.startswith(("arrow down", "thin arrow")))
    for group in picture.iter(f"{SVG}g"):
        kind = (group.get("class") or "").split()[:1]
        told, said = group.findtext(f"{SVG}title", ""), " ".join(texts(group))
        if kind == ["node"]:
            found += [text for text in (told, said) if ENERGY.search(text) and not any(word in text for word in WORDS)]
        if kind == ["edge"]:
            found += [told] if ENERGY.search(told) and not any(word in told for word in WORDS) else []
            if ENERGY.search(said) and not any(word in said + explained for word in WORDS):
                found.append(said)
    return found


@pytest.mark.parametrize("options", [{}, {"nodes": "6"}, {"group": "repeats"}, {"metric": "embodied"}])
@pytest.mark.parametrize("run", ["voice_assistant", "digits", "vit_training", "hostile", "one_stage"])
def test_no_joules_are_drawn_without_their_provenance(sample, run, options):
    drawn = picture(getattr(sample, run)(), **options)

    assert ENERGY.search(" ".join(texts(drawn)))
    assert without_provenance(drawn) == []


def test_no_joules_of_functions_are_drawn_without_their_provenance(sample):
    assert without_provenance(picture(functions_report(sample))) == []


def test_no_joules_of_functions_or_changes_are_exported_without_their_provenance(sample):
    before, after = (
        sample.make_report([sample.Part("a", (energy,)), sample.Part("b", (2.0,))], after=[("a", "b")])
        for energy in (10.0, 30.0)
    )
    functions = json.loads(GraphJson().render(functions_report(sample), RenderContext()))
    changes = json.loads(GraphJson().render(after, RenderContext(comparison=compare(before, after))))

    told = [edge for edge in functions["edges"] if edge.get("energy_j") is not None]
    told += [edge for edge in changes["edges"] if edge.get("before_j") is not None]
    assert {edge["kind"] for edge in told} >= {"calls", "contains", "feeds"}
    assert not [edge for edge in told if edge["provenance"] is None]


def test_no_change_is_drawn_without_its_provenance(sample):
    before = sample.make_report([sample.Part("a", (10.0,), (sample.Part("b", (2.0,)),)), sample.Part("c", (5.0,))],
                                after=[("a", "c")])  # fmt: skip
    after = sample.make_report([sample.Part("a", (30.0,), (sample.Part("b", (2.0,)),)), sample.Part("c", (5.0,))],
                               after=[("a", "c")])  # fmt: skip

    context = RenderContext(draw=draw, comparison=compare(before, after))
    drawn = ET.fromstring(Svg().render(after, context))

    assert "+20.0 J" in texts(drawn)
    assert without_provenance(drawn) == []


def test_arrows_of_different_provenance_each_say_their_own(sample):
    parts = [
        sample.Part("a", (9.0,), how="measured"),
        sample.Part("b", (3.0,), how="inferred"),
        sample.Part("c", (3.0,)),
    ]

    drawn = picture(sample.make_report(parts, after=[("a", "b"), ("b", "c")]))

    blue = [text.text.strip() for text in drawn.iter(f"{SVG}text") if text.get("fill") == LIGHT["feed"]]
    assert {"12.0 J", "9.00 J", "inferred", "measured"} < set(blue)


# --- what a reader may wish -----------------------------------------------------------------------------------------


def test_nodes_below_the_fraction_are_folded_even_where_all_fit(sample):
    report = sample.make_report([sample.Part("big", (90.0,)), sample.Part("small", (10.0,))])

    assert "small" in boxes(picture(report))
    folded = boxes(picture(report, node_fraction="0.2"))
    assert set(folded) == {"big", "+ 1: small"}
    assert texts(folded["+ 1: small"][1])[1].startswith("10.0 J")


def test_without_trim_everything_is_drawn(sample):
    report = sample.make_report([sample.Part("a", (90.0,), tuple(sample.Part(f"p{n}q", (0.01,)) for n in range(60)))])

    assert len(boxes(picture(report))) < 42
    assert len(boxes(picture(report, trim="false"))) == 61


def test_never_more_boxes_are_drawn_than_the_renderer_bears(sample):
    assert len(boxes(picture(sample.many(3_000), trim="false"))) <= 402


def test_thin_arrows_are_left_out_and_counted(sample):
    parts = [sample.Part(name, (energy,)) for name, energy in (("a", 0.5), ("b", 100.0), ("c", 1.0))]
    report = sample.make_report(parts, after=[("a", "b"), ("b", "c")])

    shown = texts(picture(report, edge_fraction="0.1"))

    assert "1 arrow that carries little is left out" in shown


def test_like_siblings_are_a_stack_on_request_though_all_fit(sample):
    report = sample.make_report(
        [sample.Part("net", (1.0,), tuple(sample.Part(f"layer.{n}", (5.0,)) for n in range(3)))]
    )

    assert "layer.0" in boxes(picture(report))
    assert "layer.* \u00d73" in boxes(picture(report, group="repeats"))


@pytest.mark.parametrize(
    ("metric", "line", "hot"),
    [
        ("total", None, "train"),
        ("embodied", "embodied 30.0 \u00b10.6 J", "train"),
        ("time", None, "step"),
        ("per-call", "20.0 J a call", "step"),
    ],
)
def test_a_metric_makes_its_own_boxes_hot_and_tells_them(sample, metric, line, hot):
    step = sample.Part("step", (20.0,))
    report = sample.make_report([sample.Part("load", (5.0,), calls=50), sample.Part("train", (10.0,), (step,))])

    found = boxes(picture(report, metric=metric))

    heat = {name: int(group.get("class").rsplit("h", 1)[1]) for name, (_, group) in found.items()}
    assert heat[hot] == max(heat.values()) > heat["load"]
    if line is not None:
        assert line in texts(found["train" if metric == "embodied" else hot][1])


def test_a_view_says_what_it_leaves_out_and_around_what_it_is(sample):
    from energyprof.model.view import View

    parts = [sample.Part("train", (10.0,), (sample.Part("attention", (5.0,)),)), sample.Part("save", (3.0,))]
    report = sample.view_report(parts, View(focus="attention"))

    shown = picture(report)

    assert "shown 5.00 J of stage energy, 13.0 J left out" in texts(shown)
    assert texts(boxes(shown)["train"][1])[1].endswith(" shown of it")
    assert "self" not in "".join(texts(boxes(shown)["train"][1]))


def test_results_that_nobody_used_are_told(sample):
    report = sample.make_report([sample.Part("a", (10.0,)), sample.Part("b", (3.0,))])
    first = replace(report.stages[0], outputs=12, unused_outputs=3)

    found = boxes(picture(replace(report, stages=(first, report.stages[1]))))

    assert "3 of 12 results to no stage" in texts(found["a"][1])
    assert "to no stage" not in "".join(texts(found["b"][1]))


def functions_report(sample):
    from energyprof.model.report import FunctionEnergyRow, FunctionRow
    from energyprof.report.function_level import CallRow, at_function_level

    def function(name, own_j, total_j):
        energy = FunctionEnergyRow(
            "cpu:0:package", own_j, own_j * 0.9, own_j * 1.1, total_j, total_j, total_j, "inferred"
        )
        return FunctionRow(name, "job.py", 3, "train", own_j, own_j * 0.9, own_j * 1.1, "inferred", total_j, total_j,
                           total_j, 0.1, 9, 12, hot_line=5, domains=(energy,))  # fmt: skip

    report = sample.make_report([sample.Part("train", (10.0,), (sample.Part("step", (4.0,)),))])
    report = replace(report, functions=(function("leaf", 6.0, 6.0), function("main", 0.0, 6.0)))
    return at_function_level(report, [CallRow("train", ("main", "job.py", 3), ("leaf", "job.py", 3), 6.0, 8)])


def test_functions_stand_below_their_stage_with_calls_between_them(sample):
    found = boxes(picture(functions_report(sample)))

    assert texts(found["train"][1])[1].startswith("not sampled 4")
    assert texts(found["main"][1])[1] == "6.00 J (34.2 %) in callees"
    assert texts(found["leaf"][1])[1].startswith("6.0 \u00b10.6 J")
    assert "1 calls" not in "".join(texts(found["leaf"][1]))


def test_a_total_at_function_level_is_still_what_is_drawn_below_it(sample):
    from energyprof_plugins.exporters.diagram.fold import fold
    from energyprof_plugins.exporters.diagram.wishes import Wishes

    for nodes in (1, 2, 3, 40):
        folded = fold(functions_report(sample), Wishes(nodes=nodes))
        own = sum(folded.box(place).own.energy_uj for place in folded.shown)
        assert own + sum(rest.energy_uj for rest in folded.rest.values()) == 14_000_000


def unknown(report, *names):
    """Return the report with nothing known of these stages, as where they were counted and never timed."""
    from energyprof.model.report import SumRow

    def gap(row):
        energies = tuple(replace(one, energy_j=None, low_j=None, high_j=None) for one in row.self_energy)
        nothing = SumRow(None, None, None, "measured", None)
        return replace(row, self_energy=energies, total_energy=energies, self_sum=nothing, total_sum=nothing)

    return replace(report, stages=tuple(gap(row) if row.name in names else row for row in report.stages))


def test_a_remainder_of_which_nothing_is_known_is_no_remainder_of_0_j(sample):
    below = tuple(sample.Part(f"part{n}q", (0.0,)) for n in range(3))
    report = sample.make_report(
        [sample.Part("net", (90.0,), below), sample.Part("save", (1.0,), (sample.Part("zip", (0.1,)),))]
    )

    found = boxes(picture(unknown(report, "part0q", "part1q", "part2q"), nodes="3"))
    partly = boxes(picture(unknown(report, "part0q"), nodes="2"))

    assert texts(found["+ 3: part0q \u2026"][1])[1:] == ["energy not known"]
    assert texts(partly["+ 3: part0q \u2026"][1])[-1] == "and 1 not known"
