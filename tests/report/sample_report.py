"""Reports of runs that never happened, built as real ones are: stages -> attribution -> graph -> report.

`Part` describes a stage by what it spent itself; all else (totals, ledger, ids) follows, so every account closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from energyprof.attribute.regroup import regroup, regroup_flows
from energyprof.graph.build import build_graph
from energyprof.graph.choose import choose_domains, choose_stages
from energyprof.model.attribution import (
    ATTRIBUTION_VERSION,
    PROVENANCES,
    Attribution,
    DomainAttribution,
    EnergyColumns,
    LedgerLine,
    StageTimes,
    Unsplit,
)
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId, StageId, escape_component
from energyprof.model.report import Report
from energyprof.model.span import Stage
from energyprof.model.trace import Flows, RecorderFacts, RunFacts
from energyprof.model.view import View
from energyprof.report.build import build_report
from energyprof.report.view import with_view

CPU = Domain(DomainId("cpu:0:package"), "rapl package-0", "sensor", "energy", 1e-6, "cpu", period_ns=1_000_000,
             gain_error=(0.03, 0.03))  # fmt: skip
GPU = Domain(DomainId("gpu:0"), "nvml NVIDIA L4", "sensor", "energy", 1e-3, "device", period_ns=100_200_000)
DRAM = Domain(DomainId("dram:0"), "rapl dram", "sensor", "energy", 1e-6, "cpu", period_ns=1_000_000)
CORE = Domain(DomainId("cpu:0:core"), "rapl core", "sensor", "energy", 1e-6, "cpu", parent=CPU.id, period_ns=1_000_000)
MODEL = Domain(
    DomainId("cpu"), "load_model (EPYC 2nd gen)", "model", "energy", 1e-6, "cpu",
    period_ns=10_000_000, gain_error=(0.4, 0.6), baseline_w=40.0,
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One stage and those below it; `self_j` per domain in the order of the run's domains."""

    name: str
    self_j: tuple[float, ...] = ()
    children: tuple[Part, ...] = ()
    calls: int = 1
    kind: str = "stage"
    how: str = "measured"
    error: float = 0.03
    """Half-width of the 95 % interval relative to the energy; a modelled domain has that of its model."""
    refused: bool = False
    """Its energy cannot be told from that of all other refused stages beside it."""
    line: int = 10
    """Where its code begins: one class of torch modules has one line."""


@dataclass
class Laid:
    """Stages laid out in order, with the columns that belong to them."""

    stages: list[Stage] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    taken: dict[tuple[str, ...], int] = field(default_factory=dict)

    def add(self, part: Part, parent: int | None) -> None:
        path = (*self._stages_around(part, parent), part.name)
        index = len(self.stages)
        identity = StageId("/".join(escape_component(component) for component in path))
        taken = self.taken.get(path, 0)
        self.taken[path] = taken + 1
        identity = StageId(f"{identity}#{taken + 1}") if taken else identity
        self.stages.append(Stage(identity, part.name, path, parent, part.kind, "pipeline.py", part.line))
        self.parts.append(part)
        for child in part.children:
            self.add(child, index)

    def _stages_around(self, part: Part, parent: int | None) -> tuple[str, ...]:
        """Return the path above; that of a module leaves out the modules around it, which its own name repeats."""
        while parent is not None and part.kind == "module" and self.stages[parent].kind == "module":
            parent = self.stages[parent].parent
        return () if parent is None else self.stages[parent].path


