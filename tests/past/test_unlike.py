"""Why a run repeats nothing, though its command is that of an earlier one."""

from __future__ import annotations

from collections.abc import Callable

from energyprof.cli.history_page import page
from energyprof.model.past import PastRun
from energyprof.past.line import line_of, run_of
from energyprof.past.recall import repetition
from energyprof.past.store import Kept
from energyprof.past.unlike import unlike_before

Maker = Callable[..., PastRun]


def reasons(*runs: PastRun) -> dict[str, tuple[str, tuple[str, ...]]]:
    found = unlike_before(runs, dict(repetition(runs).of_run))
    return {run: (was.run, was.reasons) for run, was in found.items()}


def test_what_differs_from_the_newest_run_of_the_command_is_named(past: Maker) -> None:
    first, second = past(1), past(2, program="q" * 32, data="e" * 32)
    third, fourth = past(3, program="q" * 32, data="e" * 32, arguments="b" * 32), past(4, command="python other.py")

    found = reasons(first, second, third, fourth)

    assert found == {
        second.id: (first.id, ("the program changed", "other data")),
        third.id: (second.id, ("other arguments or variables",)),
    }


def test_equal_work_that_is_no_repetition_says_why(past: Maker) -> None:
    failed, one, other = past(1, exit_code=3), past(2, series="s"), past(3, series="s")

    assert reasons(failed, one, other) == {
        one.id: (failed.id, ("that one failed",)),
        other.id: (one.id, ("both are of one series",)),
    }
    assert reasons(past(1), past(2)) == {}  # a repetition, which is said as such


def test_data_is_shown_by_what_the_user_called_it_and_older_lines_have_no_name(past: Maker) -> None:
    named = past(2, data="e" * 32, data_name="v3")
    older = line_of(past(1)).replace(b',"data_name":""', b"")

    kept = Kept((run_of(older) or past(9), run_of(line_of(named)) or past(9)))

    assert kept.runs == (past(1), named)
    lines = page(kept, "history.jsonl", 30, 100).splitlines()
    assert lines[1] == "    python job.py"
    assert lines[3:5] == ["    python job.py  (data: v3)", "    no repeat of 00000001: other data"]
