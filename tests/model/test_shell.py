"""A shell that reads the word has the name back, byte by byte."""

from __future__ import annotations

import os
import subprocess

import pytest

from energyprof.model.shell import in_shell


@pytest.mark.parametrize(
    "name",
    ["run.eprof", "my run.eprof", "a\nb.eprof", "it's\t\\n\x1b[31m1", "caf\u00e9 \u202e1", os.fsdecode(b"\xff9'")],
)
def test_a_shell_finds_the_file_by_what_is_printed(name: str) -> None:
    word = in_shell(name)

    heard = subprocess.run(["bash", "-c", os.fsencode(f"printf %s {word}")], capture_output=True, check=True).stdout

    assert heard == os.fsencode(name)
    assert word.isprintable()
