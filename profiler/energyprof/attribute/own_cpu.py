"""What children have read of their own CPU times, put beside the collector's reads, so that nothing counts twice.

A child reads itself at its first events, before anybody outside knows of it. Where the collector read the same thread
both stand on one curve. A child that it never met is in what the process that waited for it had used unseen: there it
is taken off, and counts in its own stages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from energyprof.attribute.measure import Measure
from energyprof.model.ids import OWN_READING
from energyprof.model.power import ThreadCpu
from energyprof.model.span import Flags, Floats, Lanes

_AT_ONCE_NS = 1e5
"""What was used before the first reading lies before it, in so long a time at least."""


def is_own(cpu: ThreadCpu) -> Flags:
    """Tell which rows children have read themselves."""
    return np.asarray(cpu.tid < OWN_READING // 2)


def own_measures(
    cpu: ThreadCpu, origin_ns: int
) -> tuple[dict[tuple[int, int], Measure], dict[int, tuple[int, Measure]]]:
    """Return the measures of threads by (pid, tid), and of whole children by pid with the pid of who made each."""
    threads: dict[tuple[int, int], Measure] = {}
    whole: dict[int, tuple[int, Measure]] = {}
    for (pid, tid), measure in _groups(cpu, origin_ns):
        if tid > OWN_READING:
            threads[pid, tid - OWN_READING] = measure
        else:
            child = OWN_READING - tid
            whole[child] = (pid, measure if child not in whole else united(whole[child][1], measure))
    return threads, whole


def united(one: Measure | None, other: Measure) -> Measure:
    """Return the curve through the points of both, of which the higher is right: a clock is read late, never early."""
    if one is None:
        return other
    point = np.concatenate((one.point_ns, other.point_ns))
    order = np.argsort(point, kind="stable")
    value = np.concatenate((one.value, other.value))[order]
    return Measure(point[order], np.maximum.accumulate(value))


def without(
    waited: Mapping[int, Measure], unmet: Mapping[int, tuple[int, Measure]], lanes: Lanes | None
) -> dict[int, Measure]:
    """Return what was `waited` for by pid, without the children of `unmet` (by pid: who made it, what it used)."""
    taken: dict[int, list[Measure]] = {}
    makers = {} if lanes is None else _makers(lanes)
    for child, (parent, measure) in unmet.items():
        owner = next((pid for pid in (parent, *_forbears(child, makers)) if pid in waited), None)
        if owner is not None:
            taken.setdefault(owner, []).append(measure)
    return {pid: _less(measure, taken[pid]) if pid in taken else measure for pid, measure in waited.items()}


def _less(whole: Measure, parts: Sequence[Measure]) -> Measure:
    """Return what of `whole` no part explains; parts were used before they were waited for."""
    rest = whole.value.astype(np.float64)
    for part in parts:
        rest = rest - part.at(whole.point_ns)
    return Measure(whole.point_ns, np.maximum.accumulate(np.maximum(rest, 0.0)))


def _makers(lanes: Lanes) -> dict[int, int]:
    """Return by pid that of the process on whose lane the process's own lanes were created."""
    created = np.flatnonzero(lanes.parent >= 0)
    pid, maker = lanes.pid[created], lanes.pid[lanes.parent[created]]
    other = pid != maker
    return dict(zip(pid[other].tolist(), maker[other].tolist(), strict=True))


def _forbears(pid: int, makers: Mapping[int, int]) -> Iterator[int]:
    seen = {pid}
    while (pid := makers.get(pid, 0)) and pid not in seen:
        seen.add(pid)
        yield pid


def _groups(cpu: ThreadCpu, origin_ns: int) -> Iterator[tuple[tuple[int, int], Measure]]:
    if not len(cpu):
        return
    first = np.flatnonzero(np.append(True, (np.diff(cpu.pid) != 0) | (np.diff(cpu.tid) != 0)))
    for low, high in pairwise(np.append(first, len(cpu)).tolist()):
        t_ns = (cpu.t_ns[low:high] - origin_ns).astype(np.float64)
        yield (int(cpu.pid[low]), int(cpu.tid[low])), _curve(t_ns, cpu.cpu_ns[low:high].astype(np.float64))


def _curve(t_ns: Floats, used_ns: Floats) -> Measure:
    began_ns = t_ns[0] - max(used_ns[0], _AT_ONCE_NS)  # nobody uses more than the time there was
    return Measure(np.append(began_ns, t_ns), np.maximum.accumulate(np.append(0.0, used_ns)))