def make_report(
    parts: Iterable[Part],
    domains: tuple[Domain, ...] = (CPU,),
    *,
    after: Sequence[tuple[str, str]] = (),
    follows: Sequence[tuple[str, str]] = (),
    wall_s: float = 96.4,
    exit_code: int | None = 0,
    command: tuple[str, ...] = ("voice_assistant.py", "--requests", "200"),
    recorder: RecorderFacts | None = None,
    idle_share: float = 0.2,
    covered: Mapping[DomainId, float] = {},
) -> Report:
    """Return the report of a run with these stages; `after` and `follows` name (source id, target id).

    `covered`: part of the run that the readings of a domain cover, where it is not all; 0: all reads failed.
    """
    laid = Laid()
    for part in parts:
        laid.add(part, None)
    stages = tuple(laid.stages)
    coverage = [(covered.get(domain.id, 1.0), wall_s) for domain in domains]
    attribution = _attribution(laid, domains, idle_share, _flows(stages, follows), coverage)
    graph = build_graph(stages, domains, attribution, _flows(stages, after))
    run = RunFacts(
        command=command,
        start_unix_ns=1_790_000_000_123_000_000,
        start_ns=5_000_000_000,
        end_ns=5_000_000_000 + round(wall_s * 1e9),
        exit_code=exit_code,
        host="workbench",
        cpu_count=32,
        versions={"energyprof": "0.1.0", "python": "3.11.7", "platform": "Linux-6.8", "cpu": "Xeon Gold 6338"},
    )
    facts = recorder or RecorderFacts(
        recorder_s=wall_s * 0.008, collector_s=wall_s * 0.004, sampler_s=wall_s * 0.003,
        polls=round(wall_s * 100), late_polls=0, spans=sum(part.calls for part in laid.parts),
    )  # fmt: skip
    return build_report(run, facts, domains, stages, (), attribution, graph)


def view_report(
    parts: Sequence[Part], view: View, domains: tuple[Domain, ...] = (CPU,), *, after: Sequence[tuple[str, str]] = ()
) -> Report:
    """Return the report of a view of a run with these stages."""
    stages, attribution = attributed(parts, domains)
    chosen, grouping = choose_domains(domains, view.domain), choose_stages(stages, view)
    kept = regroup(stages, attribution, grouping, frozenset(domain.id for domain in chosen))
    graph = build_graph(grouping.stages, chosen, kept, regroup_flows(_flows(stages, after), grouping))
    run = RunFacts(("job.py",), 0, 0, 96_400_000_000, 0)
    return with_view(
        build_report(run, RecorderFacts(), chosen, grouping.stages, (), kept, graph), view, grouping, chosen, kept
    )


def attributed(parts: Sequence[Part], domains: tuple[Domain, ...] = (CPU,)) -> tuple[tuple[Stage, ...], Attribution]:
    """Return the stages of a run and what was found of each."""
    laid = Laid()
    for part in parts:
        laid.add(part, None)
    coverage = [(1.0, 96.4)] * len(domains)
    return tuple(laid.stages), _attribution(laid, domains, 0.2, _flows(tuple(laid.stages), ()), coverage)


def _flows(stages: tuple[Stage, ...], pairs: Sequence[tuple[str, str]]) -> Flows:
    index = {stage.id: number for number, stage in enumerate(stages)}
    source = np.array([index[StageId(a)] for a, _ in pairs], np.int32)
    target = np.array([index[StageId(b)] for _, b in pairs], np.int32)
    return Flows(source, target, np.full(len(pairs), 200), np.zeros(len(pairs), np.int64))


def _attribution(
    laid: Laid, domains: tuple[Domain, ...], idle_share: float, follows: Flows, coverage: list[tuple[float, float]]
) -> Attribution:
    count = len(laid.stages)
    calls = np.array([part.calls for part in laid.parts], np.int64)
    own_ns = np.array([round(sum(part.self_j) * 2e7) + 1000 * part.calls for part in laid.parts], np.int64)
    wall_ns = _with_below(laid, own_ns)
    return Attribution(
        version=ATTRIBUTION_VERSION,
        domains=tuple(
            _domain(laid, domain, place, idle_share, coverage[place]) for place, domain in enumerate(domains)
        ),
        times=StageTimes(calls, calls * 0, wall_ns, own_ns, wall_ns),
        follows=follows,
        calls=Flows.none() if not count else _opened(laid),
    )


