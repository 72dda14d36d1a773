"""What is read from the line of a magic."""

from __future__ import annotations

import pytest

from energyprof.errors import InputError
from energyprof.in_process.magic_words import Words, cell_words, line_words
from energyprof.in_process.magics import load_ipython_extension


def test_options_are_read_and_a_statement_keeps_its_quotes_and_dashes() -> None:
    words, statement = line_words("-o 'my run.eprof' --source=rapl --source \"nvml\" -s took -q f('a  b', -1) # -q")

    assert words == Words("my run.eprof", "took", ("rapl", "nvml"), is_quiet=True)
    assert statement == "f('a  b', -1) # -q"


def test_a_statement_may_begin_with_a_minus_after_two_dashes() -> None:
    assert line_words("-- -x + 1") == (Words(None, None, (), is_quiet=False), "-x + 1")
    assert line_words("-(x)")[1] == "-(x)"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("--nonsense", "there is no option --nonsense; use %%energyprof"),
        ("-o", "-o needs a word after it"),
        ("-s 1st", "'1st' is no name of a variable"),
        ("train()", "'train()' is no option, and the code begins on the next line"),
    ],
)
def test_what_cannot_be_meant_is_said_with_the_usage(line: str, fault: str) -> None:
    with pytest.raises(InputError) as error:
        cell_words(line)

    assert str(error.value).startswith(fault)


def test_a_line_without_a_statement_is_said() -> None:
    with pytest.raises(InputError, match="there is no statement to profile"):
        line_words("-q")


def test_without_ipython_it_is_said_what_to_write_instead() -> None:
    with pytest.raises(InputError, match=r"one writes: %load_ext energyprof; in a program use"):
        load_ipython_extension(None)
