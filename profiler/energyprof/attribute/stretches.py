"""The time between bursts: what is known of it are sums, laid out so that the rest of attribution need not know.

In a stretch every thread did one thing at a time; how long it had each stage is known, when is not. So the stages of a
thread are laid end to end, beginning anywhere in the stretch, and the windows of energy inside it are put together:
only sums over the whole stretch are ever taken of it. Where each thread begins is scattered evenly, which over many
stretches comes to threads that are busy independently of each other; those made in a stage lie where the first thread
has stages, for else the stage would seem to last longer than it did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.intervals import Stretches, clip_to_runs
from energyprof.attribute.segments import Segments, since
from energyprof.attribute.threads import thread_of_lanes
from energyprof.attribute.windows import Windows
from energyprof.model.domain import Domain
from energyprof.model.span import Flags, Floats, Ints, Lanes
from energyprof.model.tally import Counted, PowerSums

_SCATTER = 0.6180339887498949
"""The golden ratio's fraction: its multiples are spread evenly over (0, 1)."""
_TOUCHING_NS = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """The stretches of a run and what they hold; times in ns since its start."""

    counted: Counted
    start_ns: Floats
    end_ns: Floats

    @staticmethod
    def of(counted: Counted, origin_ns: int) -> Between:
        """Return the stretches of a trace."""
        return Between(counted, since(counted.start_ns, origin_ns), since(counted.end_ns, origin_ns))

    def __len__(self) -> int:
        return len(self.start_ns)

    def outside(self, segments: Segments) -> Segments:
        """Return the parts of segments that lie in no stretch."""
        if not len(segments) or not len(self):
            return segments
        edge = np.concatenate((self.start_ns[:1], self.end_ns))
        starts = np.concatenate((np.array([segments.start_ns.min() - 1]), self.end_ns))
        ends = np.concatenate((self.start_ns, np.array([max(segments.end_ns.max(), edge[-1]) + 1])))
        one = np.zeros(len(segments), np.int32)
        free = Stretches(np.zeros(len(starts), np.int32), starts, ends)
        row, start, end = clip_to_runs(Stretches(one, segments.start_ns, segments.end_ns), free)
        kept = np.flatnonzero(end > start)
        kept = kept[np.argsort(start[kept], kind="stable")]
        return Segments(segments.stage[row[kept]], segments.lane[row[kept]], start[kept], end[kept])

    def laid_out(self, lanes: Lanes) -> Segments:
        """Return the time that each stage had in stretches, as segments laid end to end thread by thread."""
        counted = self.counted
        inherited = np.where(counted.stage < 0, lanes.prefix[counted.lane], counted.stage)
        rows = np.flatnonzero((inherited >= 0) & (counted.self_ns > 0))
        stretch, lane = counted.stretch[rows], counted.lane[rows]
        thread = thread_of_lanes(lanes)[lane]
        order = np.lexsort((lane, thread, stretch))
        rows, stretch, lane, thread = rows[order], stretch[order], lane[order], thread[order]
        first = np.append(True, (stretch[1:] != stretch[:-1]) | (thread[1:] != thread[:-1])) if len(rows) else rows > 0
        spent = counted.self_ns[rows].astype(np.float64)
        begun = np.cumsum(spent) - spent
        offset = begun - begun[np.flatnonzero(first)[np.cumsum(first) - 1]] if len(rows) else begun
        number = np.unique(thread, return_inverse=True)[1] if len(rows) else thread
        length = self._room_ns(stretch, number, spent, np.cumsum(first) - 1, lanes.prefix[thread] >= 0)
        at = offset + np.floor(np.mod((number * 7 + stretch) * _SCATTER, 1.0) * length) * (number > 0)
        return _wrapped(
            Segments(inherited[rows].astype(np.int32), lane, at, at + spent), self.start_ns[stretch], length
        )

    def _room_ns(self, stretch: Ints, number: Ints, spent: Floats, thread: Ints, inside: Flags) -> Floats:
        """Return for each row of `laid_out` the time from the start of its stretch within which it may lie.

        A thread that was made `inside` a stage works while that is open: within what the first thread, which begins at
        the start, has of stages.
        """
        whole = (self.end_ns - self.start_ns)[stretch]
        first = np.bincount(stretch, spent * (number == 0), len(self))[stretch]
        own = np.bincount(thread, spent)[thread] if len(thread) else spent
        return np.where(inside & (number > 0) & (first > 0), np.minimum(whole, np.maximum(first, own)), whole)

    def touched(self, start_ns: Floats, end_ns: Floats) -> Flags:
        """Return which of the intervals lie in a stretch, in part or wholly."""
        if not len(self):
            return np.zeros(len(start_ns), np.bool_)
        at = np.searchsorted(self.end_ns, start_ns, "right")
        inside = np.minimum(at, len(self) - 1)
        touched: Flags = (at < len(self)) & (self.start_ns[inside] < end_ns)
        return touched

    def burst(self, start_ns: Floats) -> Ints:
        """Return in which burst each time lies, counted by the stretch before it; -1: before all, or after the last."""
        at = np.searchsorted(self.start_ns, start_ns, "right").astype(np.int64) - 1
        return np.where(at == len(self) - 1, -1, at)

    def windows(self, windows: Windows, domain: Domain, origin_ns: int) -> Windows:
        """Return the windows with those inside each stretch put together, and those that sums of power stand for."""
        sums = self.counted.power.get(domain.id)
        if sums is not None and len(sums):
            windows = _with_sums(windows, sums, domain, origin_ns)
        if not len(windows) or not len(self):
            return windows
        at = np.searchsorted(self.start_ns, windows.start_ns, "right") - 1
        inside = (at >= 0) & (windows.end_ns <= self.end_ns[np.maximum(at, 0)])
        joins = inside[1:] & inside[:-1] & (at[1:] == at[:-1])
        joins &= windows.start_ns[1:] - windows.end_ns[:-1] < _TOUCHING_NS
        first = np.flatnonzero(np.append(True, ~joins))
        last = np.append(first[1:] - 1, len(windows) - 1)
        cut_off = windows.cut_off_j
        notes = tuple(note for note in windows.notes if not (sums is not None and note.startswith("power unknown for")))
        return replace(
            windows,
            notes=notes,
            start_ns=windows.start_ns[first],
            end_ns=windows.end_ns[last],
            energy_j=np.add.reduceat(windows.energy_j, first),
            cut_off_j=None if cut_off is None else np.add.reduceat(cut_off, first),
        )


