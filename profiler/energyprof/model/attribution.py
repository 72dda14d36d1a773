"""The result of attribution: who spent the measured energy, how sure that is, and the ledger that closes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from energyprof.model.domain import Domain, counted_ids
from energyprof.model.ids import DomainId
from energyprof.model.span import Codes, Flags, Floats, Index, Ints
from energyprof.model.stacks import Function
from energyprof.model.trace import Flows

PROVENANCES: Final = ("measured", "inferred", "inferred (repeat mode)", "estimated (model)")
"""Column `provenance` of EnergyColumns holds indices into this."""

REPEAT_MODE: Final = PROVENANCES.index("inferred (repeat mode)")

ATTRIBUTION_VERSION: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class EnergyColumns:
    """Energy per stage in one domain; equal-length columns, row = stage index.

    All energies are whole microjoules held as float64 joules (rounded so that sums are exact, see `ledger`).
    """

    energy_j: Floats
    """Point estimate, only meaningful where not `refused`."""
    low_j: Floats
    high_j: Floats
    """95 % interval (hard bounds where the method has them); present for refused stages too, unless `unread`."""
    refused: Flags
    """True: the data cannot tell this stage from others; its energy is part of one `Unsplit`."""
    data_share: Floats
    """Part of the figure that the data decide, 0..1 (1: windows wholly inside the stage; 0: only proportions)."""
    provenance: Codes
    reason: tuple[str, ...]
    """Why it is refused or not measured, in words with the remedy; empty where there is nothing to say."""
    unread: Flags
    """True: no reading covers any of its time, so that it is refused and not even bounds are known."""


@dataclass(frozen=True, slots=True)
class Unsplit:
    """Stages that the data cannot tell apart, with the energy they spent together."""

    domain: DomainId
    members: tuple[int, ...]
    """Stage indices."""
    energy_j: float
    low_j: float
    high_j: float
    reason: str


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One domain's account of the time covered: measured = sum of all parts, exact to 1 uJ."""

    domain: DomainId
    measured_j: float
    stages_j: float
    idle_j: float
    outside_j: float
    others_j: float
    unattributed_j: float

    def difference_j(self) -> float:
        """Return measured minus the sum of all parts; 0 within 1 uJ by construction, and tested."""
        parts = self.stages_j + self.idle_j + self.outside_j + self.others_j + self.unattributed_j
        return self.measured_j - parts


@dataclass(frozen=True, slots=True, eq=False)
class FunctionTable:
    """The functions that sampling saw, once for each stage they ran in; equal-length columns."""

    functions: tuple[Function, ...]
    stage: Index
    """Stage index; -1: no stage was open."""
    line: Index
    """The line of the function seen most often; 0: unknown."""
    samples: Ints
    """Samples in which it was the innermost function."""
    total_samples: Ints
    """Samples in whose stack it stood."""
    stack_node: Index = field(default_factory=lambda: np.zeros(0, np.int32))
    """Whole stacks, once for each stage they were seen in: the row of the run's stack nodes, then the stage; -1: none.

    These three columns have a length of their own."""
    stack_stage: Index = field(default_factory=lambda: np.zeros(0, np.int32))
    stack_samples: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class FunctionEnergy:
    """Energy of functions in one domain, row = row of the function table; decomposes stages, is never added to them."""

    energy_j: Floats
    """Of the function itself: what it called and was sampled is counted apart, C code is its own."""
    low_j: Floats
    high_j: Floats
    total_j: Floats
    """With all it called; recursion counts once."""
    total_low_j: Floats
    total_high_j: Floats
    provenance: int
    """Index into PROVENANCES."""
    stack_j: Floats = field(default_factory=lambda: np.zeros(0, np.float64))
    """Of each whole stack of the function table, what its innermost function spent in it."""
    idle_j: Floats | None = None
    """The part of `energy_j` that is idle power, which goes on whatever the program does; None: that is not known."""
    total_idle_j: Floats | None = None
    """Of `total_j`."""


