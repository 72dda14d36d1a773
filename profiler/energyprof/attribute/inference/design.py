"""The design: what each row would show, given the power of every stage; the sensor's response and its timing in it.

Row w = [a, b] (a sensor that lags shows it `lag` later) has for column k the expected occupancy

    x_wk = E[ C_k(b - lag + s e) - C_k(a - lag + s e) ],   C_k(t) = time of k up to t,  e ~ N(0, 1)

because the instant of an update is known to a standard deviation s only. Who takes the middle instead has Berkson's
errors in the variables: stages shorter than s come out too flat (Carroll et al., Measurement Error in Nonlinear
Models, 2006, section 1.4). The expectation is taken by Gauss-Hermite quadrature with three nodes (exact for
polynomials of degree 5). The same nodes give what the uncertain instant costs: with M(t) = sum over k of D_k C_k(t),
the model's energy up to t, the variance of M(t + s e) is that of an edge. A counter's rows share edges; the window of a
power reading moves as a whole.

A sensor with a first-order response of time constant T shows C_k(t) - T z_k(t) for C_k(t), z being the occupancy
filtered by exp(-t/T)/T: exact, from the tails q of every bin (workload.py) carried on from edge to edge,
T z(t_m+1) = exp(-(t_m+1 - t_m)/T) T z(t_m) + q_m.

The derivative of a row's energy by the lag follows from the nodes as well: E[M'(t + s e)] = E[e M(t + s e)] / s
(Stein).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtbtrs
from scipy.sparse import csr_matrix

from energyprof.attribute.inference.rows import Rows
from energyprof.attribute.inference.workload import Workload
from energyprof.attribute.intervals import ranges
from energyprof.model.span import Flags, Floats, Ints

NODES = np.array((-(3**0.5), 0.0, 3**0.5))
WEIGHTS = np.array((1 / 6, 2 / 3, 1 / 6))
FORGOTTEN = 16.0
"""Time constants after which a response has decayed to 1e-7."""
COLUMNS = 32
"""How many are filtered at a time."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How the sensor sees time, in ns."""

    lag_ns: float
    jitter_ns: float
    response_ns: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The rows of one domain under one timing."""

    rows: Rows
    timing: Timing
    start_ns: Floats
    end_ns: Floats
    """Of each row, the lag undone."""
    occupied: Floats
    """Rows x columns (the last: outside), in s, expected."""
    carried: Floats
    """Rows x columns, in s^2, expected."""
    stretched: Floats
    """Rows x columns, in s, expected."""
    edge_ns: Floats
    """Ascending, of the bins."""
    time: csr_matrix
    """Bins x columns, as it was."""
    carried_by_bin: csr_matrix
    first: tuple[Ints, ...]
    """Per node, the edge at which each row begins; `last`: ends."""
    last: tuple[Ints, ...]
    asked: Flags

    @property
    def duration_s(self) -> Floats:
        """Return the length of each row."""
        return (self.end_ns - self.start_ns) * 1e-9

    def energy_until(self, power_w: Floats, base_w: float) -> Floats:
        """Return the model's energy up to each edge, in J, counting bins that some row holds."""
        step = self.time @ power_w + np.where(self.asked, base_w * np.diff(self.edge_ns) * 1e-9, 0.0)
        return np.append(0.0, np.cumsum(step))

    def lengths_matter(self, part: float) -> Ints:
        """Return the columns whose calls differ so much in length that this shows in the rows."""
        shown = (self.stretched[:, :-1] ** 2).sum(0)
        return np.flatnonzero(shown > part**2 * (self.occupied[:, :-1] ** 2).sum(0))

    def by_lag(self, until_j: Floats) -> Floats:
        """Return the derivative of each row's energy by the lag, in J/s."""
        jitter_s = self.timing.jitter_ns * 1e-9
        parts = zip(NODES, WEIGHTS, self.first, self.last, strict=True)
        slope = sum(node * weight * (until_j[last] - until_j[first]) for node, weight, first, last in parts)
        return -np.asarray(slope) / jitter_s


