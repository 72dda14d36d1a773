"""The report for a terminal."""

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from energyprof.interfaces import RenderContext
from energyprof.model.attribution import COURSE_BY_SAMPLES
from energyprof.model.report import RankingRow
from energyprof.model.work_rows import MetricRow, TokenRow
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.stage_table import Entry, entries, fit_entries, fit_path, telling_letters
from energyprof_plugins.exporters.html_page.page import HtmlReport
from energyprof_plugins.exporters.markdown import Markdown
from energyprof_plugins.exporters.notebook import NotebookReport
from energyprof_plugins.exporters.terminal import Terminal

RUNS = ["voice_assistant", "digits", "vit_training", "hostile", "one_stage", "empty"]


def rendered(report, **context):
    return Terminal().render(report, RenderContext(**context))


def lines_after(text, heading):
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(heading))
    return lines[start:]


def test_a_small_modelled_run_is_told_like_this(sample):
    parts = [sample.Part("load", (3.25,)), sample.Part("train", (9.4,), (sample.Part("step", (6.4,), calls=460),))]
    report = sample.make_report(parts, (sample.MODEL,), wall_s=1.9, command=("pipeline.py",))

    assert rendered(report, width=80, options={"run": "my run.eprof"}) == (
        "energyprof 66 % of an estimated 24 J (14 to 38) went into train: 16 J (9 to 25)\n"
        "pipeline.py · 1.9 s · mean 12.6 W\n"
        "estimated (model): no power sensor was read, every figure below is an estimate\n"
        "\n"
        "stage (self)   J low high share %       how\n"
        "───────────────────────────────────────────\n"
        "train        9.4   6   15    39.3 █████ E\n"
        "train/step   6.4   4   10    26.8 ███▍  E\n"
        "load         3.2 1.9  5.2    13.6 █▊    E\n"
        "how  E estimated (model); low, high  95 % interval\n"
        "\n"
        "ledger  19.05 stages + 3.81 idle + 0.95 outside stages + 0.08 unattributed,\n"
        "        nothing to other processes\n"
        "        = 23.89 J   estimated 23.89 J   difference 0 J\n"
        "sensors\n"
        "  cpu 23.89 J · estimated (model): load_model (EPYC 2nd gen), the model's error\n"
        "  −40 % to +60 % · every 10 ms\n"
        "overhead  0.8 % of the time for 462 spans · collector 7.6 ms CPU · sampling\n"
        "          0.30 % of a core\n"
        "\n"
        "warnings\n"
        "  no power sensor was read: cpu estimated by load_model (EPYC 2nd gen); see what\n"
        "  a sensor needs with: energyprof doctor\n"
        "\n"
        "next\n"
        "  energyprof graph 'my run.eprof'                  hotspot diagram\n"
        "  energyprof report 'my run.eprof' --format json   every figure\n"
    )


def test_a_modelled_sum_is_never_called_measured(sample):
    modelled = rendered(sample.digits())
    mixed = rendered(sample.make_report([sample.Part("a", (120.0, 30.0))], (sample.CPU, sample.MODEL)))

    assert not re.search(r"measured", modelled)
    assert "= 188.1 J   measured 150.5 + estimated 37.6 J   difference 0 J" in mixed
    assert mixed.startswith("energyprof 80 % of a partly estimated 188 ±27 J went into a: 150 ±20 J\n")


def test_a_domain_that_was_not_read_is_said_to_be_unknown_and_prints_no_joules(sample):
    parts = [sample.Part("a", (120.0, 30.0))]
    report = sample.make_report(parts, (sample.CPU, sample.GPU), covered={sample.GPU.id: 0.0})

    text = rendered(report)

    assert "\ngpu:0: not read in this run, its energy is unknown and in no figure below\n" in text
    told = (
        "gpu:0 energy unknown · measured: nvml NVIDIA L4 · every 100 ms, read every 10 ms · 9 640 of 9 640 reads failed"
    )
    assert told in " ".join(text.split())
    alone = rendered(sample.make_report([sample.Part("a", (120.0,))]))
    assert lines_after(text, "ledger")[:2] == lines_after(alone, "ledger")[:2]


