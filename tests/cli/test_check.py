"""`energyprof check`: the file of a budget, the exit status, and what is said of estimates."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from energyprof.cli.budget_file import Grams, read_budget
from energyprof.cli.check_page import Checked, amounts, as_markdown, as_text
from energyprof.errors import InputError
from energyprof.model.budget import Limit, Ruling

SCRIPT = """\
import energyprof
with energyprof.stage("train"):
    sum(range(400_000))
"""


@pytest.fixture
def check(place: Any, record_once: Any, command_here: Any) -> Any:
    for name in ("job", "old", "older"):
        shutil.copy(record_once(SCRIPT), place.folder / f"{name}.eprof")

    def check(budget: str, *words: str, runs: Sequence[str] = ("job.eprof",)) -> Any:
        place.write("budget.toml", budget)
        return command_here("check", *runs, "--budget", "budget.toml", *words)

    return check


def energy_j(check: Any) -> float:
    (ruling,) = json.loads(check("total.max = '1 MJ'", "--format", "json").stdout)["rulings"]
    return float(ruling["value"])


def test_a_budget_far_above_is_kept_and_the_estimate_is_named(check: Any) -> None:
    done = check("[total]\nmax = '1 kWh'\n[stages.train]\nmax = '1 kJ'\n")

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"within") == 2
    assert b"2 of 2 verdicts rest on a model's estimate" in done.stdout


def test_a_budget_far_below_is_exceeded(check: Any) -> None:
    done = check("[total]\nmax = '1 kWh'\n[stages.train]\nmax = '1 uJ'\n", "--allow-unsure")

    assert done.returncode == 1
    assert b"exceeded" in done.stdout


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_verdicts_fit_the_width_and_lose_nothing(width: int) -> None:
    name = "train/epoch/forward/Classifier.encoder.layer.11.attention.self.query"
    limit = Limit("stage", name, "call", 10.8, "mWh", 3.6)
    ruling = Ruling(limit, 0.9, 0.6, 1.5, "cannot tell", "estimated (model)", "the budget lies in the model's error")
    checked = Checked((Path("a/long/way/to/the/folder/of/all/recordings/job.eprof"),), (), (ruling,), 3)

    lines = as_text(checked, unicode=True, width=width).splitlines()

    assert max(map(len, lines)) <= width
    said = "".join(line.strip() for line in lines).replace(" ", "")
    for part in (name, "0.2500mWh(0.1667to0.4167)", "budget3mWh", "estimated(model)", "liesinthemodel'serror"):
        assert part in said
    assert any("budget 3 mWh" in line for line in lines)


@pytest.mark.parametrize(("words", "status"), [((), 3), (("--allow-unsure",), 0)])
def test_a_budget_within_the_interval_cannot_be_told(check: Any, words: tuple[str, ...], status: int) -> None:
    done = check(f"total.max = '{energy_j(check)} J'", *words)

    assert done.returncode == status
    assert b"cannot tell" in done.stdout


@pytest.mark.parametrize(
    ("text", "limit_j"),
    [("'20 J'", 20.0), ("20", 20.0), ("2.5", 2.5), ("'3 mWh'", 10.8), ("'1.5kJ'", 1500.0), ("'0.5 g'", 9000.0),
     ("'2e-3 J'", 0.002)],
)  # fmt: skip
def test_limits_are_read_in_every_unit(tmp_path: Path, text: str, limit_j: float) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(f"carbon_g_per_kwh = 200\n[total]\nmax = {text}\n")

    (limit,), _ = read_budget(file)

    assert limit.limit_j == pytest.approx(limit_j)
    assert (limit.scope, limit.per) == ("total", "run")


@pytest.mark.parametrize(
    ("in_file", "comes_first", "limit_j"), [("", False, 36_000.0), ("200", False, 18_000.0), ("200", True, 36_000.0)]
)
def test_grams_go_by_a_flag_then_the_file_then_what_is_said_elsewhere(
    tmp_path: Path, in_file: str, comes_first: bool, limit_j: float
) -> None:
    file = tmp_path / "budget.toml"
    file.write_text((f"carbon_g_per_kwh = {in_file}\n" if in_file else "") + "[total]\nmax = '1 g'\n")

    (limit,), basis = read_budget(file, Grams(100.0, "100 g/kWh, Atlantis 2024", comes_first))

    assert limit.limit_j == pytest.approx(limit_j)
    assert basis.startswith("100 g/kWh, Atlantis" if limit_j > 20_000 else "200 g/kWh, as ")


def test_a_budget_in_grams_needs_no_more_than_a_region(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGYPROF_REGION", "PL")

    done = check("[total]\nmax = '2 kg'\n")
    flagged = check("[total]\nmax = '2 kg'\n", "--region", "FR", "--format", "json")

    assert done.returncode == 0, done.stderr
    assert b"Poland 2024 (Ember" in done.stdout
    assert "France 2024" in json.loads(flagged.stdout)["grams"]


def test_every_kind_of_limit_is_read(tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(
        "[total]\nper_sample = 1\nmax_increase = '5 %'\n[stages.'a/b']\nper_call = 2\n"
        "[layers.'Net.fc']\nper_sample = 3\n[units.request]\nmax = 4\n"
    )

    assert read_budget(file)[0] == (
        Limit("total", "", "sample", 1.0),
        Limit("total", "", "run", None, "%", 0.01, 0.05),
        Limit("stage", "a/b", "call", 2.0),
        Limit("layer", "Net.fc", "sample", 3.0),
        Limit("unit", "request", "unit", 4.0),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no limit"),
        ("total = 5", "is no table"),
        ("[total]\nmax = '5 parsec'", "is no energy"),
        ("[total]\nmax = true", "is no energy"),
        ("[total]\nmax = '1 g'", "carbon_g_per_kwh"),
        ("carbon_g_per_kwh = 0\n[total]\nmax = 1", "no number above 0"),
        ("[total]\nmaxi = 1", "'maxi' means nothing"),
        ("[stage.a]\nmax = 1", "'stage' means nothing"),
        ("[stages.a]\nmax_increase = 5", "is no percentage"),
        ("[total\n", "is no TOML"),
        ("# nothing yet\n", "has no limit"),
        ("[total]\n", "has no limit"),
        ("[total]\nmax = -5", "no budget below 0"),
        ("[total]\nmax = '-5 J'", "no budget below 0"),
        ("[total]\nmax = '5 j'", "did you mean 'J'"),
        ("[total]\nmax = '5 mwh'", "did you mean 'mWh'"),
        ("[total]\nmax = '5 W'", "a power, not an energy"),
        ("[total]\nmax = '5 %'", "max_increase"),
        ("[total]\nmaxi = 1", "did you mean 'max'"),
        ("[stage.a]\nmax = 1", "did you mean 'stages'"),
        ("[stages.a]\nmax_increase = '-5 %'", "is no percentage"),
        ("[stages]\nmax = 5", r"no table; write its limits below \[stages.\"max\"\]"),
        ("max = 5", r"'max' stands in no table; write it below \[total\]"),
    ],
)
def test_what_is_wrong_with_a_budget_is_said(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(text)

    with pytest.raises(InputError, match=said):
        read_budget(file)


def test_a_stage_that_is_not_there_is_wrong_input_and_not_a_pass(check: Any) -> None:
    done = check("[stages.trian]\nmax = 1\n")

    assert done.returncode == 2
    assert b"no stage 'trian' (it has 'train')" in done.stderr


INCREASE = "[total]\nmax_increase = '5 %'\n"


def test_several_runs_are_held_to_a_budget_by_their_mean_and_all_are_named(check: Any) -> None:
    done = check("total.max = '1 kWh'", runs=("job.eprof", "old.eprof", "older.eprof"))

    assert done.returncode == 0
    assert b"checked the mean of 3 runs: job.eprof, old.eprof, older.eprof" in done.stdout


@pytest.mark.parametrize(
    "words", [("old.eprof", "older.eprof"), ("old.eprof", "--baseline", "older.eprof"), ("old.eprof,older.eprof",)]
)
def test_an_increase_is_over_all_baselines_named_in_any_way(check: Any, words: tuple[str, ...]) -> None:
    done = check(INCREASE, "--baseline", *words)

    # The same run three times: no increase, and a spread of nothing.
    assert done.returncode == 0
    assert b"checked job.eprof" in done.stdout
    assert b"against the mean of 2 runs: old.eprof, older.eprof" in done.stdout
    assert "0.0 %" in done.stdout.decode()


def test_a_baseline_that_takes_the_run_to_check_is_explained_with_the_right_order(check: Any) -> None:
    done = check(INCREASE, "--baseline", "old.eprof", "job.eprof", runs=())

    assert done.returncode == 2
    assert b"no RUN to check: --baseline took all words behind it (old.eprof job.eprof)" in done.stderr
    assert b"energyprof check job.eprof --budget budget.toml --baseline old.eprof" in done.stderr


def test_one_run_each_says_what_is_assumed_and_what_cancels(check: Any) -> None:
    done = check(INCREASE, "--baseline", "old.eprof")

    assert done.returncode == 3
    assert b"cannot tell" in done.stdout
    assert b"what the model gets wrong of all joules of a machine cancels" in done.stdout
    assert b"a standard deviation of 10 % between runs is assumed" in done.stdout
    assert done.stdout.count(b"10 %") == 1


def test_markdown_is_a_table_for_the_summary_of_a_job(check: Any, place: Any) -> None:
    done = check("[total]\nmax = '1 kWh'\n[stages.train]\nmax = '1 uJ'\n", "--format", "markdown", "-o", "summary.md")

    page = MarkdownIt("commonmark").enable("table").render((place.folder / "summary.md").read_text())
    assert done.returncode == 1
    assert page.count("<tr>") == 3
    assert "exceeded" in page
    assert "checked job.eprof" in page


@pytest.mark.parametrize(
    ("value", "limit", "figure", "budget"),
    [
        (0.0000123, Limit("total", "", "run", 0.00002), "12.30 \u00b5J (6.15 to 24.60)", "budget 20 \u00b5J"),
        (0.9, Limit("total", "", "run", 1.2), "0.90 J (0.45 to 1.80)", "budget 1.2 J"),
        (0.9, Limit("total", "", "run", 0.8, "mJ", 0.001), "0.90 J (0.45 to 1.80)", "budget 0.8 J"),
        (0.0009, Limit("total", "", "run", 500.0), "0.90 mJ (0.45 to 1.80)", "budget 500 J"),
        (7.2, Limit("total", "", "run", 10.8, "mWh", 3.6), "2 mWh (1 to 4)", "budget 3 mWh"),
        (9000.0, Limit("total", "", "run", 9000.0, "g", 18000.0), "0.50 g (0.25 to 1.00)", "budget 0.5 g"),
        (9.0, Limit("total", "", "run", 18.0, "g", 18000.0), "0.50 mg (0.25 to 1.00)", "budget 1 mg"),
        (0.031, Limit("total", "", "run", None, "%", 0.01, 0.05), "+3.1 % (+1.6 % to +6.2 %)", "budget +5.0 %"),
    ],
)
def test_a_figure_and_its_budget_share_a_unit_that_fits_them(
    value: float, limit: Limit, figure: str, budget: str
) -> None:
    ruling = Ruling(limit, value, value / 2, value * 2, "cannot tell", "measured", "")

    assert amounts(ruling) == (figure, budget)


def test_names_do_nothing_in_markdown() -> None:
    limit = Limit("stage", "a|b <script> @team `x` *y* [z](u)", "run", 1.0)

    page = as_markdown(Checked((Path("r.eprof"),), (), (Ruling(limit, 1.0, 1.0, 1.0, "within", "measured", ""),), 0))

    shown = MarkdownIt("commonmark").enable("table").render(page)
    assert shown.count("<td") == 5
    assert "<script>" not in shown
    assert "<code>" not in shown
    assert "<a " not in shown
    assert "@team" not in shown


TRAINING = """\
import energyprof, torch
from torch import nn
net = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 8))
batch, held_out = torch.randn(64, 256), torch.randn(1000, 256)
for _ in range(20):
    net.zero_grad()
    net(batch).sum().backward()
    with torch.no_grad():  # a step by hand: the first optimizer of a process imports for two seconds
        for weight in net.parameters():
            weight -= 0.01 * weight.grad
        net(held_out)

