"""Which runs do the same work: content counts, places and times do not."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from energyprof.errors import InputError
from energyprof.model.past import Work
from energyprof.past.fingerprint import Asked, Kind, data_digest, work_of


def work(kind: Kind, *words: str, flags: tuple[str, ...] = (), varied: str = "", python_path: str = "") -> Work:
    asked = Asked(kind, words, flags, sys.executable, ("python", *words), varied)
    return work_of(asked, "", python_path)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "job.py").write_text("import model\n")
    (folder / "model.py").write_text("x = 1\n")
    (folder / "other.py").write_text("")
    monkeypatch.chdir(folder)
    return folder


def test_the_same_files_elsewhere_are_the_same_work(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = work("script", "job.py", "--lr", "1")
    shutil.copytree(project, project.parent / "copy")
    monkeypatch.chdir(project.parent / "copy")

    there = work("script", "job.py", "--lr", "1")

    assert there == here


@pytest.mark.parametrize("file", ["job.py", "model.py"])
def test_a_change_of_a_file_that_it_consists_of_makes_it_other_work(project: Path, file: str) -> None:
    before = work("script", "job.py")
    with (project / file).open("a") as stream:
        stream.write("# changed\n")

    assert not work("script", "job.py").is_work_of(before)


def test_a_change_of_a_file_beside_it_does_not(project: Path) -> None:
    before = work("script", "job.py")
    (project / "other.py").write_text("changed")

    assert work("script", "job.py") == before


@pytest.mark.parametrize(
    "other",
    [
        ("script", ("job.py", "--lr", "2"), {}),
        ("script", ("job.py", "--lr 1"), {}),
        ("script", ("job.py", "--lr", "1"), {"flags": ("-O",)}),
        ("script", ("job.py", "--lr", "1"), {"varied": "OMP_NUM_THREADS=2"}),
        ("module", ("job", "--lr", "1"), {}),
        ("code", ("import job", "--lr", "1"), {}),
    ],
)
def test_other_words_are_other_work(project: Path, other: tuple[Kind, tuple[str, ...], dict[str, str]]) -> None:
    kind, words, more = other

    assert not work(kind, *words, **more).is_work_of(work("script", "job.py", "--lr", "1"))  # type: ignore[arg-type]  # as named


def test_a_script_that_a_launcher_is_given_counts(project: Path) -> None:
    before = work("module", "torch.distributed.run", "--nproc-per-node", "2", "job.py")
    (project / "model.py").write_text("x = 2\n")

    assert not work("module", "torch.distributed.run", "--nproc-per-node", "2", "job.py").is_work_of(before)


def test_a_line_of_code_consists_of_what_it_imports_too(project: Path) -> None:
    before = work("code", "import model")
    (project / "model.py").write_text("x = 2\n")

    assert not work("code", "import model").is_work_of(before)


def test_modules_on_pythonpath_are_its_own(project: Path) -> None:
    library = project.parent / "library"
    library.mkdir()
    (library / "tools.py").write_text("x = 1")
    (project / "job.py").write_text("import tools")
    before = work("script", "job.py", python_path=str(library))
    (library / "tools.py").write_text("x = 2")

    assert not work("script", "job.py", python_path=str(library)).is_work_of(before)


def test_a_script_from_a_pipe_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match="can be read only once"):
        work("script", "-")


def test_versions_are_told_and_do_not_make_it_other_work(project: Path) -> None:
    now = work("script", "job.py")
    names = dict(now.versions)

    assert names["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "numpy" in names
    was = Work(now.program, now.arguments, now.data, "", (("numpy", "1.0"), ("python", names["python"]), ("jax", "9")))
    assert now.is_work_of(was)
    assert now.differences(was) == ("numpy 1.0",)


def test_data_is_known_by_name_or_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    shutil.copy(tmp_path / "a.csv", tmp_path / "b.csv")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/part.csv").write_text("1,2")

    said = [
        data_digest(words)
        for words in (["v2"], ["v3"], ["v2", "v3"], [f"@{tmp_path}/a.csv"], [f"@{tmp_path}/folder"], [])
    ]

    assert len(set(said)) == 6
    assert said[-1] == ""
    assert data_digest([f"@{tmp_path}/b.csv"]) == said[3]
    (tmp_path / "b.csv").write_text("1,3")
    assert data_digest([f"@{tmp_path}/b.csv"]) != said[3]


@pytest.mark.parametrize("name", ["nothing.csv", "fifo"])
def test_data_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    import os

    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(InputError, match=f"the data .*{name}"):
        data_digest([f"@{tmp_path / name}"])