def test_the_rate_of_a_counter_is_told_from_that_of_the_samples_that_tell_its_course(sample):
    report = sample.make_report([sample.Part("a", (120.0,))], (sample.CPU,))
    (row,) = report.domains
    row = replace(row, period_s=0.02, achieved_hz=2.2, notes=(f"{COURSE_BY_SAMPLES}, one every 20 ms",))

    text = " ".join(rendered(replace(report, domains=(row,))).split())

    assert "counter 2.2 Hz, its course by samples of 20 ms" in text
    assert "read every" not in text


def test_a_run_of_which_nothing_was_read_prints_no_joules(sample):
    text = rendered(sample.make_report([sample.Part("a", (120.0,))], covered={sample.CPU.id: 0.0}))

    assert text.startswith("energyprof no reading covers this run: its energy is not known\n")
    assert "cpu:0:package energy unknown" in text
    assert not re.search(r"\d [kmµ]?[JW]\b", text)


@pytest.mark.parametrize("width", [60, 100])
def test_the_ledger_says_how_much_of_the_run_it_covers_where_that_is_not_all(sample, width):
    parts = [sample.Part("a", (120.0, 30.0))]
    whole = sample.make_report(parts, (sample.CPU, sample.GPU))
    part = sample.make_report(parts, (sample.CPU, sample.GPU), covered={sample.CPU.id: 0.811})

    assert "covers" not in rendered(whole, width=width)
    text = " ".join(rendered(part, width=width).split())
    assert "covers 81 % to 100 % of the run; the energy of the rest is not known" in text
    assert "every 1 ms, read every 10 ms · covers 81 % of the run" in text


def test_no_figure_is_broken_between_two_lines(sample):
    report = sample.make_report([sample.Part("a", (120.0, 30.0))], covered={sample.CPU.id: 0.0})

    for width in range(60, 100):
        assert not re.search(r"\d\n *(\d{3}\b|%|[kmµ]?[JWs]\b)", rendered(report, width=width))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("width", [60, 79, 80, 100, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_the_terminal_nor_beyond_its_characters(sample, run, width, unicode):
    text = rendered(getattr(sample, run)(), width=width, unicode=unicode)

    assert max(map(cell_len, text.splitlines())) <= width
    assert text.isascii() or unicode
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


def test_colour_only_repeats_what_is_said(sample):
    report = sample.voice_assistant()

    colored = rendered(report, color=True)

    assert "\x1b[" in colored
    plain = "".join(f"{line.rstrip()}\n" for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).splitlines())
    assert plain == rendered(report)


def test_colour_lets_no_escape_of_a_name_through(sample):
    colored = rendered(sample.hostile(), color=True, options={"rows": "40"})

    assert set(re.findall(r"\x1b[^m]*m", colored)) <= {f"\x1b[{code}m" for code in ("0", "1", "2", "33", "36")}
    assert "[red]not red[/red] [bold" in colored


def test_the_environment_changes_nothing(sample, monkeypatch):
    report = sample.digits()
    before = rendered(report, color=True)

    for name, value in {"NO_COLOR": "1", "COLUMNS": "30", "TERM": "dumb", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)

    assert rendered(report, color=True) == before


@pytest.mark.parametrize("run", RUNS)
def test_the_table_and_its_remainder_add_up_to_the_stages_line(sample, run):
    report = getattr(sample, run)()

    assert sum(entry.energy_uj for entry in entries(report)) == round(report.stages_sum.energy_j * 1e6)


def test_stages_that_cannot_be_told_apart_are_one_row_that_says_how_many(sample):
    text = rendered(sample.voice_assistant())

    assert re.search(r"\{attention, norm, \+1\} \(cpu:0:package\) +600 +60 +5.2 +█+▌ +I\*3$", text, re.MULTILINE)
    assert "*n  n stages not separable" in text


def test_the_ledger_is_stacked_where_there_is_little_room_and_still_closes(sample):
    ledger = lines_after(rendered(sample.voice_assistant(), width=60), "ledger")[:7]

    assert ledger == [
        "ledger",
        "   9 266 J  stages",
        "   1 853 J  idle",
        "     464 J  outside stages",
        "      37 J  unattributed",
        "  nothing to other processes",
        "= 11 620 J  measured 11 620 J, difference 0 J",
    ]


@pytest.mark.parametrize(
    ("lines_j", "said"),
    [
        ((19.0, 4.0, 1.0, 0.0, 0.0), "24.00 J, nothing to other processes or unattributed"),
        ((19.0, 4.0, 1.0, 0.0, 1e-6), "24.00 J, nothing to other processes or unattributed"),
        ((23.0, 1.0, 0.0, 0.0, 0.0), "24.00 J, nothing outside stages, to other processes or unattributed"),
        ((19.0, 4.0, 0.5, 0.5, 1e-4), "0.50 other processes + 0.00 unattributed"),
    ],
)
def test_parts_of_the_ledger_without_a_joule_are_named_and_have_no_figure(sample, lines_j, said):
    report = sample.make_report([sample.Part("a", (19.0,))])
    names = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
    rows = tuple(
        replace(row, measured_j=sum(lines_j), **dict(zip(names, lines_j, strict=True))) for row in report.ledger
    )

    told = " ".join(lines_after(rendered(replace(report, ledger=rows), width=200), "ledger")[0].split())

    parts, comma, nothing = told.partition(",")
    whole = sum(float(part.split()[0]) for part in parts.removeprefix("ledger ").split(" + "))
    assert said in f"{whole:.2f} J{comma}{nothing}" or said in told


def test_a_figure_of_merit_is_no_work_and_has_four_digits(sample):
    told = {"accuracy": 0.974811, "loss": 0.5, "perplexity": 12.3456, "steps": 120000.0, "score": 12345.6, "lr": 3e-7}
    metrics = tuple(MetricRow(name, value, 1.0, 1) for name, value in told.items())
    report = replace(sample.make_report([sample.Part("a", (1.0,))]), metrics=metrics)

    lines = lines_after(rendered(report), "metrics")[1:7]

    values = ["0.9748", "0.5", "12.35", "120 000", "12 346", "3e-07"]
    assert lines == [f"  {name}: {value}" for name, value in zip(told, values, strict=True)]
    assert "\nwork\n" not in rendered(report)


def test_a_program_without_stages_has_a_ledger_and_a_hint(sample):
    text = rendered(sample.empty())

    assert text.startswith("energyprof 12.0 ±0.4 J, no stage was recorded\n")
    assert "12.00 outside stages" in text
    assert "with energyprof.stage(" in text


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [(0, "96.4 s · mean"), (3, "exit status 3"), (-9, "SIGKILL"), (-99, "signal 99"), (None, "its end was not seen")],
)
def test_how_a_run_ended_is_said_unless_all_was_well(sample, exit_code, said):
    assert said in rendered(sample.make_report([sample.Part("a", (1.0,))], exit_code=exit_code)).splitlines()[1]


