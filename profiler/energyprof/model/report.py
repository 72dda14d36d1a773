"""The report: every row and figure that an exporter prints. Its JSON form is the schema `energyprof-report/1`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from energyprof.model.cure_rows import DelayRow, RepeatRow
from energyprof.model.domain import Provenance
from energyprof.model.finding import Finding
from energyprof.model.footprint_rows import FootprintRow
from energyprof.model.graph import EdgeKind
from energyprof.model.ids import DomainId, StageId
from energyprof.model.past import EarlierRun
from energyprof.model.program import ProgramFacts
from energyprof.model.rank_rows import HostRow, Imbalance, RankRow
from energyprof.model.shown import Shown
from energyprof.model.span import Facts, StageKind
from energyprof.model.trial_rows import Trials
from energyprof.model.view_row import ViewRow
from energyprof.model.work_rows import MetricRow, StepRow, TokenRow, UnitRow, WaitRow

SCHEMA = "energyprof-report/1"
OUTSIDE: Final = StageId("<outside any stage>")
"""Where functions are rows: the row that holds those seen while no stage was open. It is no stage."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """Which run this is."""

    command: tuple[str, ...]
    exit_code: int | None
    start: str
    """ISO 8601 with offset."""
    wall_s: float
    host: str
    versions: Mapping[str, str]
    program: ProgramFacts | None = None
    """Which version of the program; None: not known."""


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One power domain and how it was read."""

    domain: DomainId
    source: str
    provenance: Provenance
    """`measured` for a sensor, `estimated (model)` for a model."""
    period_s: float | None
    reads: int
    failures: int
    achieved_hz: float | None
    parent: DomainId | None
    baseline_w: float | None
    """Idle power; None: unknown."""
    gain_error: tuple[float, float]
    """Relative error common to all of its figures, (below, above); not in the rows' own intervals of sensors."""
    counts: bool = True
    """False: contained in another domain that was read, or never read itself; shown, added to no sum."""
    mean_power_w: float | None = None
    """Over the time that was measured; None: none was."""
    others_share: float | None = None
    """Part of all CPU time used on the host (a device: of its use) that was other programs', 0..1; None: not known."""
    timing: str = "nominal"
    """What the sensor's period, window and lag rest on: `nominal`, `by class`, or a probe and its date."""
    call_cost_s: float | None = None
    """Mean time in which its device answers one read; None: not known."""
    gaps: int = 0
    """Stretches within what was measured whose energy is not known."""
    notes: tuple[str, ...] = ()
    """What its figures rest on: idle power unknown, or with which lag, window and time constant it was fitted."""
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Figures of its device besides power, each with `first`, `min`, `mean`, `max` and `last`; units end the names."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One domain's account of the time covered; the parts add up to measured_j exactly (1 uJ).

    None in all of them: no reading covers any of the run.
    """

    domain: DomainId
    measured_j: float | None
    """Of a model: what it estimates, see `provenance`."""
    stages_j: float | None
    idle_j: float | None
    outside_j: float | None
    others_j: float | None
    unattributed_j: float | None
    provenance: Provenance
    """`measured` for a sensor, `estimated (model)` for a model."""
    covered_s: float
    """Time of the run whose energy is known."""
    covered_share: float | None
    """Of the run, 0..1; None: the run has no length."""


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """Energy of one stage in one domain; `energy_j` None: refused, see `reason` and the unsplit rows."""

    domain: DomainId
    energy_j: float | None
    low_j: float | None
    """None in both bounds: no reading covers any of its time."""
    high_j: float | None
    provenance: Provenance
    data_share: float
    reason: str


@dataclass(frozen=True, slots=True)
class RankingRow:
    """Two stages next to each other in the order of what they spent in one domain, and how sure their order is."""

    domain: DomainId
    of: Literal["self", "total"]
    """`total`: of outermost stages, with all below them."""
    more: StageId
    less: StageId
    probability: float
    """That `more` spent more than `less`, 0.5..1; errors taken to be normal, what they have in common counted."""


@dataclass(frozen=True, slots=True)
class SumRow:
    """A figure over all domains that count, with its interval."""

    energy_j: float | None
    low_j: float | None
    """None in both bounds: no reading covers it."""
    high_j: float | None
    provenance: Provenance
    share: float | None
    """Of all stage energy, 0..1; None where energy_j is None or nothing was spent."""


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage."""

    stage: StageId
    name: str
    path: tuple[str, ...]
    parent: StageId | None
    kind: StageKind
    file: str | None
    line: int | None
    calls: int
    """Invocations."""
    resumes: int
    """How often a generator was gone on with; no calls."""
    wall_s: float
    self_wall_s: float
    cpu_s: float
    """Inclusive on-CPU time of the threads its spans stand in; that of threads without spans (BLAS and OpenMP pools)
    and of processes below it is not in it, though its energy has theirs."""
    self_energy: tuple[EnergyRow, ...]
    total_energy: tuple[EnergyRow, ...]
    self_sum: SumRow
    total_sum: SumRow
    embodied_j: float | None
    facts: Facts = field(default_factory=dict)
    """What its instrument knows of it, by name."""
    embodied_low_j: float | None = None
    embodied_high_j: float | None = None
    embodied_provenance: Provenance | None = None
    """None where there is no `embodied_j`."""
    outputs: int = 0
    """Objects that it was seen to hand out."""
    unused_outputs: int = 0
    """Those of them that no stage was seen to receive, told only where others were."""
    repeated_inputs: int = 0
    """Objects that it received for the second time or more."""


