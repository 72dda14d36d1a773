"""How numpy works for us, whose arrays are many and small: in one thread, and in pages of the usual size.

OpenBLAS hands each product to all cores, which then wait for each other longer than they work (a fit of 1e6 spans and
1e5 readings on two cores: 2.2 s of CPU time in one thread, 4.6 to 6.4 s in two).

numpy asks the kernel for huge pages for each array of 4 MiB or more (its manual, "Global State"). Where memory is in
pieces the kernel then moves others' pages about, each time, before the array can be written to (the report of the same
run on a machine that has been up for a day: a median of 6.7 s with them, 4.6 s without).
"""

from __future__ import annotations

import os
import sys

SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMPY_MADVISE_HUGEPAGE": "0"}
"""Read once, when numpy is loaded (the manuals of these libraries)."""


def settle_numpy() -> None:
    """Set them for this process, unless numpy is loaded already or the user has said something else.

    Of a run: only once the program is started, which must find the environment that it was given.
    """
    if "numpy" not in sys.modules:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
