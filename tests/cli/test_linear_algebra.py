"""The fit's linear algebra has one thread; the program finds its own environment."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from energyprof.cli.linear_algebra import THREADS

ASKED = """
import os, sys
from energyprof.cli.linear_algebra import in_one_thread
if len(sys.argv) > 1:
    import numpy
in_one_thread()
print([os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")])
"""


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        ([], {}, "['1', '1']"),
        ([], {"OPENBLAS_NUM_THREADS": "3"}, "['3', '1']"),
        (["numpy is loaded"], {}, "[None, None]"),
    ],
)
def test_one_thread_unless_the_user_says_more_or_it_is_too_late(
    words: list[str], environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    done = subprocess.run([sys.executable, "-c", ASKED, *words], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == said


def test_the_program_sees_nothing_of_it(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    place.write("job.py", "import os\nprint([name for name in os.environ if 'NUM_THREADS' in name])\n")

    ran = place.run("-q", "--no-graph", "job.py")

    assert ran.stdout.strip() in {b"[]", "[]"}
