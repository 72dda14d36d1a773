"""Whether a run is remembered: nobody is, who did not ask for it; the nearest word counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyprof.errors import InputError
from energyprof.remembering import DATA, REMEMBER, Wish, wished


def project(tmp_path: Path, text: str) -> Path:
    (tmp_path / "pyproject.toml").write_text(f"[tool.energyprof]\n{text}\n")
    (tmp_path / "deep").mkdir()
    return tmp_path / "deep"


def test_nothing_is_remembered_unless_asked_for(tmp_path: Path) -> None:
    assert wished(None, [], {}, tmp_path) is None
    assert wished(None, [], {}, project(tmp_path, 'region = "FR"')) is None


@pytest.mark.parametrize(
    ("flag", "data", "environment", "text", "expected"),
    [
        (True, [], {}, "", Wish((), False)),
        (None, ["v2"], {}, "", Wish(("v2",), True)),
        (None, [], {REMEMBER: "1"}, "", Wish((), False)),
        (None, [], {DATA: "v2"}, "", Wish(("v2",), False)),
        (None, [], {}, "remember = true", Wish((), False)),
        (None, [], {}, 'data = "v2"', Wish(("v2",), False)),
        (None, [], {}, 'remember = false\ndata = "v2"', None),
        (True, [], {}, 'remember = false\ndata = ["v2", "x"]', Wish(("v2", "x"), False)),
        (False, ["v2"], {REMEMBER: "yes"}, "remember = true", None),
        (None, [], {REMEMBER: "0"}, "remember = true", None),
        (None, [], {REMEMBER: "0", DATA: "v2"}, "", None),
        (True, [], {REMEMBER: "0", DATA: "v2"}, "", Wish(("v2",), False)),
        (None, ["v3"], {REMEMBER: "0", DATA: "v2"}, 'data = "v1"', Wish(("v3",), True)),
    ],
)
def test_the_nearest_word_counts(  # the columns of the table
    tmp_path: Path, flag: bool | None, data: list[str], environment: dict[str, str], text: str, expected: Wish | None
) -> None:
    assert wished(flag, data, environment, project(tmp_path, text)) == expected


def test_files_that_a_project_names_are_beside_its_file(tmp_path: Path) -> None:
    found = wished(None, [], {}, project(tmp_path, 'data = "@train.csv"'))

    assert found == Wish((f"@{tmp_path / 'train.csv'}",), False)


@pytest.mark.parametrize(
    ("environment", "text", "said"),
    [
        ({REMEMBER: "perhaps"}, "", "ENERGYPROF_REMEMBER=perhaps is neither yes nor no"),
        ({}, 'remember = "yes"', "remember is neither true nor false"),
        ({}, "data = 3", "data is no text"),
        ({}, "memory = true", r"has no 'memory'; it may have .*remember, data"),
    ],
)
def test_what_is_no_answer_is_told(tmp_path: Path, environment: dict[str, str], text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        wished(None, [], environment, project(tmp_path, text))