def test_a_run_without_power_says_so_first_and_prints_no_joules(sample):
    text = rendered(sample.make_report([sample.Part("a")], ()))

    assert text.startswith("energyprof no power was recorded in this run\n")
    assert not re.search(r"\d J\b", text)


def test_a_mixed_run_says_which_domain_is_modelled(sample):
    text = rendered(sample.make_report([sample.Part("a", (1.0, 2.0))], (sample.CPU, sample.MODEL)))

    assert f"{sample.CPU.id} measured, cpu estimated (model): sums of both are partly estimated" in text


def test_ten_thousand_stages_are_a_short_report(sample):
    text = rendered(sample.many(10_000))

    assert len(text.splitlines()) < 40
    assert "+ 9 988 smaller" in text
    assert "report --format csv" in text


def test_paths_shorten_from_the_left_for_the_end_distinguishes():
    path = ("asr", "decoder", "block.3", "cross_attn")

    shown = [fit_path(path, width, Glyphs(True)) for width in (40, 24, 20, 12)]

    assert shown == ["asr/decoder/block.3/cross_attn", "a/d/block.3/cross_attn", "a/d/bloc…/cross_attn", "…/cross_attn"]
    assert fit_path(("日本語の名前",), 7, Glyphs(True)) == "…の名前"


def test_an_outer_name_is_cut_by_no_more_than_it_must_and_told_from_those_beside_it():
    paths = [("serve", "generate", "decode"), ("search", "generate", "decode"), ("train",)]
    letters = telling_letters(paths)

    shown = [fit_path(path, width, Glyphs(True), letters) for path in paths[:2] for width in (20, 19, 18, 17)]

    assert shown == [
        "ser…/generate/decode",
        "ser/generate/decode",
        "ser/genera…/decode",
        "ser/gener…/decode",
        "sea…/generate/decode",
        "sea/generate/decode",
        "sea/genera…/decode",
        "sea/gener…/decode",
    ]


