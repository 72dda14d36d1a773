"""How many threads the linear algebra of a fit has: one, as its products are many and small.

OpenBLAS hands each product to all cores, which then wait for each other longer than they work (a fit of 1e6 spans and
1e5 readings on two cores: 2.2 s of CPU time in one thread, 4.6 to 6.4 s in two).
"""

from __future__ import annotations

import os
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read once by these libraries, when numpy loads them (their manuals)."""


def in_one_thread() -> None:
    """Set it for this process, unless numpy is loaded already or the user has said a number.

    Of a run: only once the program is started, which must find the environment that it was given.
    """
    if "numpy" not in sys.modules:
        for name in THREADS:
            os.environ.setdefault(name, "1")
