"""A fit has one thread and pages of the usual size; the program finds its own environment."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from energyprof.launch.numpy_settings import SETTINGS

ASKED = """
import os, sys
from energyprof.launch.numpy_settings import settle_numpy
if len(sys.argv) > 1:
    import numpy
settle_numpy()
print([os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMPY_MADVISE_HUGEPAGE")])
"""


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        ([], {}, "['1', '1', '0']"),
        ([], {"OPENBLAS_NUM_THREADS": "3"}, "['3', '1', '0']"),
        (["numpy is loaded"], {}, "[None, None, None]"),
    ],
)
def test_numpy_is_settled_unless_the_user_says_more_or_it_is_too_late(
    words: list[str], environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    done = subprocess.run([sys.executable, "-c", ASKED, *words], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == said


def test_the_program_sees_nothing_of_it(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    place.write(
        "job.py", "import os\nprint([name for name in os.environ if 'NUM_THREADS' in name or 'NUMPY' in name])\n"
    )

    ran = place.run("-q", "--no-graph", "job.py")

    assert ran.stdout.strip() in {b"[]", "[]"}
