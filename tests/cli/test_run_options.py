"""Where our options end and the program's words begin."""

from __future__ import annotations

import argparse
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.cli.plain_words import plain_words
from energyprof.cli.run_options import add_options, chosen_program, parted
from energyprof.errors import InputError
from energyprof.sources import parsed_source


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser)
    return parser.parse_args(parted(words))


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (["-q", "-c", "pass", "-q", "--help"], ["-c", "pass", "-q", "--help"]),
        (["-m", "json.tool", "--", "-o", "x"], ["-m", "json.tool", "--", "-o", "x"]),
        (["--max-hz", "5", "-m", "m", "a", "--", "b", "-m"], ["-m", "m", "a", "--", "b", "-m"]),
        (["-mjson.tool", "-q"], ["-m", "json.tool", "-q"]),
        (["-qcpass", "-mjson"], ["-c", "pass", "-mjson"]),
        (["-qm", "m", "-cx"], ["-m", "m", "-cx"]),
        (["-", "-cpass"], ["-", "-cpass"]),
        (["--", "-", "--source"], ["-", "--source"]),
        (["-", "--", "-q", "--no-such", "-x"], ["-", "--", "-q", "--no-such", "-x"]),
    ],
)
def test_all_from_the_programs_first_word_on_is_its_own(words: list[str], argv: list[str]) -> None:
    args = parse(*words)

    assert list(chosen_program(args).argv) == [sys.executable, *argv]


def test_our_options_are_those_before_the_program() -> None:
    args = parse("-q", "--no-graph", "--source", "nvml", "--source=replay:a:b.csv", "-", "--no-live", "-o", "x")

    assert (args.quiet, args.no_graph, args.no_live, args.output) == (True, True, False, None)
    assert [parsed_source(text) for text in args.sources] == [("nvml", ""), ("replay", "a:b.csv")]


def test_any_program_takes_its_words_with_or_without_the_dashes() -> None:
    for words in (["--exec", "--", "/bin/sh", "-c", "x"], ["--exec", "/bin/sh", "-c", "x"]):
        assert chosen_program(parse(*words)).argv == ("/bin/sh", "-c", "x")


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        ([], "SCRIPT is missing"),
        (["--"], "SCRIPT is missing"),
        (["-c"], "-c CODE is missing"),
        (["--exec", "--"], "PROGRAM is missing"),
        (["--exec", "-m", "a"], "two ways to name the program"),
        (["--exec", "--python", "p", "--", "a"], "do not go together"),
    ],
)
def test_a_missing_or_double_program_is_refused(words: list[str], fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        chosen_program(parse(*words))


@pytest.mark.parametrize("text", ["0", "-1", "nan", "many", "100000"])
def test_an_impossible_rate_is_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(f"--max-hz={text}", "-")

    assert caught.value.code == 2
    assert "is no rate; choose 0.1 to 1000 Hz" in capsys.readouterr().err


USUAL = [
    ["-q"],
    ["--quiet"],
    ["--no-graph"],
    ["--no-live"],
    ["--sync"],
    ["--stacks"],
    ["--no-stacks"],
    ["--python", "bin/python"],
    ["--source", "replay:power.csv"],
    ["--max-hz", "20"],
    ["--max-size", "500M"],
    ["--max-overhead", "1%"],
    ["-o", "job.eprof"],
    ["--output", "job.eprof"],
    ["-O"],
    ["-W", "error"],
    ["-X", "dev"],
]
UNUSUAL = [
    ["-h"],
    ["--max-hz", "fast"],
    ["--max-hz", "0"],
    ["--max-hz", "nan"],
    ["--max-size", "1K"],
    ["--max-overhead", "lots"],
    ["--max-hz=20"],
    ["--source", "-x"],
    ["-o", ""],
    ["-qo", "job.eprof"],
    ["--no-such"],
    ["--exec"],
    ["--"],
    ["-o"],
]
PROGRAMS = [["job.py", "-q", "--epochs", "3"], ["-m", "json.tool", "-h"], ["-c", "pass"], ["-", "x"], ["-m"], [""], []]


@given(st.lists(st.sampled_from(USUAL), max_size=4), st.sampled_from(PROGRAMS[:4]))
def test_usual_words_need_no_argparse_and_mean_the_same(options: list[list[str]], program: list[str]) -> None:
    words = [*(word for option in options for word in option), *program]

    read = plain_words(parted(words))

    if read is not None:
        assert vars(read) == vars(parse(*words))
    else:
        assert {"--stacks", "--no-stacks"} & {*words}


@given(st.lists(st.sampled_from([*USUAL, *UNUSUAL]), max_size=4), st.sampled_from(PROGRAMS))
def test_what_is_read_without_argparse_is_what_argparse_reads(options: list[list[str]], program: list[str]) -> None:
    words = [*(word for option in options for word in option), *program]

    read = plain_words(parted(words))

    assert read is None or vars(read) == vars(parse(*words))


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("300K", 300 << 10), ("500M", 500 << 20), ("2GiB", 2 << 30), ("1.5 gb", 3 << 29), ("1048576", 1 << 20)],
)
def test_a_size_is_written_as_people_write_it(text: str, size: int) -> None:
    assert parse(f"--max-size={text}", "-").max_size == size


@pytest.mark.parametrize(
    ("text", "said"),
    [("100K", "choose 256K or more, or 0 for any size"), ("-1", "write it as 500M"), ("big", "write it as 500M")],
)
def test_an_impossible_size_is_a_usage_error(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(f"--max-size={text}", "-")

    assert caught.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
