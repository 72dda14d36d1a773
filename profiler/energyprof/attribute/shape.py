"""A counter that is read seldom, and power samples that tell its course: their shape, scaled to the counter's sum.

Samples S(t) and a counter E of the same device see the same power, but for a gain: over the counter's windows that
samples cover wholly, sum of E = factor * sum of S. With that factor the samples are the windows of the counter, as fine
as they come, and add up to what it counted. Where samples are missing, the counter's windows around the gap say what
flowed in it: E - factor * S. What is not known of the factor is common to all samples, and lacks in the gaps.

By how much the counter's windows lie late - its lag, and up to one update that a value is
old when it is read - is where they agree best, within what is known of it.

Samples are not taken for the counter's where they are no finer, leave out half of the time, or contradict it: a tenth
of the energy lies in windows where the two differ by more than 5 % and what flows while unknown edges may lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.split import SPREAD
from energyprof.attribute.updates import Recovered, all_windows, recover
from energyprof.attribute.windows import Windows
from energyprof.model.attribution import COURSE_BY_SAMPLES
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings
from energyprof.model.span import Flags, Floats
from energyprof.model.trace import RunFacts, Trace

FINER = 0.5
"""Samples are of use where they are at most this part of the counter's windows."""
LEAST_COVERED = 0.5
FACTORS = (0.8, 1.25)
"""Gains beyond these are of something else than the counter counts: both may be 5 % off, some cards 10 %."""
ALIKE = 0.05
EDGES = 2.0
"""So many times its edge may a window be off, one at either end."""
CONTRADICTED = 0.1
WHOLLY = 0.999
STEP_NS = 2e6
"""In such steps it is looked for where the two agree best."""


def read_shaped(trace: Trace, domain: Domain, run: RunFacts) -> tuple[Domain, Recovered]:
    """Return the windows of a domain that was read, with its course where another tells it, and as what to take it.

    `run`: of the host that has the domain.
    """
    shape = shape_in(trace, domain)
    if shape is None:
        return domain, recover(domain, trace.readings[domain.id], run.start_ns, run.end_ns, run.sleeps)
    return recover_shaped(domain, shape, trace.readings, run)


def shape_in(trace: Trace, domain: Domain) -> Domain | None:
    """Return the domain whose readings tell the course of a counter; None: there is none, or it was never read.

    Of a run of which not all was stored the counter's windows are enough: they are sums over long stretches anyway.
    """
    return None if trace.counted is not None else _shape_of(trace, domain)


def said_of_counted(trace: Trace, domain: Domain) -> tuple[str, ...]:
    """Return what a reader must know of a domain whose samples are not used because not all of the run was stored."""
    if trace.counted is None or _shape_of(trace, domain) is None:
        return ()
    text = (
        "not all of this run was stored (--max-size): the counter is used alone, without the power samples that its "
        "driver keeps, so that stages shorter than its reads are told apart less well"
    )
    return (text,)


def _shape_of(trace: Trace, domain: Domain) -> Domain | None:
    if domain.id not in trace.readings:
        return None
    return next((one for one in trace.domains if one.shape_of == domain.id and one.id in trace.readings), None)