LAYER_PHASES: Final = ("forward", "prefill", "decode", "backward", "recompute", "total")
LayerPhase = Literal["forward", "prefill", "decode", "backward", "recompute", "total"]
"""`prefill`, `decode`: forwards of a generation; `forward`: all others; `recompute`: a forward during the backward pass
(activation checkpointing); `total`: all of them."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer of a model in one phase, whichever stages called it; energies over all domains that count."""

    layer: str
    """Qualified name, such as `Net.encoder.layer.3.attention`."""
    phase: LayerPhase
    parent: str | None
    """The layer whose forward calls it; None: the model itself."""
    depth: int
    """0: the model itself."""
    module_class: str
    calls: int
    """In phase `total` those of the forward: one call has one backward at most."""
    wall_s: float
    self_wall_s: float
    off_cpu_s: float
    """Part of `wall_s` in which its own thread was on no CPU: it waited, for a device, a pool, data or its turn."""
    self_sum: SumRow
    """Of the layer itself, the layers it calls excluded."""
    total_sum: SumRow
    """With the layers it calls."""
    per_call_j: float | None
    """`total_sum` by calls; None: refused, or never called."""
    per_sample_j: float | None
    """`total_sum` by `samples`; None: refused, or unknown."""
    mean_power_w: float | None
    """`total_sum` by `wall_s`."""
    parameters: int
    """Its own and those of all layers it calls."""
    flops: int | None
    """Of all calls by formula, layers it calls included: those of each layer's first call times calls; a lower bound
    where functions do the work. None: no formula, or a phase that none is for."""
    joules_per_gflop: float | None
    samples: int | None = None
    """How many its model was called for, batches added up; of a backward pass by the part of calls that had one."""
    tokens: int | None = None
    """Positions of all sequences that its model was called for in a generation; None: in none, or unknown."""
    per_token_j: float | None = None
    no_flops: str = ""
    """Why `flops` cannot be known; empty: it is, or nobody says."""
    folded: str = ""
    """Why it was not recorded to the end, so that its energy is in that of the layer that calls it; empty: it was."""


