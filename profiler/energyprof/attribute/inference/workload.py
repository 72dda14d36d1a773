"""The workload: who was there between ascending instants, as sparse matrices bins x columns.

For bin m = [t_m, t_m+1] and column k, over the segments i of k:

    time      o_mk = sum of overlap_mi, in s; in a CPU's domain the CPU time of that overlap (cpu_shares.py)
    carried   v_mk = sum of overlap_mi * d_i, d_i the length of segment i: a segment whose power is off by e_i from its
              column's D_k adds e_i * overlap, and with e_i of variance (rho D_k)^2, shared out evenly over the segment,
              rho^2 D_k^2 v_mk is the variance that k carries in bin m: (rho D_k d_i)^2 for the whole of i
    stretched sum of overlap_mi * f_i, f_i = ln(d_i / c_k) within +- ln 3 and less its mean over the time of k, c_k the
              usual length: by how much the calls there are longer than others of k (parameters.py)
    tail      what of an impulse response with time constant T is still to come at the bin's end (design.py):
              sum of exp(-(t_m+1 - end)/T) - exp(-(t_m+1 - start)/T)

Bins that nobody asks about cost nothing. The last column is the time outside any stage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from energyprof.attribute.cpu_shares import CpuShares
from energyprof.attribute.inference.columns import Columns
from energyprof.attribute.inference.work import Work
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import sum_by
from energyprof.attribute.timeline import Timeline
from energyprof.attribute.weights import Parts, presence
from energyprof.model.span import Flags, Floats

_FAR_NS = 2.0**60
LONGEST = float(np.log(3.0))
"""Calls three times as long as usual, or a third, count as the longest and shortest: what is rare bends no slope."""


@dataclass(frozen=True, slots=True, eq=False)
class Occupancy:
    """Sparse matrices bins x columns, in seconds."""

    time: csr_matrix
    carried: csr_matrix
    stretched: csr_matrix
    tail: csr_matrix | None
    """None: not asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """The segments that count for a domain, and how they share it."""

    segments: Segments
    """Ordered by start."""
    parts: Parts
    """How they share time."""
    columns: Columns
    work: Work
    """The same, with the stretches in which no stage was open."""

    @staticmethod
    def of(
        segments: Segments, line: Timeline, shares: CpuShares | None, columns: Columns, parts: Parts | None = None
    ) -> Workload:
        """Return the workload of segments; `line` knows when none is open.

        `shares`: how they share CPU time; None: power goes with the time that lanes are busy.
        `parts`: how they share time; None: those open at once alike.
        """
        start, end = np.maximum(line.idle[0], -_FAR_NS), np.minimum(line.idle[1], _FAR_NS)
        kept = end > start
        work = Work(segments, (start[kept], end[kept]), _longer(segments, columns), columns, shares)
        return Workload(segments, parts or ((segments, line.sharing),), columns, work)

    def near(self, start_ns: Floats, end_ns: Floats) -> Workload:
        """Return what `occupancy` needs of it for bins within these stretches, which ascend and lie apart."""
        return replace(self, work=self.work.near(start_ns, end_ns))

    def occupancy(self, edge_ns: Floats, asked: Flags, response_ns: float = 0.0) -> Occupancy:
        """Return who was there in each bin between ascending edges; bins not `asked` for stay empty."""
        found = self.work.between(edge_ns, asked, response_ns)
        size = (len(edge_ns) - 1, self.columns.count + 1)
        begins = np.searchsorted(found.bin, np.arange(size[0] + 1)).astype(np.int32)  # as scipy has it, for all of them
        matrices = [csr_matrix((amount, found.column, begins), shape=size) for amount in found.amounts]
        return Occupancy(matrices[0], matrices[1], matrices[2], matrices[3] if response_ns else None)

    def shared(self, edge_ns: Floats, asked: Flags) -> csr_matrix:
        """Return the time of each bin divided among the lanes busy, in s: what carries the baseline."""
        size = (len(edge_ns) - 1, self.columns.count + 1)
        stages = len(self.columns.of_stage)
        cells = presence(self.parts, edge_ns[:-1][asked], edge_ns[1:][asked], stages)
        column = np.append(self.columns.of_stage, self.columns.count)[cells.stage]
        return csr_matrix((cells.time_ns * 1e-9, (np.flatnonzero(asked)[cells.window], column)), shape=size)


def _longer(segments: Segments, columns: Columns) -> Floats:
    """Return of each segment by how much it is longer than others of its column."""
    column, length = columns.of_stage[segments.stage], segments.end_ns - segments.start_ns
    total = np.maximum(sum_by(column, length, columns.count), 1e-9)
    usual = np.maximum(sum_by(column, length**2, columns.count) / total, 1e-9)
    longer: Floats = np.log(length / usual[column])
    np.clip(longer, -LONGEST, LONGEST, out=longer)
    mean = sum_by(column, length * longer, columns.count) / total
    longer -= mean[column]
    return longer
