"""Names as they may be shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof_plugins.exporters.visible import HIDDEN, program_name, visible


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("train/Net.conv1 [x] <b>", "train/Net.conv1 [x] <b>"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\r\tand tab", "two\\nlines\\r\\tand tab"),
        ("csi \x9b31m", "csi \\x9b31m"),
        ("abc\u202edef", "abc\\u202edef"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("lone \udc80", "lone \\udc80"),
        ("", "''"),
        ("  ", "'  '"),
        ("日本 é ×", "日本 é ×"),
    ],
)
def test_what_does_not_show_as_itself_is_escaped(name, shown):
    assert visible(name) == shown


@given(st.text(), st.booleans())
def test_no_hidden_character_gets_through(name, ascii_only):
    shown = visible(name, ascii_only=ascii_only)

    assert shown
    assert not {unicodedata.category(char) for char in shown} & HIDDEN
    assert shown.isascii() or not ascii_only


def test_both_ends_of_an_endless_name_are_kept():
    shown = visible("a" * 5000 + "end")

    assert len(shown) == 401
    assert shown.endswith("end")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("/usr/bin/python3", "/home/me/pipeline.py", "--in", "/data/x"), "pipeline.py --in /data/x"),
        (("python3.12", "-m", "package.module"), "-m package.module"),
        (("train.py",), "train.py"),
        (("python",), "python"),
        ((), "(no command)"),
    ],
)
def test_a_run_is_called_what_people_call_it(command, name):
    assert program_name(command) == name
