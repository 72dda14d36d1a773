"""The report of a run with as many stages and layers of a model as wanted, and what its power looked like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sample_report as sample

from energyprof.model.history import PowerEnvelope, PowerHistory, StageBand
from energyprof.model.report import LayerRow, Report, StageRow, SumRow

KINDS = ("attention", "attention.query", "attention.key", "attention.value", "attention.output.dense", "norm_before",
         "feed_forward.dense_in", "feed_forward.dense_out", "norm_after")  # fmt: skip
"""Layers of one block, besides itself."""
PHASES = {"forward": 0.3, "backward": 0.7, "total": 1.0}
BUCKETS = 1024
BANDS = 10


def layered(stages: int, layers: int) -> Report:
    """Return a run of `stages` stages, of which the second calls a model of `layers` layers with like blocks."""
    blocks, left = divmod(layers - 1, 1 + len(KINDS))
    of_model = tuple(_block(f"Model.encoder.layer.{number}", KINDS, number) for number in range(blocks))
    if left:
        of_model += (_block("Model.head", KINDS[: left - 1], 0),)
    model = sample.Part("Model", (2.0, 20.0), of_model, calls=3900, kind="module", how="inferred")
    parts = [
        sample.Part(f"stage_{number}_of_the_pipeline", (1.0 + number % 9, 2.0), (model,) if number == 1 else ())
        for number in range(stages)
    ]
    order = [(f"stage_{number}_of_the_pipeline", f"stage_{number + 1}_of_the_pipeline") for number in range(stages - 1)]
    report = sample.make_report(parts, (sample.CPU, sample.GPU), follows=order)
    modules = [row for row in report.stages if row.kind == "module"]
    known = tuple(
        replace(row, facts={"module_class": "Linear"}) if row.kind == "module" else row for row in report.stages
    )
    return replace(report, stages=known, layers=tuple(_layer(row, phase) for row in modules for phase in PHASES))


def noisy_history(report: Report) -> PowerHistory:
    """Return power that changes from each bucket to the next, the same every time."""
    noise = np.random.default_rng(1)
    envelopes = []
    for row in report.domains:
        mean_w = 40 + 20 * noise.random(BUCKETS)
        low_w, high_w = mean_w - 10 * noise.random(BUCKETS), mean_w + 30 * noise.random(BUCKETS)
        envelopes.append(PowerEnvelope(row.domain, low_w, mean_w, high_w, np.ones(BUCKETS), 1e6))
    outermost = [row.stage for row in report.stages if row.parent is None]
    bands = tuple(StageBand(stage, noise.random(BUCKETS)) for stage in outermost[:BANDS])
    return PowerHistory(1e8, BUCKETS, tuple(envelopes), bands, max(len(outermost) - BANDS, 0), True)


def _block(name: str, kinds: tuple[str, ...], number: int) -> sample.Part:
    inner = tuple(
        sample.Part(f"{name}.{kind}", (0.2, 3.0 + place + number / 50), calls=3900, kind="module", how="inferred")
        for place, kind in enumerate(kinds)
    )
    return sample.Part(name, (0.3, 1.0), inner, calls=3900, kind="module", how="inferred")


def _layer(row: StageRow, phase: str) -> LayerRow:
    part = PHASES[phase]
    own, total = _part(row.self_sum, part), _part(row.total_sum, part)
    return LayerRow(
        row.name, phase, None, 0, "Linear", row.calls, row.wall_s * part, row.self_wall_s * part, 0.0, own, total,
        total.energy_j / row.calls, None, 55.0, 590_592, None, None,
    )  # fmt: skip


def _part(of: SumRow, part: float) -> SumRow:
    return replace(of, energy_j=of.energy_j * part, low_j=of.low_j * part, high_j=of.high_j * part)