@dataclass(frozen=True, slots=True)
class UnsplitRow:
    """Stages the data cannot tell apart and the energy they spent together."""

    domain: DomainId
    energy_j: float
    low_j: float
    high_j: float
    members: tuple[StageId, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class FunctionEnergyRow:
    """Energy of one sampled function in one domain."""

    domain: DomainId
    energy_j: float
    low_j: float
    high_j: float
    total_j: float
    total_low_j: float
    total_high_j: float
    provenance: Provenance
    idle_j: float | None = None
    """Part of `energy_j` that is idle power, which goes on whatever the program does; None: that is not known."""
    total_idle_j: float | None = None
    """Of `total_j`."""


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One sampled function; decomposes a stage's self energy or the outside line, never added to stages.

    Energies are sums over all domains that count. A function that ran in several stages has a row for each.
    """

    function: str
    file: str
    line: int
    stage: StageId | None
    """None: no stage was open."""
    energy_j: float | None
    """Of the function itself; C code counts to the function that called it. None, as all energies: nothing was read."""
    low_j: float | None
    high_j: float | None
    provenance: Provenance
    total_j: float | None = None
    """With all it called; recursion counts once."""
    total_low_j: float | None = None
    total_high_j: float | None = None
    share: float | None = None
    """Of all energy that was divided among functions, 0..1, own energy only; None where nothing was spent."""
    samples: int = 0
    """Samples in which it was the innermost function, and in whose stack it stood at all."""
    total_samples: int = 0
    hot_line: int | None = None
    """The line seen most often; None: unknown."""
    domains: tuple[FunctionEnergyRow, ...] = ()
    idle_j: float | None = None
    """Part of `energy_j` that is idle power; None: of one domain it is not known."""
    total_idle_j: float | None = None


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """One edge of the stage graph; energy_j None, as all figures: the kind carries no joules, or they are not known."""

    source: StageId
    target: StageId
    kind: EdgeKind
    count: int
    energy_j: float | None
    low_j: float | None = None
    high_j: float | None = None
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Overhead:
    """What the profiler cost: share = recorder_s / wall time of the run."""

    recorder_s: float
    share: float
    spans: int
    dropped: int
    collector_s: float
    sampler_s: float
    sampler_share: float
    """CPU time of the sampler / wall time of the run."""
    polls: int
    late_polls: int
    counted: int = 0
    """Spans, among `spans`, that were counted and not stored, so that the file kept its bound."""
    bound_share: float | None = None
    """What recording was allowed to cost, relative to the program's own time; None: anything."""
    folded: int = 0
    """Layers that were not recorded any more to keep that bound, in the process that had most of them."""
    steps_share: float = 1.0
    """Part of the calls of models whose layers were recorded in the end, to keep it, where that was least."""
    governed_share: float | None = None
    """What recording cost after that, as calibrated, in the process where it was most; None: there was no bound."""


@dataclass(frozen=True, slots=True, repr=False)
class Report(Shown):
    """Everything an exporter prints, in pipeline order; exporters compute nothing."""

    run: RunRow
    domains: tuple[DomainRow, ...]
    ledger: tuple[LedgerRow, ...]
    stages: tuple[StageRow, ...]
    unsplit: tuple[UnsplitRow, ...]
    functions: tuple[FunctionRow, ...]
    edges: tuple[EdgeRow, ...]
    hotspots: tuple[StageId, ...]
    overhead: Overhead
    warnings: tuple[str, ...]
    measured: SumRow
    """All domains that count, nested ones not added."""
    stages_sum: SumRow
    mean_power_w: float | None
    """Of all domains that count, each over the time it was measured; None: nothing was."""
    layers: tuple[LayerRow, ...] = ()
    """Each before those it calls, in the order of first calls, in every phase it had; empty: none was recorded."""
    delays: DelayRow | None = None
    """None: no iteration was delayed."""
    repeat: RepeatRow | None = None
    """None: nothing was repeated."""
    rankings: tuple[RankingRow, ...] = ()
    """By domain, totals first, from the costliest down; only of stages that a statistical fit tells apart."""
    tokens: tuple[TokenRow, ...] = ()
    """Empty: nothing was generated, or its tokens could not be counted."""
    ranks: tuple[RankRow, ...] = ()
    """Ascending; empty: the program is not distributed."""
    imbalance: Imbalance | None = None
    """None: the program is not distributed, or its ranks had no stage."""
    hosts: tuple[HostRow, ...] = ()
    """Of a run that was merged of several; empty: there is one host, that of `run`."""
    steps: StepRow | None = None
    """None: no loop was seen, or not all of it was stored."""
    units: tuple[UnitRow, ...] = ()
    """Empty, as `metrics`: the program told none."""
    metrics: tuple[MetricRow, ...] = ()
    trials: Trials | None = None
    """None: the program made none."""
    earlier: EarlierRun | None = None
    """The newest run before it that did the same work; None: none is known, or nothing is remembered."""
    findings: tuple[Finding, ...] = ()
    """What to change, the surest savings first, hints last; of a view none are told."""
    waits: tuple[WaitRow, ...] = ()
    """Stages while which a device stood idle, by domain in pipeline order; those of under 1 % of its idle energy are
    left out."""
    costliest_path: tuple[StageId, ...] = ()
    """Outermost stages along the flow of data whose totals add up to most; empty: no flow is known."""
    view: ViewRow | None = None
    """None: all of the run, down to layers."""
    footprint: FootprintRow | None = None
    """Of `measured`, as CO2e and money; None: nobody said with which electricity, or its energy is not known."""
    schema: str = SCHEMA
