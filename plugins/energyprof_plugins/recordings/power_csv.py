"""Power as the CSV that `--source replay` reads, too: `domain,t_ns,value,unit`, units J, mJ, uJ or W, mW, uW.

Every reading carries its own time; a power reading is the mean since the row before. What the file does not say of
period, window, wrap and gain error, options may. Times of a domain ascend.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from energyprof.errors import InputError, SourceError
from energyprof.model.imported import ForeignClock, ImportedPower, ImportWishes
from energyprof.model.power import Readings
from energyprof_plugins.power.replay_file import BadRowsError, Series, read_power
from energyprof_plugins.recordings.spans_csv import SINCE_1970_NS


class PowerCsv:
    """Read `domain,t_ns,value,unit`."""

    name = "power_csv"
    rank: Final = 90

    def knows(self, head: str) -> bool:  # noqa: ARG002 - the last one asked
        """Return True: what nobody else knows is taken to be this, and its error says what is missing."""
        return True

    def read(self, path: str, wishes: ImportWishes, progress: Callable[[float], None]) -> ImportedPower:
        """Return the readings; raises InputError."""
        try:
            series, bad = read_power(path, ascending=True, skip_bad=wishes.skip_bad, defaults=wishes.described)
        except BadRowsError as error:
            raise InputError(f"{error}, or leave them out with --skip-bad; nothing was imported") from error
        except SourceError as error:
            raise InputError(str(error).replace("cannot be replayed", "cannot be read")) from error
        progress(1.0)
        is_wall_clock = min(one.t_ns[0] for one in series) > SINCE_1970_NS
        source = f"import {os.path.basename(path)}"
        return ImportedPower(
            source="power",
            domains=tuple(replace(one.domain, source=source) for one in series),
            readings={one.domain.id: _readings(one) for one in series},
            clock=ForeignClock(unix_offset_ns=0 if is_wall_clock else None),
            warnings=(*((f"{bad}; left out",) if bad else ()), *(_held(one) for one in series if one.is_held)),
        )


def _held(series: Series) -> str:
    return (
        f"{series.domain.id}: most rows repeat the value before; if its sensor is updated less often than the file was "
        "written, figures and intervals are wrong: say --period 100ms, and --window where a reading averages"
    )


def _readings(series: Series) -> Readings:
    t_ns = np.array(series.t_ns, np.int64)
    return Readings(t_ns, t_ns, np.array(series.raw, np.int64), np.zeros(len(t_ns), np.uint8))