def _opened(laid: Laid) -> Flows:
    inner = [index for index, stage in enumerate(laid.stages) if stage.parent is not None]
    source = np.array([laid.stages[index].parent for index in inner], np.int32)
    calls = np.array([laid.parts[index].calls for index in inner], np.int64)
    return Flows(source, np.array(inner, np.int32), calls, np.zeros(len(inner), np.int64))


def _with_below(laid: Laid, own: np.ndarray) -> np.ndarray:
    total = own.copy()
    for index in range(len(laid.stages) - 1, -1, -1):
        parent = laid.stages[index].parent
        if parent is not None:
            total[parent] += total[index]
    return total


def _domain(
    laid: Laid, domain: Domain, place: int, idle_share: float, coverage: tuple[float, float]
) -> DomainAttribution:
    covered, wall_s = coverage
    own_uj = np.array([round(part.self_j[place] * 1e6) if part.self_j else 0 for part in laid.parts], np.int64)
    unread = np.full(len(laid.parts), covered == 0)
    refused = np.array([part.refused for part in laid.parts], np.bool_) | unread
    how = np.array([PROVENANCES.index(part.how) for part in laid.parts], np.uint8)
    if domain.provenance == "model":
        how[:] = PROVENANCES.index("estimated (model)")
    energy = own_uj / 1e6
    error = np.array([part.error for part in laid.parts], np.float64)
    below, above = (error, error) if domain.provenance == "sensor" else (domain.gain_error[0], domain.gain_error[1])
    low, high = np.round(energy * (1 - below), 6), np.round(energy * (1 + above), 6)
    reasons = tuple(
        (
            "not covered by any reading"
            if covered == 0
            else "shorter than the sensor's period: repeat it"
            if part.refused
            else ""
        )
        for part in laid.parts
    )
    share = np.where(refused, 0.2, 1.0)
    self_energy = EnergyColumns(np.where(refused, 0, energy), low, high, refused, share, how, reasons, unread)

    total_uj, total_how = _with_below(laid, own_uj), how.copy()
    for index in range(len(laid.stages) - 1, -1, -1):
        parent = laid.stages[index].parent
        if parent is not None:
            total_how[parent] = max(total_how[parent], total_how[index])
    total_j = total_uj / 1e6
    leaf = np.ones(len(laid.stages), np.bool_)
    leaf[[stage.parent for stage in laid.stages if stage.parent is not None]] = False
    total_refused = refused & leaf
    below, above = (0.02, 0.02) if domain.provenance == "sensor" else domain.gain_error
    total = EnergyColumns(
        np.where(total_refused, 0, total_j), np.round(total_j * (1 - below), 6), np.round(total_j * (1 + above), 6),
        total_refused | unread, share, total_how, reasons, unread,
    )  # fmt: skip

    groups: dict[int | None, list[int]] = {}
    for index in np.flatnonzero(refused).tolist():
        groups.setdefault(laid.stages[index].parent, []).append(index)
    unsplit = tuple(
        Unsplit(domain.id, tuple(members), joint, joint * 0.9, joint * 1.1, "shorter than the sensor's period")
        for members in groups.values()
        for joint in [int(own_uj[members].sum()) / 1e6]
    )  # fmt: skip
    stages_uj = int(own_uj.sum())
    idle_uj, outside_uj, left_uj = (
        round(stages_uj * idle_share),
        round(stages_uj * 0.05) or 12_000_000,
        round(stages_uj * 0.004),
    )
    spent_uj = stages_uj + idle_uj + outside_uj + left_uj
    ledger = LedgerLine(domain.id, spent_uj / 1e6, stages_uj / 1e6, idle_uj / 1e6, outside_uj / 1e6, 0.0, left_uj / 1e6)
    return DomainAttribution(
        domain.id, self_energy, total, () if covered == 0 else unsplit, None if covered == 0 else ledger,
        baseline_w=domain.baseline_w or 20.0, period_ns=domain.period_ns, updates=964, reads=9640,
        failures=9640 if covered == 0 else 0, measured_start_ns=5_000_000_000, measured_end_ns=101_400_000_000,
        covered_ns=round(covered * wall_s * 1e9),
    )  # fmt: skip