@dataclass(frozen=True, slots=True, eq=False)
class SensorFit:
    """What the statistical fit of one sensor found, before anything is refused; row = stage index.

    Stages too small for a column of their own share one with others (`column`): their energies are divided in
    proportion, and only sums of whole columns have a covariance.
    """

    energy_j: Floats
    """Best linear unbiased prediction of each stage's own energy, its children excluded."""
    sd_j: Floats
    """The larger of its analytic and its bootstrap standard deviation."""
    data_share: Floats
    """1 - (posterior variance / prior variance), 0..1: how much the data, not the prior, say."""
    column: Index
    """Row and column of each stage in `covariance_j2`; -1: it never ran on lanes that count here."""
    covariance_j2: Floats
    """Shape (columns, columns), symmetric, in J^2; statistical only: the gain error common to all is not in it."""
    lag_ns: float
    lag_sd_ns: float
    window_ns: float
    """Averaging window of the sensor as used; 0: a counter."""
    response_ns: float
    """Time constant of a first-order response as used; 0: none."""
    timing: str
    """Where lag, window and time constant come from, as printed: `probe`, `likelihood`, `by class`."""
    condition: float
    """Condition number of the whitened occupancy columns."""
    refusal: str
    """Why no leaf may be named at all (aliased, ambiguous lag, model does not fit), with the cure; empty: none."""

    def sd_of_sum(self, members: Ints) -> float:
        """Return the standard deviation of the joint energy of several stages, in joules."""
        return self._sd(self._weight(members))

    def sd_of_difference(self, more: Ints, less: Ints) -> float:
        """Return the standard deviation of the joint energy of some stages less that of others, in joules."""
        return self._sd(self._weight(more) - self._weight(less))

    def _weight(self, members: Ints) -> Floats:
        weight = np.zeros(len(self.covariance_j2))
        weight[np.unique(self.column[members][self.column[members] >= 0])] = 1.0
        return weight

    def _sd(self, weight: Floats) -> float:
        return math.sqrt(max(float(weight @ self.covariance_j2 @ weight), 0.0))


COURSE_BY_SAMPLES = "its course is told by the power samples that its driver keeps"
"""So begins the note of a counter that was read seldom, its period being that of the samples then."""


@dataclass(frozen=True, slots=True, eq=False)
class DomainAttribution:
    """Everything found out about one domain."""

    domain: DomainId
    self_energy: EnergyColumns
    """Of the stage itself, its children excluded."""
    total_energy: EnergyColumns
    """Of the stage with all stages below it. Never refused as a whole row where a sum can be given."""
    unsplit: tuple[Unsplit, ...]
    ledger: LedgerLine | None
    """None: no reading covers any of the run, so that nothing is known of its energy."""
    baseline_w: float | None
    """Idle power used; None: unknown (no gap between stages showed it), so idle is 0 and stages include it."""
    period_ns: int | None
    """Time between updates as found from the readings."""
    updates: int
    reads: int
    failures: int
    measured_start_ns: int
    measured_end_ns: int
    covered_ns: int
    """Time of the run in windows of known energy, which is what the ledger accounts for."""
    read_ns: int = 0
    """From the first to the last of the reads, which may be before and after what was measured."""
    notes: tuple[str, ...] = ()
    functions: FunctionEnergy | None = None
    """None: no stacks were sampled."""
    busy_s: float | None = None
    """CPU seconds that all programs of the host used (a device: its use times the time); None: not known."""
    others_s: float | None = None
    """Those of them that were neither the program's nor its profiler's."""
    gaps: int = 0
    """Stretches within the measured part of the run whose energy is not known."""
    faults: tuple[str, ...] = ()
    """What was wrong with the readings, each a gap."""
    fit: SensorFit | None = None
    """None: the energy was divided without a statistical fit (a model, or too few updates)."""
    ranks: tuple[RankEnergy, ...] = ()
    """Ascending; empty: there are no two ranks, or nothing was read."""
    waiting_j: Floats | None = None
    """Of a device with lanes: the part of the ledger's idle energy in which a stage was open on the host, row = stage
    index; in no stage's energy. None: no such device, or its idle power is not known."""


@dataclass(frozen=True, slots=True)
class RepeatedCall:
    """What one call of a layer or function costs in one domain where it is called again and again."""

    domain: DomainId
    name: str
    kind: str
    stage: int
    """The stage on whose inputs it was called; -1: not found."""
    visits: int
    repeated_calls: int
    wall_ns: int
    """Of one repeated call."""
    energy_j: float | None
    """Of one repeated call, idle power included; None: not even its visits can be told apart."""
    low_j: float | None
    high_j: float | None
    provenance: int
    """Index into PROVENANCES."""
    data_share: float
    reason: str