def test_rows_whose_outer_names_have_no_room_are_cut_alike_and_told_apart():
    def fitted(width, *paths):
        rows = [Entry(tuple(path.split("/")), 1, 1, 1, 1, "M", path) for path in paths]
        return fit_entries(rows, width, Glyphs(True), telling_letters([row.path for row in rows]))

    phases = fitted(24, "update/Net#2.sequential_body", "update/backward/Net#2.sequential_body", "evaluation/Net.head")
    layers = fitted(26, *(f"search/trial/train/backward/Net.layer.{number}.intermediate.dense" for number in (3, 4)))

    assert phases == ["upd…/…#2.sequential_body", "upd…/bac…/…quential_body", "evaluation/Net.head"]
    assert layers == ["…/b/….3.intermediate.dense", "…/b/….4.intermediate.dense"]


def test_a_bar_gives_its_cells_to_names_that_need_them(sample):
    long = "serve/" + "generate" * 4

    bars = {name: rendered(sample.make_report([sample.Part(name, (3.0,))]), width=80) for name in ("a", long)}

    assert "\u2588" * 12 in bars["a"]
    assert long.removeprefix("serve/") in bars[long]
    assert "\u2588" * 12 not in bars[long]


def test_a_layer_too_long_for_its_cells_still_shows_that_it_stands_below_backward():
    layer = "BertForSequenceClassification.bert.encoder.layer.0.attention.self"

    shown = [fit_path(("backward", layer), width, Glyphs(True)) for width in (37, 26, 4)]

    assert shown == ["backward/…oder.layer.0.attention.self", "b/….layer.0.attention.self", "…elf"]
    assert fit_path((layer,), 1, Glyphs(False)) == "."


def test_of_a_long_command_the_program_is_shown_and_no_figure_beside_it_is_parted(sample):
    parts = [sample.Part("a", (3.0,))]
    words = ("python", "-m", "pygments", "-f", "html", "-o", "/dev/null", "/usr/lib/python3.11/pydoc_data/topics.py")

    for width in range(60, 90):
        lines = rendered(sample.make_report(parts, wall_s=3.5, command=words), width=width).splitlines()
        assert lines[1].startswith("-m pygments -f html -o /dev/null ")
        assert not any(re.match(r"\s*[kmµ]?[JWs]\b", line) for line in lines)


def uncovered(report, names):
    """Return the report as it would be had no reading covered these stages."""

    def bare(row):
        if row.stage not in names:
            return row
        gap = tuple(replace(own, energy_j=None, reason="not covered by any reading") for own in row.self_energy)
        return replace(row, self_energy=gap)

    return replace(report, stages=tuple(map(bare, report.stages)))


def test_stages_that_no_reading_covers_are_counted(sample):
    parts = [sample.Part("load", (3.25,)), sample.Part("train", (9.4,), (sample.Part("step", (6.4,), calls=460),))]
    report = sample.make_report(parts, (sample.MODEL,), wall_s=1.9, command=("pipeline.py",))

    one = rendered(uncovered(report, {"load"}), width=200)
    all_three = rendered(uncovered(report, {"load", "train", "train/step"}))

    told = "how  E estimated (model); low, high  95 % interval; no reading covers 1 stage, which the table leaves out"
    assert f"\n{told}\n" in one
    assert "\nno reading covers 3 stages, which the table leaves out\n" in all_three
    assert "how" not in all_three


def test_the_next_commands_name_a_file_that_a_shell_finds(sample):
    text = rendered(sample.digits(), options={"run": "a\nb.eprof"})

    assert "energyprof graph $'a\\012b.eprof' " in text


def test_a_stage_refused_by_itself_is_a_row_of_its_own_and_the_verdict_knows_it(sample):
    report = sample.make_report([sample.Part("a", (7.4,), refused=True), sample.Part("b", (1.0,))])

    text = rendered(report, width=100)

    assert re.match(r"energyprof \d\d % of .* went into a: 7\.4", text)
    assert re.search(r"^a +7\.4 .* I$", text, re.MULTILINE)
    assert "a: shorter than the sensor's period" in text
    assert "{a}" not in text
    assert "not separable" not in text


def test_the_verdict_says_nothing_of_stages_that_cannot_be_told_apart(sample):
    parts = [sample.Part("a", (7.0,), refused=True), sample.Part("b", (6.0,), refused=True)]

    both = rendered(sample.make_report(parts))
    known = rendered(sample.make_report([*parts, sample.Part("c", (1.0,))]))

    assert ": no reading shows what the stages took\n" in both
    assert " went into c" in known.splitlines()[0]