class Speaker(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.head = nn.Embedding(16, 256), nn.Linear(256, 16)
    def forward(self, input_ids, past_key_values=None, use_cache=True):
        return self.head(self.tokens(input_ids)), [0]

speaker, caches = Speaker().eval(), None
with torch.no_grad():
    for length in (9, 1, 1, 1):
        _, caches = speaker(torch.ones(2, length, dtype=torch.long), past_key_values=caches)
        energyprof.units("token", 2)
"""


def trained(place: Any, record_once: Any, command_here: Any, budget: str) -> tuple[Any, dict[tuple[str, str], Any]]:
    """Check a recorded training of torch, and return what was printed and the rulings by name and what they are per."""
    shutil.copy(record_once(TRAINING), place.folder / "train.eprof")
    place.write("budget.toml", budget)
    words = ("check", "train.eprof", "--budget", "budget.toml")
    rulings = json.loads(command_here(*words, "--format", "json").stdout)["rulings"]
    return command_here(*words), {(one["limit"]["name"], one["limit"]["per"]): one for one in rulings}


@pytest.mark.parametrize(("amount", "verdict", "status"), [("9 {}", "within", 0), ("1e-15 {}", "exceeded", 1)])
def test_layers_samples_and_tokens_of_a_recorded_training_are_held_to_their_budgets(
    place: Any, record_once: Any, command_here: Any, amount: str, verdict: str, status: int
) -> None:
    large, weight, charge = (amount.format(unit) for unit in ("kJ", "kg", "Wh"))

    done, rulings = trained(
        place,
        record_once,
        command_here,
        f"""\
carbon_g_per_kwh = 56
[total]
per_sample = "{charge}"
[stages.Sequential]
per_sample = "{large}"
[layers."Sequential.0"]
per_sample = "{large}"
per_call = "{weight}"
[stages."prefill"]
per_token = "{large}"
[stages."decode"]
per_token = "{weight}"
[units.token]
max = "{charge}"
""",
    )

    assert done.returncode == status, done.stdout + done.stderr
    # What lasts microseconds may have a lower bound of nothing.
    assert {verdict} <= {one["verdict"] for one in rulings.values()} <= {verdict, "cannot tell"}, done.stdout
    report = place.report("train.eprof")
    assert report["steps"]["samples"] == 20 * 64  # and none of those held out
    (decode,) = (row for row in report["stages"] if row["stage"] == "decode")
    assert rulings["decode", "token"]["value"] == pytest.approx(decode["total_sum"]["energy_j"] / 6)
    assert b"per token" in done.stdout
    assert b"Wh " in done.stdout
    assert b"g (" in done.stdout


def test_a_stage_whose_tokens_nobody_counted_keeps_no_budget_of_them(check: Any) -> None:
    done = check("[stages.train]\nper_token = '9 kJ'\n")

    assert done.returncode == 3
    assert b"how many tokens it had is not known" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[total]\nmax = nan", b"is no energy"),
        ("[total]\nmax = inf", b"is no energy"),
        ("[total]\nmax = 1e400", b"is no energy"),
        ("[total]\nmax = '1 J'\nmax = '2 J'", b"is no TOML"),
        ("carbon_g_per_kwh = nan\n[total]\nmax = '1 g'", b"no number above 0"),
        ("[total]\nmax = 2026-01-01", b"is no energy"),
        ("[[total]]\nmax = 1", b"is no table"),
        ('[stages."a\\nb\\"c\\u001b[31m"]\nmax = 1', b"the run has no stage"),
        (f"[stages.{'x' * 10_000}]\nmax = 1", b"(10000 characters)"),
        (f"[stages.train]\nmax = '{'9' * 10_000} parsec'", b"is beyond all"),
        (f"[total]\n{'y' * 10_000} = 1", b"means nothing here"),
    ],
)
def test_a_budget_that_is_wrong_is_one_short_line_and_status_2(check: Any, text: str, said: bytes) -> None:
    done = check(text)

    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr
    assert len(done.stderr) < 500
    assert done.stderr.count(b"\n") == 1
    assert b"\x1b" not in done.stderr


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe[total]"])
def test_what_is_no_budget_at_all_is_said_with_status_2(place: Any, check: Any, content: bytes | None) -> None:
    budget = place.folder / "other.toml"
    if content is None:
        budget.mkdir()
    else:
        budget.write_bytes(content)

    done = check("total.max = 1", "--budget", "other.toml")

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"energyprof: other.toml ")


@pytest.mark.parametrize(
    ("figures_j", "shown"),
    [
        ((9.5, 1.2234, 31.277), "9.50 J (1.22 to 31.28)"),
        ((9.0, 8.0, 10.0), "9 J (8 to 10)"),
        ((0.012, 0.0, 31.0), "0.012 J (0 to 31.000)"),
        ((None, 1.0, 2.5), "not known (1.0 to 2.5) J"),
    ],
)
def test_a_figure_and_its_bounds_have_as_many_decimals(figures_j: tuple[float | None, ...], shown: str) -> None:
    value, low, high = figures_j
    ruling = Ruling(Limit("total", "", "run", 20.0), value, low, high, "cannot tell", "measured", "")

    assert amounts(ruling)[0] == shown


def test_a_folder_and_a_pattern_that_no_shell_has_expanded_name_runs(check: Any, place: Any) -> None:
    (place.folder / "base").mkdir()
    shutil.copy(place.folder / "old.eprof", place.folder / "base")
    (place.folder / "empty").mkdir()
    budget = "[total]\nmax_increase = '900 %'\n"

    folder = check(budget, "--baseline", "base", "--format", "json")
    pattern = check(budget, "--baseline", "old*.eprof", "--format", "json")
    nothing, none = (check(budget, "--baseline", word) for word in ("none-*.eprof", "empty"))

    assert json.loads(folder.stdout)["baseline"] == ["base/old.eprof"]
    assert json.loads(pattern.stdout)["baseline"] == ["old.eprof", "older.eprof"]
    assert (nothing.returncode, none.returncode) == (2, 2)
    assert b"no file matches none-*.eprof" in nothing.stderr
    assert b"no .eprof file in empty" in none.stderr