def _wrapped(pieces: Segments, start_ns: Floats, length_ns: Floats) -> Segments:
    """Return pieces with what reaches beyond the end of their stretch put at its start."""
    over = np.maximum(pieces.end_ns - np.maximum(length_ns, pieces.start_ns), 0.0)
    begin = np.where(pieces.start_ns >= length_ns, pieces.start_ns - length_ns, pieces.start_ns)
    whole = pieces.start_ns >= length_ns
    end = np.where(whole, pieces.end_ns - length_ns, np.minimum(pieces.end_ns, length_ns))
    rest = np.flatnonzero(~whole & (over > 0))
    start_ns_all = np.concatenate((start_ns + begin, start_ns[rest]))
    end_ns_all = np.concatenate((start_ns + np.minimum(end, length_ns), start_ns[rest] + over[rest]))
    kept = np.flatnonzero(end_ns_all > start_ns_all)
    kept = kept[np.argsort(start_ns_all[kept], kind="stable")]
    stage, lane = np.concatenate((pieces.stage, pieces.stage[rest])), np.concatenate((pieces.lane, pieces.lane[rest]))
    return Segments(stage[kept], lane[kept], start_ns_all[kept], end_ns_all[kept])


def _with_sums(windows: Windows, sums: PowerSums, domain: Domain, origin_ns: int) -> Windows:
    """Return the windows with what is known by sums in place of what it covers."""
    start, end = since(sums.start_ns, origin_ns), since(sums.end_ns, origin_ns)
    at = np.searchsorted(end, windows.start_ns, "right")
    free = (at >= len(end)) | (windows.end_ns <= start[np.minimum(at, len(end) - 1)])
    energy = sums.raw_us.astype(np.float64) * domain.scale * 1e-6
    begins = np.concatenate((windows.start_ns[free], start))
    order = np.argsort(begins, kind="stable")
    cut_off = windows.cut_off_j
    return replace(
        windows,
        start_ns=begins[order],
        end_ns=np.concatenate((windows.end_ns[free], end))[order],
        energy_j=np.concatenate((windows.energy_j[free], energy))[order],
        cut_off_j=None if cut_off is None else np.concatenate((cut_off[free], np.zeros(len(end))))[order],
    )
