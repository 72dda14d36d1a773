"""A trace: everything one run recorded, the input of all analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from energyprof.model.cures import Cures
from energyprof.model.domain import Domain
from energyprof.model.hosts import Host
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, ThreadCpu, Use
from energyprof.model.program import ProgramFacts
from energyprof.model.ranks import RankProcess
from energyprof.model.run_queue import RunQueue
from energyprof.model.sampling import DomainFacts, Sleep
from energyprof.model.span import Index, Ints, LaneRuns, Lanes, Spans, Stage
from energyprof.model.stacks import Stacks
from energyprof.model.tally import Counted
from energyprof.model.told import Told


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of a run that no column holds."""

    command: tuple[str, ...]
    start_unix_ns: int
    """Wall clock at the start, for people; all other times are CLOCK_MONOTONIC."""
    start_ns: int
    """CLOCK_MONOTONIC at which the program was started."""
    end_ns: int
    """CLOCK_MONOTONIC at which the program had ended (or was last seen)."""
    exit_code: int | None
    """Exit status; negative: ended by that signal; None: unknown (the collector did not see the end)."""
    host: str = ""
    cpu_count: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)
    """energyprof, python, platform and, where known, the CPU's model name and the frameworks installed."""
    shared: bool = False
    """Others share the machine, and their part of the energy is to be told apart."""
    sleeps: tuple[Sleep, ...] = ()
    """When the computer was suspended; none of it is in any duration."""
    lead_in_s: float = 0.0
    """How long sensors were read at rest before the start, which tells the idle power; 0: not on purpose."""
    program: ProgramFacts | None = None
    """Which version of the program it was; None: not known, as of a run recorded long ago."""

    def is_imported(self) -> bool:
        """Return whether other programs recorded it, so that nothing of it can be run again."""
        return "imported" in self.versions


@dataclass(frozen=True, slots=True)
class RecorderFacts:
    """What recording cost and lost."""

    recorder_s: float = 0.0
    """CPU time of our own work inside the program: flushing as measured, events as calibrated."""
    collector_s: float = 0.0
    """CPU time of the collector, of which `sampler_s` was spent reading sensors and thread times."""
    sampler_s: float = 0.0
    polls: int = 0
    late_polls: int = 0
    """Polls more than 5 ms behind schedule."""
    spans: int = 0
    dropped: int = 0
    """Events lost (memory cap, full disk)."""
    lost_because: str = ""
    """Why stages are missing that nobody could count; empty: none are known to be."""
    counted: int = 0
    """Spans, among `spans`, that were counted and not stored, so that the file kept its bound."""
    max_overhead: float = 0.0
    """What recording was allowed to cost, relative to the program's own time; 0: anything."""
    folded: int = 0
    """Layers that were not recorded any more, in the process that had most of them."""
    steps: float = 1.0
    """Part of the steps whose layers were recorded in the end, in the process where it was least."""
    overhead: float = 0.0
    """What recording was found to cost after that, in the process where it was most."""

    @property
    def has_lost(self) -> bool:
        """Whether anything is missing of what the program did."""
        return self.dropped > 0 or bool(self.lost_because)


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """Edges of one kind between stages, equal-length columns: data handed over, or order, or calls."""

    source: Index
    target: Index
    count: Ints
    nbytes: Ints

    def __len__(self) -> int:
        return len(self.source)

    @staticmethod
    def none() -> Flows:
        """Return no edges."""
        index = np.zeros(0, np.int32)
        count = np.zeros(0, np.int64)
        return Flows(index, index, count, count)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What became of the objects that stages were seen to hand out, equal-length columns; others handed out none."""

    stage: Index
    given: Ints
    used: Ints
    """Those of them that a stage was seen to receive."""
    again: Ints
    """Objects that the stage itself received for the second time or more."""

    def __len__(self) -> int:
        return len(self.stage)

    @staticmethod
    def none() -> Outputs:
        """Return no rows."""
        count = np.zeros(0, np.int64)
        return Outputs(np.zeros(0, np.int32), count, count, count)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One run as recorded. Stages are ordered parents first; flows are declared (`stage(after=...)`) and observed."""

    run: RunFacts
    recorder: RecorderFacts
    domains: tuple[Domain, ...]
    readings: Mapping[DomainId, Readings]
    stages: tuple[Stage, ...]
    lanes: Lanes
    spans: Spans
    lane_runs: LaneRuns
    cpu: ThreadCpu
    flows: Flows
    warnings: tuple[str, ...] = ()
    stacks: Stacks = field(default_factory=Stacks.none)
    """Sampled functions; they decompose what stages spent themselves, and the time outside."""
    host_use: Use = field(default_factory=Use.none)
    """CPU time on the whole host."""
    device_use: Mapping[DomainId, Use] = field(default_factory=dict)
    """Of the devices whose users are known."""
    sampling: Mapping[DomainId, DomainFacts] = field(default_factory=dict)
    """How each domain was sampled, where the collector lived to say so."""
    counted: Counted | None = None
    """What was counted and not stored; None: everything was stored."""
    outputs: Outputs = field(default_factory=Outputs.none)
    cures: Cures | None = None
    """What was delayed and repeated so that stages can be told apart; None: nothing was asked for."""
    told: Told = field(default_factory=Told)
    """What the program said of its work itself."""
    ranks: tuple[RankProcess, ...] = ()
    """Which process is which rank of a distributed program; empty: it is none, as far as is known."""
    hosts: tuple[Host, ...] = ()
    """The hosts of a merged run, by their numbers; empty: there is one, which `run` tells of."""
    hosts_use: tuple[Use, ...] = ()
    """As `host_use`, of each of them."""
    run_queue: RunQueue | None = None
    """How long threads waited for processors; None: not known, as of a run merged of several or recorded long ago."""