def recover_shaped(
    domain: Domain, shape: Domain, readings: Mapping[DomainId, Readings], run: RunFacts
) -> tuple[Domain, Recovered]:
    """Return the windows of a counter with the course that `shape` tells, and the domain that has such readings.

    Where the two do not go together it is the counter alone, with a note that says why.
    """

    def alone(note: str = "") -> tuple[Domain, Recovered]:
        plain = recover(domain, readings[domain.id], run.start_ns, run.end_ns, run.sleeps)
        if note:
            note = f"the power samples that its driver keeps are not used: {note}"
            plain = replace(plain, run=replace(plain.run, notes=(*plain.run.notes, note)))
        return domain, plain

    counted, _ = all_windows(domain, readings[domain.id], run.start_ns, run.end_ns, run.sleeps)
    shape = _each_new(shape, readings[shape.id])
    seen, _ = all_windows(shape, readings[shape.id], run.start_ns, run.end_ns, run.sleeps)
    if not len(counted) or not len(seen) or _usual_ns(seen) > FINER * _usual_ns(counted):
        return alone()
    both = _Both.best(counted, seen, float(domain.period_ns or 0))
    counted = both.counted
    if both.covered < LEAST_COVERED:
        return alone(f"they cover {both.covered:.0%} of the time that the counter does")
    fault = both.contradiction()
    if fault:
        return alone(fault)
    scaled = replace(
        shape,
        id=domain.id,
        source=domain.source,
        scale=shape.scale * both.factor,
        parent=domain.parent,
        gain_error=domain.gain_error,
        shape_of=None,
    )
    fine, rows = all_windows(scaled, readings[shape.id], run.start_ns, run.end_ns, run.sleeps)
    factor_sd = both.factor_sd()
    fine = replace(fine, common_j=factor_sd * fine.energy_j)
    fine = _filled(fine, counted, scaled, float(run.end_ns - run.start_ns))
    note = (
        f"{COURSE_BY_SAMPLES}, one every {_usual_ns(seen) * 1e-6:.3g} ms, "
        f"their sum by the counter (x {both.factor:.4f} ±{SPREAD * factor_sd:.1%}, which the intervals of all "
        "stages have in common)"
    )
    faults = (*counted.faults, *(fault for fault in fine.faults if fault not in counted.faults))
    fine = replace(fine, notes=(*fine.notes, note), faults=faults)
    return scaled, Recovered(fine.kept(fine.end_ns <= 0), fine.during(float(run.end_ns - run.start_ns)), rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Both:
    """What samples say in each of a counter's windows."""

    counted: Windows
    seen: Windows
    seen_j: Floats
    high_w: Floats
    """The most that flows within each window and its edges."""
    whole: Flags
    """Windows that samples cover wholly."""
    covered: float
    factor: float

    @staticmethod
    def best(counted: Windows, seen: Windows, period_ns: float) -> _Both:
        """Return the two where the counter's windows agree best with the samples; later than they stand they are not.

        Values seen at every poll are up to `period_ns` old by then: so much of their edges stays unknown, half to
        either side.
        """
        reach = counted.edge_ns
        age = period_ns if reach >= period_ns else 0.0
        least = replace(counted, edge_ns=min(age / 2 + STEP_NS, reach) if age else min(STEP_NS, reach))
        # Its lag's bounds lie to both sides of what has been undone; its age to one.
        shifts = np.arange(-(reach - age), reach + STEP_NS / 2, STEP_NS) if reach >= STEP_NS else np.zeros(1)
        tried = [_Both.of(_earlier(least, shift), seen) for shift in shifts.tolist()]
        return min(tried, key=lambda both: both.off_j2())

    @staticmethod
    def of(counted: Windows, seen: Windows) -> _Both:
        start, end = counted.start_ns, counted.end_ns
        seen_j, seen_ns = (_between(seen, amounts, start, end) for amounts in (seen.energy_j, seen.duration_ns()))
        whole = seen_ns >= WHOLLY * (end - start)
        sum_j = float(seen_j[whole].sum())
        factor = float(counted.energy_j[whole].sum()) / sum_j if sum_j > 0 else 0.0
        first = np.searchsorted(seen.end_ns, start - counted.edge_ns)
        last = np.searchsorted(seen.start_ns, end + counted.edge_ns)
        power = np.append(seen.power_w(), 0.0)  # a last one, that each slice may end at
        cuts = np.column_stack((first, np.maximum(last, first + 1))).ravel()
        cuts = np.minimum(cuts, len(seen))
        high = np.maximum.reduceat(power, cuts)[::2]
        return _Both(counted, seen, seen_j, high, whole, float(seen_ns.sum() / (end - start).sum()), factor)

    def off_j2(self) -> float:
        """Return by how much the windows differ: the mean square of those that samples cover."""
        off_j = (self.counted.energy_j - self.factor * self.seen_j)[self.whole]
        return float(np.mean(off_j**2)) if len(off_j) else np.inf

    def factor_sd(self) -> float:
        """Return the relative standard deviation of the factor: what flows while the counter's outermost edges may lie.

        Those between two windows that samples cover add nothing: what one has too much the other lacks.
        """
        start, end, whole = self.counted.start_ns, self.counted.end_ns, self.whole
        joined = whole[1:] & whole[:-1] & (np.abs(start[1:] - end[:-1]) < 1.0)
        begins, ends = whole & ~np.append(False, joined), whole & ~np.append(joined, False)
        edge_ns = self.counted.edge_ns
        outermost = np.concatenate((start[begins], end[ends]))
        lasted_ns = _between(self.seen, self.seen.duration_ns(), outermost - edge_ns, outermost + edge_ns)
        around_j = _between(self.seen, self.seen.energy_j, outermost - edge_ns, outermost + edge_ns)
        power_w = around_j / np.maximum(lasted_ns, 1.0) * 1e9
        # An edge is uniform within its bounds.
        sd_j = edge_ns * 1e-9 / 3**0.5 * self.factor * float(np.linalg.norm(power_w))
        count = int(np.count_nonzero(whole))
        # The counter's lag was found from the same windows.
        return float(sd_j / self.counted.energy_j[whole].sum() * (count / max(count - 1, 1)) ** 0.5)

    def contradiction(self) -> str:
        """Return how the two contradict each other; empty: they do not."""
        if not FACTORS[0] <= self.factor <= FACTORS[1]:
            return f"the counter shows {self.factor:.3g} times what they add up to"
        energy_j = self.counted.energy_j
        off_j = np.abs(energy_j - self.factor * self.seen_j)
        allowed_j = ALIKE * np.abs(energy_j) + EDGES * self.counted.edge_ns * 1e-9 * self.factor * self.high_w
        wrong = self.whole & (off_j > allowed_j)
        if energy_j[wrong].sum() <= CONTRADICTED * energy_j[self.whole].sum():
            return ""
        worst = float(np.max(off_j[wrong] / np.maximum(energy_j[wrong], 1e-9)))
        return (
            f"in {np.count_nonzero(wrong)} of {np.count_nonzero(self.whole)} windows they differ, by up to {worst:.0%}"
        )


def _each_new(shape: Domain, readings: Readings) -> Domain:
    """Return the domain with the time from sample to sample: one that is as the last is a new one all the same."""
    if shape.period_ns is not None or len(readings) < 2:
        return shape
    return replace(shape, period_ns=max(1, round(float(np.median(np.diff(readings.t_after_ns))))))


def _earlier(windows: Windows, by_ns: float) -> Windows:
    return replace(windows, start_ns=windows.start_ns - by_ns, end_ns=windows.end_ns - by_ns)


def _filled(fine: Windows, counted: Windows, domain: Domain, run_ns: float) -> Windows:
    """Return the windows with those gaps in the run closed of which the counter tells what flowed in them."""
    start, end = _gaps(fine, counted, run_ns)
    first = np.searchsorted(counted.start_ns, start, "right") - 1
    last = np.searchsorted(counted.end_ns, end)
    pieces = np.append(0, np.cumsum(np.abs(counted.start_ns[1:] - counted.end_ns[:-1]) > 1.0))
    known = (first >= 0) & (last < len(counted))
    known[known] = pieces[first[known]] == pieces[last[known]]
    start, end, first, last = start[known], end[known], first[known], last[known]
    if not len(start):
        return fine
    group = np.cumsum(np.append(0, first[1:] > np.maximum.accumulate(last)[:-1]))
    begins = np.flatnonzero(np.append(True, np.diff(group) > 0))
    low, high = first[begins], np.maximum.reduceat(last, begins)
    sums_j = np.append(0.0, np.cumsum(counted.energy_j))
    edges = counted.start_ns[low], counted.end_ns[high]
    rest_j = sums_j[high + 1] - sums_j[low] - _between(fine, fine.energy_j, *edges)
    missing_ns = np.add.reduceat(end - start, begins)
    watts = rest_j / missing_ns * 1e9
    sound = (rest_j >= 0) & (watts <= (domain.max_power_w or np.inf))
    kept = sound[group]
    start, end, group = start[kept], end[kept], group[kept]
    length = end - start
    sd_w = counted.edge_ns * float(np.ptp(fine.power_w())) / missing_ns[group]
    at = np.concatenate((fine.start_ns, start))
    order = np.argsort(at, kind="stable")
    no_sd = np.zeros(len(fine)) if fine.sd_j is None else fine.sd_j
    common_j = np.zeros(len(fine)) if fine.common_j is None else fine.common_j
    taken_w = -_between(fine, common_j, *edges) / missing_ns * 1e9
    note = f"{len(start)} gaps between samples, {length.sum() * 1e-9:.3g} s, hold what the counter shows of them"
    return replace(
        fine,
        start_ns=at[order],
        end_ns=np.concatenate((fine.end_ns, end))[order],
        energy_j=np.concatenate((fine.energy_j, watts[group] * length * 1e-9))[order],
        sd_j=np.concatenate((no_sd, sd_w * length * 1e-9))[order],
        common_j=np.concatenate((common_j, taken_w[group] * length * 1e-9))[order],
        notes=(*fine.notes, note),
    )


def _gaps(fine: Windows, counted: Windows, run_ns: float) -> tuple[Floats, Floats]:
    """Return where in the run, within what the counter covers, there are no fine windows, as (starts, ends)."""
    start = np.append(counted.start_ns[0], fine.end_ns)
    end = np.append(fine.start_ns, counted.end_ns[-1])
    start, end = np.maximum(start, counted.start_ns[0]), np.minimum(end, counted.end_ns[-1])
    kept = (end - start > 1.0) & (end > 0) & (start < run_ns)
    return start[kept], end[kept]


def _between(windows: Windows, amounts: Floats, start_ns: Floats, end_ns: Floats) -> Floats:
    """Return how much of `amounts`, each spread evenly over its window, lies in each stretch."""
    return _until(windows, amounts, end_ns) - _until(windows, amounts, start_ns)


def _until(windows: Windows, amounts: Floats, at_ns: Floats) -> Floats:
    """Return how much of `amounts`, each spread evenly over its window, lies before each instant."""
    knots = np.column_stack((windows.start_ns, windows.end_ns)).ravel()
    after = np.cumsum(amounts)
    return np.interp(at_ns, knots, np.column_stack((after - amounts, after)).ravel())


def _usual_ns(windows: Windows) -> float:
    return float(np.median(windows.duration_ns()))