def test_groups_of_several_domains_name_theirs(sample):
    parts = [sample.Part("a", (7.0, 3.0), refused=True), sample.Part("b", (6.0, 2.0), refused=True)]

    text = rendered(sample.make_report(parts, (sample.CPU, sample.GPU)), width=100)

    assert re.search(r"^\{a, b\} \(cpu:0:package\) +13", text, re.MULTILINE)
    assert re.search(r"^\{a, b\} \(gpu:0\) +5", text, re.MULTILINE)


def test_what_is_the_whole_is_said_once(sample):
    report = sample.make_report([sample.Part("program", (12.0,))], (sample.MODEL,), idle_share=0)
    stage = report.stages[0]
    (energy,) = stage.total_energy
    whole = report.measured
    same = replace(energy, energy_j=whole.energy_j, low_j=whole.low_j, high_j=whole.high_j)

    line = rendered(replace(report, stages=(replace(stage, total_energy=(same,)),))).splitlines()[0]

    assert line.startswith("energyprof 100 % of an estimated ")
    assert line.endswith(" went into program")


@pytest.mark.parametrize(
    ("parts_j", "outside_share", "said"),
    [
        (
            (3.0, 1.0),
            2.0,
            r"62 % of 12\.\d+ \S+ J was spent outside any stage \(imports, for instance\); of the stages a took ",
        ),
        (
            (3.0,),
            2.0,
            r"62 % of 9\.\d+ \S+ J was spent outside any stage \(imports, for instance\); a took 31 %, 3\.00 ",
        ),
        ((9.0, 1.0), 0.5, r" went into a: "),
    ],
)
def test_what_is_larger_than_any_stage_is_told_first(sample, parts_j, outside_share, said):
    report = sample.make_report([sample.Part(name, (own_j,)) for name, own_j in zip("ab", parts_j, strict=False)])
    (row,) = report.ledger
    outside_j = outside_share * row.stages_j
    more_j = outside_j - row.outside_j
    whole = report.measured
    measured = replace(
        whole, energy_j=whole.energy_j + more_j, low_j=whole.low_j + more_j, high_j=whole.high_j + more_j
    )
    ledger = (replace(row, measured_j=row.measured_j + more_j, outside_j=outside_j),)
    run = replace(report, ledger=ledger, measured=measured)

    sentence = " ".join(rendered(run, width=200).splitlines()[0].split()).removeprefix("energyprof ")

    assert re.search(said, sentence)
    assert sentence in Markdown().render(run, RenderContext())
    assert sentence in " ".join(re.sub("<[^>]*>", "", NotebookReport().render(run, RenderContext())).split())
    page = re.sub("<[^>]*>", "", HtmlReport().render(run, RenderContext()).partition("<h1>")[2])
    assert page.replace("\u00a0", " ").startswith(sentence)


def test_which_of_the_two_costliest_stages_took_more_is_told_where_it_is_sure(sample):
    report = sample.make_report([sample.Part("serve", (3.0,)), sample.Part("train", (9.4,))], wall_s=1.9)
    gpu = report.domains[0].domain

    def told(probability, of="total"):
        row = RankingRow(gpu, of, "train", "serve", probability)
        return rendered(replace(report, rankings=(row,)), width=80).splitlines()[2]

    assert told(0.971) == "train costs more than serve, 97 % sure"
    assert told(0.9999) == "train costs more than serve, more than 99 % sure"
    assert told(0.971, "self") == "train costs more by itself than serve, 97 % sure"
    assert told(0.94) == ""


def test_joules_a_token_stand_below_the_stages(sample):
    report = sample.make_report([sample.Part("write", (30.0,), (sample.Part("decode", (20.0,), calls=800),))])
    stage = next(row for row in report.stages if row.name == "decode")
    decode = TokenRow(stage.stage, "decode", 800, 1600, 79.6, stage.total_sum, 0.0125, 0.0120, 0.0130)

    text = rendered(replace(report, tokens=(decode, replace(decode, per_token_j=None, calls=1))), width=100)

    assert lines_after(text, "generation")[1:3] == [
        "  write/decode: 12.5 ±0.5 mJ a token; 1 600 tokens in 800 calls, 80/s",
        "  write/decode: at most 13.0 mJ a token; 1 600 tokens in 1 call, 80/s",
    ]
