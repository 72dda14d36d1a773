"""Which files a program consists of: its own, found by reading, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyprof.errors import InputError
from energyprof.past import sources
from energyprof.past.sources import Sources


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(found: Sources) -> list[str]:
    return [name for name, _ in found.contents()]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import model", ["model.py"]),
        ("import json, os", []),
        ("from net import layers", ["net/__init__.py", "net/layers.py"]),
        ("import net.deep.block as b", ["net/__init__.py", "net/deep/block.py"]),
        ("def f():\n    import model", ["model.py"]),
        ("import cycle", ["cycle.py"]),
        ("import energyprof", []),
        ("import model.nothing", ["model.py"]),
    ],
)
def test_modules_of_its_own_are_found_wherever_they_are_imported(
    tmp_path: Path, statement: str, expected: list[str]
) -> None:
    write(
        tmp_path,
        {
            "job.py": statement,
            "model.py": "",
            "cycle.py": "import cycle",
            "net/__init__.py": "",
            "net/layers.py": "",
            "net/deep/block.py": "",
            "energyprof.py": "",
        },
    )
    found = Sources([str(tmp_path)])

    found.add_file(str(tmp_path / "job.py"), "")

    assert names(found) == ["", *expected]


def test_relative_imports_start_from_their_package(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "net/__init__.py": "",
            "net/__main__.py": "from . import near\nfrom .sub.far import x",
            "net/near.py": "",
            "net/sub/__init__.py": "from ..top import y",
            "net/sub/far.py": "",
            "net/top.py": "",
            "near.py": "",
        },
    )
    found = Sources([str(tmp_path)])

    assert found.add_module("net")

    assert names(found) == [
        "net/__init__.py", "net/__main__.py", "net/near.py", "net/sub/__init__.py", "net/sub/far.py", "net/top.py",
    ]  # fmt: skip


def test_what_is_no_python_counts_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "job.pyz").write_bytes(b"PK\0\0")
    found = Sources([str(tmp_path)])

    found.add_file(str(tmp_path / "job.pyz"), "")

    assert list(found.contents()) == [("", b"PK\0\0")]


def test_more_files_than_can_be_looked_at_are_refused(tmp_path: Path) -> None:
    for number in range(sources.MOST_FILES + 1):
        (tmp_path / f"m{number}.py").touch()
    found = Sources([str(tmp_path)])

    with pytest.raises(InputError, match="more than 2000 files"):
        found.add_folder(str(tmp_path))


def test_an_installed_module_is_not_its_own(tmp_path: Path) -> None:
    assert not Sources([str(tmp_path)]).add_module("torch.distributed.run")
