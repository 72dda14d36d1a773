"""The table of a search's trials: as much of the parameters as there is room for."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from markdown_it import MarkdownIt

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof.model.trials import trial_facts
from energyprof.report.trials import trials_of
from energyprof_plugins.exporters.html_page.page import HtmlReport
from energyprof_plugins.exporters.markdown import Markdown
from energyprof_plugins.exporters.trials import TrialTable

WORDS = {"pruned", "best", "complete", "failed,"}
PARAMS = {"batch": 16, "layers": 6, "rate": 0.0001, "warmup": 100}
TOLD = "pruned  batch=16, layers=6, rate=0.0001, warmup=100"


def table(sample: Any, width: int) -> list[str]:
    """The lines of a table of one trial."""
    report = sample.make_report([sample.Part("trial 0", (4.0,))])
    stages = tuple(replace(row, facts=trial_facts(0, PARAMS, "pruned", 0.5)) for row in report.stages)
    return TrialTable().render(replace(report, trials=trials_of(stages)), RenderContext(width=width)).splitlines()


def test_parameters_are_cut_only_where_the_line_is_full(sample: Any) -> None:
    begin = table(sample, 200)[2].partition("pruned")[0]

    enough, too_narrow = table(sample, len(begin) + len(TOLD)), table(sample, len(begin) + len(TOLD) - 1)

    assert enough[2] == begin + TOLD
    assert too_narrow[2] == begin + TOLD[:-3] + ".."


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([("nan", None)], "1 of 1 trials told NaN or infinity alone, which have no order"),
        ([("", None)], "none told a value: trial.tell(accuracy) does"),
        ([("inf", None), ("", 0.5)], "best: 0.5 in trial 1"),
        ([("inf", 0.5)], "best: 0.5 in trial 0"),
    ],
)
def test_what_has_no_order_is_no_value_and_is_not_passed_over_in_silence(sample: Any, told: Any, said: str) -> None:
    report = sample.make_report([sample.Part(f"trial {number}", (4.0,)) for number in range(len(told))])
    stages = tuple(
        replace(row, facts=trial_facts(number, {}, "complete", value, unordered=unordered))
        for number, (row, (unordered, value)) in enumerate(zip(report.stages, told, strict=True))
    )

    text = TrialTable().render(replace(report, trials=trials_of(stages)), RenderContext(width=100))

    assert said in text
    assert ("NaN or infinity alone" in text) == any(unordered and value is None for unordered, value in told)
    assert all(f" {unordered} " in text for unordered, value in told if unordered and value is None)


def test_a_value_of_a_trial_that_did_not_end_well_is_no_lack_of_values(sample: Any) -> None:
    report = sample.make_report([sample.Part("trial 0", (4.0,))])
    stages = tuple(replace(row, facts=trial_facts(0, {}, "pruned", 0.5)) for row in report.stages)

    text = TrialTable().render(replace(report, trials=trials_of(stages)), RenderContext(width=100))

    assert "no trial that told a value came to its end" in text


def searched(sample: Any, *told: tuple[str, float | None, dict[str, Any], str]) -> Report:
    """A report of trials: how each ended, its value, its parameters and its study."""
    report: Report = sample.make_report([sample.Part(f"trial {at}", (4.0 + at,)) for at in range(len(told))])
    stages = tuple(
        replace(row, facts=trial_facts(at, params, state, value, study))  # type: ignore[arg-type]
        for at, (row, (state, value, params, study)) in enumerate(zip(report.stages, told, strict=True))
    )
    return replace(report, stages=stages, trials=trials_of(stages))


HOSTILE = "<script>alert(1)</script>|`@all`"
SEARCH = (
    ("complete", 0.5, {"lr": 1}, "grid"),
    ("pruned", 0.9, {"lr": 2}, "grid"),
    ("complete", 0.7, {"lr": HOSTILE}, "grid"),
    ("failed", None, {"lr": 1}, "grid"),
    ("complete", 3e-7, {"lr": 1}, "random"),
)


def test_the_page_has_a_row_for_each_trial_with_its_state_and_joules(sample: Any) -> None:
    page = HtmlReport().render(searched(sample, *SEARCH), RenderContext())

    section = page.partition('<section id="trials"')[2].partition("</section>")[0]
    rows = [re.sub("<[^>]*>", " ", row).split() for row in section.partition("<tbody>")[2].split("<tr>")[1:]]
    assert [(row[0], row[2]) for row in rows] == [
        (n, s) for n, s in zip("12034", ["grid"] * 4 + ["random"], strict=True)
    ]
    assert [next(word for word in row if word in WORDS) for row in rows] == [
        "pruned", "best", "complete", "failed,", "best",
    ]  # fmt: skip
    assert "failed, as 0" in section
    assert all(value in section for value in ("<td>0.9<td>", "<td>0.7<td>", "<td>3e-07<td>"))
    assert "best: 0.7 in trial 2, after" in unescape(section).replace("\u00a0", " ")
    assert "<script" not in section
    assert "h3>grid" in section
    assert "energyprof trials</li>" not in page


def test_a_page_without_trials_has_no_table_of_them(sample: Any) -> None:
    assert 'id="trials"' not in HtmlReport().render(sample.digits(), RenderContext())


def test_markdown_lists_the_best_trials_and_says_how_many_more_there_are(sample: Any) -> None:
    many = [("complete", float(at), {"lr": at}, "") for at in range(20)]

    page = MarkdownIt("commonmark").enable("table").render(Markdown().render(searched(sample, *many), RenderContext()))

    cells = re.findall("<tr>\\s*<td[^>]*>(\\d+)</td>\\s*<td[^>]*>([^<]*)</td>", page)
    assert cells == [(str(at), str(at)) for at in range(19, 11, -1)]
    assert "20 trials: " in page
    assert "best: 19 in trial 19, after" in page
    assert "12 more: energyprof trials" in page


def test_parameters_do_nothing_in_markdown(sample: Any) -> None:
    page = (
        MarkdownIt("commonmark").enable("table").render(Markdown().render(searched(sample, *SEARCH), RenderContext()))
    )

    assert "<script" not in page
    (shown,) = (cell for cell in re.findall("<td[^>]*><code>(.*?)</code></td>", page) if "script" in cell)
    assert unescape(shown) == f"lr='{HOSTILE}'"
    assert "<strong>Trials of grid</strong>" in page