@dataclass(frozen=True, slots=True)
class RepeatedWhole:
    """The repeated calls below one stage, as often as the run made them, beside what that stage was found to spend."""

    domain: DomainId
    stage: int
    layers: int
    repeated_j: float
    repeated_low_j: float
    repeated_high_j: float
    whole_j: float | None
    """Energy of the stage with all below it, in the run itself; None: refused."""
    whole_low_j: float | None
    whole_high_j: float | None
    time_share: float
    """Part of the stage's time that was spent in the stages repeated, 0..1."""


@dataclass(frozen=True, slots=True)
class RepeatFigures:
    """What repeating has shown."""

    calls: tuple[RepeatedCall, ...]
    wholes: tuple[RepeatedWhole, ...]
    skipped: tuple[tuple[str, str], ...]
    """Name and reason of what was not repeated."""
    visit_ns: int
    rounds: int
    is_cut: bool
    """It was ended early."""


@dataclass(frozen=True, slots=True)
class RankEnergy:
    """What one rank of a distributed program had of the energy of all stages in one domain."""

    rank: int
    energy_j: float
    low_j: float
    high_j: float
    provenance: int
    """Index into PROVENANCES."""


@dataclass(frozen=True, slots=True)
class RankTimes:
    """How one rank of a distributed program spent its time."""

    rank: int
    host: str
    processes: int
    wall_ns: int
    """While any stage was open on any of its threads."""
    waiting_ns: int
    """In stages of the kind `communication` without running, added up over its threads."""
    cpu_ns: int
    """Of all of its processes and threads, stage or not."""


@dataclass(frozen=True, slots=True, eq=False)
class StepEnergy:
    """What the steps of a loop took: all that the domains which count measured while it went on, idle power included.

    A step ends where a call of `stage` ends and begins where the one before it ended: loading, and what else lies
    between, is a part of it. Bounds are hard: what the readings leave open of where energy was spent, and gain errors.
    """

    stage: int
    """Stage index of what ends a step: an optimizer's step, else the model called most."""
    steps: int
    """All of the loop; those of other processes that trained beside it are not added."""
    first_ns: int
    """Length of the first step, from the first that was seen of it."""
    first_j: float | None
    """None: not read."""
    first_low_j: float
    """Meaningless where `first_j` is None, as all bounds here."""
    first_high_j: float
    rest_ns: int
    """Length of all steps behind the first."""
    rest_j: float | None
    rest_low_j: float
    rest_high_j: float
    group_steps: Ints
    """The steps behind the first in groups of (almost) as many, in order of time; none where sensors are too slow."""
    group_j: Floats
    group_low_j: Floats
    group_high_j: Floats
    resolution_ns: int
    """Of the slowest domain that counts: in less time its readings tell nothing apart."""


@dataclass(frozen=True, slots=True, eq=False)
class StageTimes:
    """How often and how long each stage ran; equal-length columns, row = stage index."""

    calls: Ints
    """Invocations; going on with a generator is none."""
    resumes: Ints
    """How often a generator was gone on with."""
    wall_ns: Ints
    """Inclusive; only the outermost of recursive spans counts."""
    self_wall_ns: Ints
    """Exclusive of children on the same lane; a coroutine's span only while its lane runs."""
    cpu_ns: Ints
    """Inclusive on-CPU time of the lane's own thread, interpolated between the collector's reads."""


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """The fit of one run, done once and stored with it."""

    version: int
    domains: tuple[DomainAttribution, ...]
    times: StageTimes
    follows: Flows
    """Which stage came next after which among siblings on one lane, with counts: order only, no joules."""
    calls: Flows
    """Which stage opened which (by spans), with counts."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    functions: FunctionTable | None = None
    """None: no stacks were sampled."""
    repeats: RepeatFigures | None = None
    """None: nothing was repeated."""
    ranks: tuple[RankTimes, ...] = ()
    """Ascending; empty: there are no two ranks."""
    steps: StepEnergy | None = None
    """None: no loop was seen, or not all of it was stored."""


def counted_domains(domains: tuple[Domain, ...], attribution: Attribution) -> frozenset[DomainId]:
    """Return the domains whose energies may be added up: read at least once, and in no other one that was."""
    read = {found.domain for found in attribution.domains if found.ledger is not None}
    return counted_ids(domain for domain in domains if domain.id in read)
