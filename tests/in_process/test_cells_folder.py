"""The folder of a notebook's cells: gone with its kernel, or once another one begins; never while its kernel lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from energyprof.in_process.cells_folder import remove_orphans

MAKE = "from energyprof.in_process.cells_folder import make_cells_folder as make; print(make(), flush=True); input()"


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Return a process that has made its folder and waits, and the folder."""
    seen = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-c", MAKE]
    with subprocess.Popen(words, env=seen, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_folder_whose_kernel_was_killed_goes_with_the_next_session(
    kernel: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    process, folder = kernel
    (folder / "cell-1.eprof").write_bytes(b"x")
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert folder.is_dir()
    remove_orphans(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_kernel_lives_stays(kernel: tuple[subprocess.Popen[str], Path], tmp_path: Path) -> None:
    _, folder = kernel

    remove_orphans(str(tmp_path))

    assert folder.is_dir()


def test_a_kernel_that_ends_by_itself_leaves_none(kernel: tuple[subprocess.Popen[str], Path], tmp_path: Path) -> None:
    process, _ = kernel

    process.communicate("\n")

    assert list(tmp_path.iterdir()) == []


def test_a_stranger_that_got_the_process_id_keeps_nobodys_folder(tmp_path: Path) -> None:
    space = os.readlink("/proc/self/ns/pid").removeprefix("pid:[").removesuffix("]")
    orphan, elsewhere, unknown = (
        tmp_path / f"energyprof-cells-{words}"
        for words in (f"{os.getpid()}-1-{space}-abc", f"{os.getpid()}-1-7-abc", "abcdefgh")
    )
    for folder in (orphan, elsewhere, unknown):
        folder.mkdir()

    remove_orphans(str(tmp_path))

    assert sorted(tmp_path.iterdir()) == sorted([elsewhere, unknown])
