"""That the program itself changed is stated, with the files, and is no reason not to compare."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from energyprof.model.program import ProgramFacts, Scope
from energyprof.report.changed_program import changed_program, other_versions
from energyprof.report.difference import difference

A, B = "a" * 40, "b" * 40


def run(sample: Any, program: ProgramFacts | None) -> Any:
    report = sample.make_report([sample.Part("train", (10.0,))], command=("python", "job.py"))
    return dataclasses.replace(report, run=dataclasses.replace(report.run, program=program))


def version(
    script: str = "1", commit: str = "", clean: bool | None = None, scope: Scope = "imports", **files: str
) -> ProgramFacts:
    named = [("", script), *((f"{name}.py", digest) for name, digest in files.items())]
    return ProgramFacts(tuple(sorted(named)), scope, commit, clean)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (version("1"), version("2"), "the program changed (it differs: job.py)"),
        (version(model="1"), version(model="2"), "the program changed (1 of its 2 files differs: model.py)"),
        (version(), version(model="1"), "the program changed (1 of its 2 files differs: model.py new)"),
        (version(model="1"), version("2"), "the program changed (2 of its 2 files differ: job.py, model.py gone)"),
        (
            version(a="1", b="1", c="1", d="1"),
            version(a="2", b="2", c="2", d="2"),
            "the program changed (4 of its 5 files differ: a.py, b.py, c.py, 1 more)",
        ),
        (
            version("1", A, clean=True),
            version("2", B, clean=False),
            "the program changed (it differs: job.py; commit aaaaaaaaaa before, bbbbbbbbbb with changes that are not committed after)",  # noqa: E501
        ),
        (
            version("1", A, clean=True),
            version("2", A, clean=False),
            "the program changed (it differs: job.py; commit aaaaaaaaaa, after with changes that are not committed)",
        ),
    ],
)
def test_the_files_and_commits_are_named(sample: Any, old: ProgramFacts, new: ProgramFacts, said: str) -> None:
    found = difference([run(sample, old)], [run(sample, new)])

    assert found.changed == (said,)
    assert found.obstacles == ()
    assert found.measured_j.verdict == "chance"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (version("1", A), version("1", B)),
        (None, version("2")),
        (version("1"), None),
        (version("1", model="1"), version("1", scope="loaded")),
    ],
)
def test_what_did_not_change_or_is_not_known_is_not_stated(
    sample: Any, old: ProgramFacts | None, new: ProgramFacts | None
) -> None:
    assert changed_program([run(sample, old)], [run(sample, new)]) == ()


def test_runs_of_one_side_that_are_of_several_versions_are_told(sample: Any) -> None:
    before, after = [version("1"), version("2"), version("1")], [version("2")]

    lines = changed_program([run(sample, one) for one in before], [run(sample, one) for one in after])

    assert lines[1] == "the runs before are of 2 versions of the program, and their mean is of none"


def test_ways_of_several_versions_are_told_and_runs_that_know_nothing_say_nothing(sample: Any) -> None:
    runs = [run(sample, one).run for one in (None, version("1"), version("1"), version("2"))]

    assert other_versions(runs) == ("the program changed between these runs (it differs: job.py)",)
    assert other_versions(runs[:3]) == ()