def design(workload: Workload, rows: Rows, timing: Timing) -> Design:
    """Return the design of these rows."""
    start, end = rows.start_ns - timing.lag_ns, rows.end_ns - timing.lag_ns
    shifts = NODES * timing.jitter_ns
    edges = [side + shift for shift in shifts for side in (start, end)]
    groups = _groups(start + shifts[0], end + shifts[-1], FORGOTTEN * timing.response_ns)
    if timing.response_ns:  # what went on before the first of a group is still shown by it
        edges.append(start[groups] + shifts[0] - FORGOTTEN * timing.response_ns)
    edge, at = np.unique(np.concatenate(edges), return_inverse=True)
    count = len(rows)
    places = at[: 2 * len(NODES) * count].reshape(len(NODES), 2, count)
    first, last = tuple(places[:, 0]), tuple(places[:, 1])
    depth = np.zeros(len(edge) + 1)
    for begin, until in zip(first, last, strict=True):
        np.add.at(depth, begin, 1.0)
        np.add.at(depth, until, -1.0)
    if timing.response_ns:
        np.add.at(depth, at[2 * len(NODES) * count :], 1.0)
        np.add.at(depth, last[-1][np.append(groups[1:], count) - 1], -1.0)
    asked = np.cumsum(depth)[: len(edge) - 1] > 0.5
    found = workload.occupancy(edge, asked, timing.response_ns)
    expect = _expectation(first, last, len(edge) - 1)
    time, carried, stretched = found.time, found.carried, (expect @ found.stretched).toarray(order="F")
    tail = found.tail
    del found  # the calls' lengths, as large as the rest, are not needed beside the response
    occupied = (expect @ time).toarray(order="F")
    if tail is not None:
        occupied -= _still_to_come(edge, tail, first, last, timing.response_ns)
    return Design(
        rows,
        timing,
        start,
        end,
        occupied,
        (expect @ carried).toarray(order="F"),
        stretched,
        edge,
        time,
        carried,
        first,
        last,
        asked,
    )


def _groups(start: Floats, end: Floats, apart_ns: float) -> Ints:
    """Return the first rows of those that are further apart from all before them."""
    return np.flatnonzero(np.append(True, start[1:] - np.maximum.accumulate(end)[:-1] > apart_ns))


def _expectation(first: tuple[Ints, ...], last: tuple[Ints, ...], bins: int) -> csr_matrix:
    """Return rows x bins: with what weight each bin counts in a row."""
    begin = np.column_stack(first)
    lengths = np.column_stack(last) - begin
    ends = np.append(0, np.cumsum(lengths.sum(1)))
    weight = np.repeat(np.tile(WEIGHTS, len(begin)), lengths.ravel())
    return csr_matrix((weight, ranges(begin.ravel(), lengths.ravel()), ends), shape=(len(begin), bins))


def _still_to_come(
    edge: Floats, tail: csr_matrix, first: tuple[Ints, ...], last: tuple[Ints, ...], response_ns: float
) -> Floats:
    """Return what of each row's time a first-order response has not shown at its end, less what it had not before.

    What it has not shown at an edge is that of the edge before, decayed, and the tail of the bin in between.
    """
    bins, columns = tail.shape
    band = np.zeros((2, bins))
    band[1, :-1] = -np.exp(-np.diff(edge[1:]) / response_ns)
    by_column, total = tail.tocsc(), np.zeros((len(first[0]), columns), order="F")
    for low in range(0, columns, COLUMNS):
        part = slice(low, low + COLUMNS)
        level = dtbtrs(band, by_column[:, part].toarray(order="F"), uplo="L", diag="U")[0]
        for begin, ended, weight in zip(first, last, WEIGHTS, strict=True):
            total[:, part] += weight * (level[ended - 1] - level[begin - 1])
    return total
