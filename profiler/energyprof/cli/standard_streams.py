"""Stand in for standard streams that whoever started us has closed: for us alone, the program finds them closed."""

from __future__ import annotations

import os
import sys


def fill_closed_streams() -> None:
    """Open the null device in place of each closed one of the three.

    Left closed, their numbers would be given to files of ours, and what Python has made None cannot be printed to.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, and those below are open by now. No child inherits it.
            os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