# --- runs to look at ------------------------------------------------------------------------------------------------


def voice_assistant() -> Report:
    """Return 42 stages in three domains: five outermost ones, like blocks, refused parts, one modelled stage."""
    inferred, repeat = "inferred", "inferred (repeat mode)"
    stem = Part("conv_stem", (30, 140, 10), calls=200, how=inferred)
    encoder = [Part(f"block.{n}", (40, 180 - 4 * n, 38), calls=200, how=inferred, error=0.1) for n in range(4)]
    decoder = [
        Part(f"block.{n}", (4, 8, 2), (
            Part("self_attn", (12, 130 + 3 * n, 6), calls=5180, how=repeat),
            Part("cross_attn", (12, 236 + (160 if n == 3 else n), 8), calls=5180, how=repeat),
            Part("mlp", (8, 158, 7), calls=5180, how=repeat),
        ), calls=5180, how=repeat) for n in range(4)
    ]  # fmt: skip
    asr = Part("asr", (180, 40, 30), (
        Part("log_mel", (270, 20, 40), calls=200, how=inferred),
        Part("encoder", (10, 12, 2), (stem, *encoder), 200, how=inferred),
        Part("decoder", (250, 50, 20), tuple(decoder), calls=5180, how=inferred, error=0.1),
        Part("word_timestamps", (90, 300, 20), calls=200, how=inferred, error=0.1),
    ), calls=200)  # fmt: skip
    embed = Part("embed", (60, 0, 10), (
        Part("tokenize", (220, 0, 40), calls=200, how=inferred),
        Part("layers", (90, 0, 9), (
            Part("attention", (300, 0, 20), calls=2400, refused=True),
            Part("norm", (100, 0, 8), calls=2400, refused=True),
            Part("feed_forward", (200, 0, 12), calls=2400, refused=True),
        ), calls=200, how=inferred),
    ), calls=200)  # fmt: skip
    return make_report(
        [
            Part("load_audio", (80, 0, 10), (
                Part("read_wav", (230, 0, 40), calls=200, how=inferred), Part("resample", (640, 0, 80), calls=200),
            ), calls=200),
            asr, embed,
            Part("recommend", (30, 0, 5), (
                Part("knn_search", (420, 0, 55), calls=200), Part("rerank", (110, 0, 20), calls=200),
            ), calls=200),
            Part("tts", (60, 10, 10), (
                Part("text_encoder", (30, 160, 15), calls=200, how=inferred),
                Part("vocoder", (100, 820, 35), calls=200, how=inferred, error=0.08),
                Part("write_wav", (150, 0, 20), calls=200, how="estimated (model)", error=0.4),
            ), calls=200),
        ],
        (CPU, GPU, DRAM),
        after=[("load_audio", "asr"), ("asr", "embed"), ("embed", "recommend"), ("recommend", "tts"), ("asr", "tts")],
    )  # fmt: skip


def digits() -> Report:
    """Return a small run on a machine without sensors: everything modelled, stages of some joules and millijoules."""
    layers = tuple(
        Part(name, (energy,), calls=460, kind="module")
        for name, energy in [("Net.conv1", 4.1), ("Net.conv2", 6.3), ("Net.fc1", 1.2), ("Net.fc2", 0.2)]
    )
    return make_report(
        [
            Part("load_digits", (3.25,)),
            Part("preprocess", (0.021,)),
            Part("train", (9.4,), (Part("Net", (2.4,), layers, calls=460, kind="module"),)),
            Part("evaluate", (0.6,), (Part("Net", (0.002,), calls=12, kind="module"),)),
            Part("serve", (0.09,), calls=200),
        ],
        (MODEL,),
        follows=[("load_digits", "preprocess"), ("preprocess", "train"), ("train", "evaluate"), ("evaluate", "serve")],
        wall_s=1.9,
        command=("samples/digits/pipeline.py",),
    )


