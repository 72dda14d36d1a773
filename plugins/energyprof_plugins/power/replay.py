"""Replay a recorded or scripted power series: `--source replay:FILE.csv`.

The file has a header line and one row for each update of the recorded sensor; `t_ns` counts from the start of the run:

    # period=100ms gain_error=0.05
    # gpu:0 wrap=4294967296
    domain,t_ns,value,unit
    gpu:0,0,1200,mJ
    gpu:0,100000000,6200,mJ

Units J, mJ, uJ make an energy counter, W, mW, uW a power reading: the mean since the row before it, as power meters
log. Each row enters the run at its own time, however often it is polled. What a comment line says holds for one
domain, or for all where none is named: `period` and `window` (ns, us, ms or s; a bare number is nanoseconds), `wrap`
(in the domain's unit), `parent`, `gain_error` (a fraction, or low/high as in 0.05/0.1). Columns of these names say the
same.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus

if TYPE_CHECKING:
    from energyprof_plugins.power.replay_file import Series


class Replay:
    """Hand out every row when its time has come, dated as it says; the time beyond the rows is a gap."""

    name = "replay"
    measures: Literal["sensor", "model", "replay"] = "replay"
    rank = 10

    def __init__(self) -> None:
        self._series: tuple[Series, ...] = ()
        self._next: list[int] = []
        self._now_ns: Callable[[], int] = lambda: 0
        self._start_ns = 0

    def why_unavailable(self, context: SourceContext) -> str | None:
        """Return what is wrong with the file, if anything."""
        path = context.argument
        if not path:
            return "replay needs a file; try: --source replay:FILE.csv"
        if not os.path.isfile(path):
            return f"there is no file {path!r} to replay; try: --source replay:FILE.csv"
        from energyprof_plugins.power.replay_file import read_series

        try:
            read_series(path)
        except SourceError as error:
            return str(error)
        return None

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Read the whole file and return its domains, in the order of their first rows."""
        reason = None if context.argument else self.why_unavailable(context)
        if reason is not None:
            raise SourceError(reason)
        from energyprof_plugins.power.replay_file import read_series  # no other run needs what it imports

        self._series = read_series(context.argument)
        self._next = [bisect_left(series.t_ns, 0) for series in self._series]
        self._now_ns, self._start_ns = context.now_ns, context.start_ns
        return tuple(series.domain for series in self._series)

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Return the rows whose time has come since the last read; that a series has ended is said once."""
        t_ns = self._now_ns() - self._start_ns
        answers: list[Reading | ReadFailure] = []
        for index, series in enumerate(self._series):
            id_, first = series.domain.id, self._next[index]
            reached = bisect_right(series.t_ns, t_ns)
            answers += [
                Reading(id_, series.raw[row], self._start_ns + series.t_ns[row]) for row in range(first, reached)
            ]
            self._next[index] = max(first, reached)
            if t_ns > series.end_ns and self._next[index] == len(series.t_ns):
                self._next[index] += 1
                answers.append(ReadFailure(id_, ReadStatus.ENDED, "the replayed series has ended"))
        return answers

    def close(self) -> None:
        """Forget the rows."""
        self._series, self._next = (), []
