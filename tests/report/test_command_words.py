"""What a command starts, what it tells the program, and where two commands of one program differ."""

from __future__ import annotations

from typing import Any

import pytest

from energyprof.report.command_words import other_arguments, program_and_arguments
from energyprof.report.comparable import other_programs
from energyprof.report.difference import difference


@pytest.mark.parametrize(
    ("command", "program", "arguments"),
    [
        (("python3.11", "jobs/tr.py", "--lr", "1"), "tr.py", ("--lr", "1")),
        (("python", "-X", "dev", "-O", "tr.py"), "tr.py", ()),
        (("python", "-m", "pack.job", "x"), "-m pack.job", ("x",)),
        (("python", "-c", "pass", "x"), "-c", ("x",)),
        (("tr.py", "x"), "tr.py", ("x",)),
        (("./server", "--port", "1"), "server", ("--port", "1")),
        (("python",), "python", ()),
        ((), "", ()),
    ],
)
def test_the_interpreter_and_its_options_are_no_part_of_what_a_program_is_told(
    command: tuple[str, ...], program: str, arguments: tuple[str, ...]
) -> None:
    assert program_and_arguments(command) == (program, arguments)


def run(sample: Any, *command: str) -> Any:
    return sample.make_report([sample.Part("a", (5.0,))], command=command)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "--width 64 --validate bad", "(--width 64 --validate bad only after)"),
        (
            "--width 32 -q data",
            "--width 64 data -q",
            "(--width 32 -q data only before and --width 64 data -q only after)",
        ),
        ("--lr=1 a", "--lr=2 a", "(--lr=1 only before and --lr=2 only after)"),
        ("a b", "b a", "the order of the arguments differs"),
    ],
)
def test_the_arguments_that_differ_are_named(sample: Any, old: str, new: str, said: str) -> None:
    before, after = (run(sample, "python", "tr.py", *words.split()) for words in (old, new))

    assert other_arguments([before], [after]).endswith(said)


def test_one_command_or_several_of_a_side_or_another_program_have_no_arguments_to_name(sample: Any) -> None:
    one, same, told, other = (
        run(sample, *words.split())
        for words in ("python tr.py", "python3.11 tr.py", "python tr.py -q", "python serve.py")
    )

    assert other_arguments([one], [same]) == ""
    assert other_arguments([one, told], [one]) == ""
    assert other_arguments([one], [other]) == ""
    assert other_programs([one, same]) == ()
    assert "the programs differ (tr.py; serve.py)" in other_programs([one, other])[0]


def test_a_difference_states_other_arguments_with_the_change_of_the_program(sample: Any) -> None:
    found = difference([run(sample, "python", "tr.py")], [run(sample, "python3", "tr.py", "--width", "64")])
    alike = difference([run(sample, "python", "tr.py")], [run(sample, "python3", "tr.py")])

    assert found.told_otherwise == "the program was told otherwise (--width 64 only after)"
    assert not any("commands differ" in line for line in (*found.cautions, *alike.cautions))
    assert alike.told_otherwise == ""


def test_very_long_arguments_are_cut(sample: Any) -> None:
    told = other_arguments([run(sample, "tr.py")], [run(sample, "tr.py", "x" * 500)])

    assert len(told) < 150