def vit_training() -> Report:
    """Return 120 stages: a torch model with dotted module names, twelve like blocks of which one is dearer."""
    inferred = "inferred"

    leaves = [("norm1", 1.1), ("attn.qkv", 21.0), ("attn.proj", 8.0), ("norm2", 1.2)]
    leaves += [("mlp.fc1", 30.0), ("mlp.act", 2.0), ("mlp.fc2", 29.0)]

    def block(n: int) -> Part:
        name = f"ViT.blocks.{n}"
        worse = 2.1 if n == 7 else 1.0 + n / 200
        return Part(name, (1.5,), tuple(
            Part(f"{name}.{leaf}", (energy * worse,), calls=3900, kind="module", how=inferred)
            for leaf, energy in leaves
        ), calls=3900, kind="module", how=inferred)  # fmt: skip

    model = Part("ViT", (12.0,), (
        Part("ViT.patch_embed", (22.0,), calls=3900, kind="module", how=inferred),
        *(block(n) for n in range(12)),
        Part("ViT.head", (3.0,), calls=3900, kind="module", how=inferred),
    ), calls=3900, kind="module", how=inferred)  # fmt: skip
    steps = tuple(Part(f"epoch {n}", (8.0 + n / 10,), calls=1) for n in range(1, 7))
    return make_report(
        [
            Part("read_index", (2.0,)),
            Part("load_batches", (40.0,), (
                Part("decode_jpeg", (180.0,), calls=62000), Part("augment", (95.0,), calls=62000),
            )),
            Part("train", (60.0,), (model, Part("backward", (1400.0,), calls=3900, kind="backward"),
                                    Part("AdamW.step", (260.0,), calls=3900, kind="optimizer"), *steps)),
            Part("evaluate", (30.0,)),
            Part("save", (4.0,)),
        ],
        (GPU,),
        after=[("load_batches", "train"), ("train", "evaluate"), ("evaluate", "train")],
        follows=[("read_index", "load_batches"), ("evaluate", "save")],
    )  # fmt: skip


def empty(domains: tuple[Domain, ...] = (CPU,)) -> Report:
    """Return a run without any stage."""
    return make_report([], domains, wall_s=0.5)


def one_stage() -> Report:
    """Return a run of which nothing but one stage is known."""
    return make_report([Part("program", (0.0203,), kind="program")], (MODEL,), wall_s=0.4)


HOSTILE_NAMES = (
    "<script>alert(1)</script>",
    "[red]not red[/red] [bold",
    "quotes \" and ' and `",
    "two\nlines\r\nand\ttabs",
    "\x1b[31mred\x1b[0m\x07\x9b1m",
    "back\\slash \\N \\G \\L &amp; &#60;",
    "日本語の名前でとても長い処理ステージ",
    "right\u202eto left",
    "lone \udc80 surrogate",
    "%2F / percent",
    "<b>",
    "",
    " ",
    "e\u0301 combining and 👩‍💻",
    "x" * 10_000,
    "{a|b} -> c; }",
)


def hostile() -> Report:
    """Return a run whose stages carry names that could break every format."""
    inner = tuple(Part(name, (3.0 + number,), refused=number % 5 == 0) for number, name in enumerate(HOSTILE_NAMES))
    outer = [Part(name, (2.0 + number,), inner if number == 0 else ()) for number, name in enumerate(HOSTILE_NAMES)]
    return make_report(outer, command=("\x1b[31m<b>[red].py", "a b"), exit_code=-9)


def many(count: int) -> Report:
    """Return `count` outermost stages and as many leaves below the first."""
    leaves = tuple(Part(f"leaf {number}x", (0.5 + number % 7,)) for number in range(count - count // 2 - 1))
    tops = [Part(f"stage{number}x", (1.0 + number % 5,)) for number in range(count // 2)]
    return make_report([Part("first", (5.0,), leaves), *tops])


def deep(levels: int) -> Report:
    """Return one chain of stages, each inside the one before."""
    part = Part("bottom", (40.0,))
    for level in range(levels, 0, -1):
        part = Part(f"level_{level}_of_the_call", (0.2,), (part, Part(f"side_{level}", (1.0,))))
    return make_report([part])
