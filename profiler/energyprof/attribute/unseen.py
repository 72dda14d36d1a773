"""Threads that ran unseen while others of their process were looked at: what they used is none of the others'.

The first signal comes some time after the program's start, and the main thread takes none while it waits in a call that
the system restarts; the others are looked at all the same. Each such gap becomes pieces that take part in dividing a
stage's energy like samples, and whose part then belongs to no function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.intervals import Stretches, between_stretches, ranges
from energyprof.model.span import Flags, Floats, Index, Ints
from energyprof.model.stacks import Samples

SHORT_NS = 25e6
"""A gap up to this long, between two looks that are late or after a thread's last, goes as the rest of its stage."""
PIECE_NS = 10e6
"""The period of samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Stretches of time of threads, in ns since the start of the run, and the stage each belongs to."""

    start_ns: Floats
    end_ns: Floats
    stage: Ints
    pid: Index
    tid: Index

    def __len__(self) -> int:
        return len(self.stage)

    def of(self, rows: Flags, shift_ns: float) -> Pieces:
        """Return some of them, `shift_ns` later."""
        start, end = self.start_ns[rows] + shift_ns, self.end_ns[rows] + shift_ns
        return Pieces(start, end, self.stage[rows], self.pid[rows], self.tid[rows])


def unseen(samples: Samples, origin_ns: int, cpu: CpuTimes) -> Pieces:
    """Return when threads that were sampled at some time were not, their stages all 0."""
    start = (samples.start_ns - origin_ns).astype(np.float64)
    end = (samples.end_ns - origin_ns).astype(np.float64)
    found: list[tuple[int, Stretches]] = []
    for pid in np.unique(samples.pid).tolist():
        mine = np.flatnonzero(samples.pid == pid)
        mine = mine[np.lexsort((start[mine], samples.tid[mine]))]
        taken = Stretches(samples.tid[mine], start[mine], end[mine])
        found.append((pid, _that_matter(between_stretches(taken, start[mine].min(), end[mine].max()), pid, cpu)))
    count = [np.ceil((gaps.end_ns - gaps.start_ns) / PIECE_NS).astype(np.int64) for _, gaps in found]
    begins = [
        np.repeat(gaps.start_ns, of) + PIECE_NS * ranges(np.zeros(len(of), np.int64), of)
        for (_, gaps), of in zip(found, count, strict=True)
    ]
    ends = [
        np.minimum(begin + PIECE_NS, np.repeat(gaps.end_ns, of))
        for (_, gaps), of, begin in zip(found, count, begins, strict=True)
    ]
    pieces = [int(of.sum()) for of in count]
    return Pieces(
        np.concatenate([np.zeros(0), *begins]),
        np.concatenate([np.zeros(0), *ends]),
        np.zeros(sum(pieces), np.int64),
        np.repeat(np.array([pid for pid, _ in found], np.int32), pieces),
        np.concatenate(
            [np.zeros(0, np.int32), *(np.repeat(gaps.lane, of) for (_, gaps), of in zip(found, count, strict=True))]
        ),
    )


def _that_matter(gaps: Stretches, pid: int, cpu: CpuTimes) -> Stretches:
    """Return the long gaps: of the main thread all, of others the part in which they ran."""
    start, end = gaps.start_ns.copy(), gaps.end_ns.copy()
    long = np.flatnonzero(end - start > SHORT_NS)
    for row in long[gaps.lane[long] != pid].tolist():
        measure = cpu.threads.get((pid, int(gaps.lane[row])))
        if measure is None:
            end[row] = start[row]
            continue
        used = measure.at(np.array([start[row], end[row]]))
        first = int(np.searchsorted(measure.value, used[0], "right"))  # the first point beyond what it had used
        last = int(np.searchsorted(measure.value, used[1], "left"))
        if used[1] <= used[0]:
            end[row] = start[row]
            continue
        start[row] = max(start[row], measure.point_ns[max(first - 1, 0)])
        end[row] = min(end[row], measure.point_ns[min(last, len(measure.point_ns) - 1)])
    kept = np.flatnonzero(end - start > SHORT_NS)
    return Stretches(gaps.lane[kept], start[kept], end[kept])
