"""What attribution works out once: segments, times and the tree for all domains, and the lanes that count for one."""

from __future__ import annotations

from dataclasses import dataclass

from energyprof.attribute.awake import Carried, carried
from energyprof.attribute.cpu_shares import CpuShares
from energyprof.attribute.cpu_time import CpuTimes, cpu_times
from energyprof.attribute.device_lanes import HOST, of_device
from energyprof.attribute.identify import Subtrees
from energyprof.attribute.ranks import Ranks
from energyprof.attribute.sampled import Sampled
from energyprof.attribute.segments import Segments, busy_segments, exclusive_segments, inherited_segments
from energyprof.attribute.stretches import Between
from energyprof.attribute.sums import sum_by
from energyprof.attribute.threads import give_way
from energyprof.attribute.timeline import Timeline, timeline
from energyprof.attribute.times import stage_times
from energyprof.attribute.weights import Parts
from energyprof.model.attribution import StageTimes
from energyprof.model.span import Floats
from energyprof.model.trace import Trace


@dataclass(frozen=True, slots=True, eq=False)
class DomainLanes:
    """The lanes that count for a domain: the host's, or the device's own."""

    segments: Segments
    line: Timeline
    shares: CpuShares
    own_ns: Floats
    on_device: bool
    stages: int
    """How many stages the segments are of."""
    carried: tuple[Carried, ...] | None
    """What time weighs for each thread of `shares` in a CPU's domain; None: as elsewhere, lanes open at once alike."""

    def parts(self, *, by_cpu: bool) -> Parts:
        """Return how stages open at once share time; `by_cpu`: in the domain of a CPU whose times are known."""
        if by_cpu and self.carried is not None:
            segments = (segments for _, _, segments in self.shares.threads)
            return tuple(zip(segments, self.carried, strict=True))
        return ((self.segments, self.line.sharing),)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What all domains share."""

    trace: Trace
    cpu: CpuTimes
    segments: Segments
    times: StageTimes
    tree: Subtrees
    seen: Sampled | None
    """None: no stacks were sampled."""
    between: Between | None
    """None: everything was stored."""
    ranks: Ranks | None
    """None: the run is not distributed."""

    @staticmethod
    def of(trace: Trace) -> Ground:
        """Work out what does not depend on a domain."""
        cpu = cpu_times(trace.cpu, trace.run.start_ns, trace.lanes)
        segments = exclusive_segments(trace.spans, trace.lane_runs, trace.run.start_ns)
        between = None if trace.counted is None else Between.of(trace.counted, trace.run.start_ns)
        segments = segments if between is None else between.outside(segments)
        times = stage_times(trace, segments, cpu, between)
        return Ground(trace, cpu, segments, times, Subtrees.of(trace.stages), None, between, None)

    def lanes(self, device: int) -> DomainLanes:
        """Return the lanes of one device, of all (ANY_DEVICE), or those of the host (HOST)."""
        trace = self.trace
        counts = of_device(trace.lanes, device)
        inherited = inherited_segments(trace.spans, trace.lanes, trace.lane_runs, trace.run.start_ns)
        busy = busy_segments(trace.spans, trace.lane_runs, trace.run.start_ns).with_more(inherited)
        segments = give_way(self.segments.with_more(inherited), busy, trace.lanes, trace.lane_runs)
        segments = segments.of(counts[segments.lane])
        busy = give_way(busy, busy, trace.lanes, trace.lane_runs)
        if self.between is not None:
            laid = self.between.laid_out(trace.lanes)
            laid = laid.of(counts[laid.lane])
            segments, busy = (self.between.outside(part).with_more(laid) for part in (segments, busy))
        line = timeline(busy.of(counts[busy.lane]))
        own = sum_by(segments.stage, segments.end_ns - segments.start_ns, len(trace.stages))
        shares = CpuShares.of(segments, trace.lanes, self.cpu, line)
        is_shared = device == HOST and line.sharing is not None and bool(self.cpu.processes)
        weighed = carried(busy.of(counts[busy.lane]), shares) if is_shared else None
        return DomainLanes(segments, line, shares, own, device != HOST, len(trace.stages), weighed)
