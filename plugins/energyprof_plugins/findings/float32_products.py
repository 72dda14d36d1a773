"""Matrix products of float32 run on units that do a tenth of what the device's matrix units do.

What it saves is worked out from peaks that NVIDIA states, never measured here: an estimate. A product that uses float32
units well takes its operations by the peak of the matrix units, at best, and by a third of that, as large ones reach at
least; power is taken to differ by less than a third either way. `USED_WELL`, `REACHED` and `POWER_RATIO` are assumed
by us, wide for that reason; no source states them. One that uses float32 units badly waits for memory or launches:
then nothing may be saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import StageRow
from energyprof_plugins.findings.launches import device_s
from energyprof_plugins.findings.product_layers import product_layers, spent_by

FLOPS: Final = "flops_of_first_call"
LEAST_SHARE: Final = 0.05
"""Of all stage energy, that matrix products take; of the run's time, where no energy is known."""
USED_WELL: Final = 0.3
"""Part of the float32 peak from which on a product is taken to be bound by arithmetic."""
REACHED: Final = 0.3
"""Part of the matrix units' peak that such products reach there at least."""
POWER_RATIO: Final = (0.7, 1.3)
"""Of power with matrix units to that without."""


class Peaks(NamedTuple):
    """Operations a second of a device, products of dense matrices."""

    float32: float
    tf32: float


PEAKS: Final = {
    "8.0": Peaks(19.5e12, 156e12),
    "9.0": Peaks(67e12, 494e12),
}
"""By compute capability: NVIDIA A100 Tensor Core GPU data sheet (2021), NVIDIA H100 Tensor Core GPU data sheet (2023,
SXM; half of what it states with sparsity). Of GeForce cards (8.6, 8.9) TF32 is hardly faster than float32."""
HAVE_TF32: Final = ("8.0", "8.7", "9.0", "10.0", "10.3")
"""Compute capabilities of data centre and embedded GPUs with it: A100, Orin, H100 and H200, B200, B300. That TF32 is
there from Ampere, 8.0, on, TensorFlow's manual of `enable_tensor_float_32_execution` says; which GPUs 8.0, 9.0, 10.0
and 10.3 are, NVIDIA says in nvidia.github.io/TransformerEngine/support_matrix.html (its Transformer Engine).
That 8.7 is Orin is not checked: NVIDIA's table of capabilities could not be opened in November 2026."""


def of_float32(rule: str, run: FinishedRun, model: str, tops: Sequence[StageRow]) -> Finding | None:
    """Return what is found of a model whose products run in float32: a hint where no peaks support a number."""
    unit = _cheaper_unit(tops[0])
    products = product_layers(run.report, model) if unit else []
    if not products:
        return None
    spent = spent_by(run.report, tops, products)
    if spent.share < LEAST_SHARE:
        return None
    capability, now_j = str(tops[0].facts.get("compute_capability", "")), spent.now_j
    peaks = PEAKS.get(capability)
    rate = None if peaks is None else _rate(run, products)
    return Finding(
        rule=rule,
        offenders=tuple(top.stage for top in tops),
        fault="matrix products run in float32",
        evidence=f"weights and products of {model} are float32, without autocast; its device "
        + (f"(compute capability {capability}) has " if capability else "has ")
        + f"{unit}"
        + ("" if rate is None or peaks is None else f"; {_said_of(rate, peaks)}"),
        remedy=_remedy(capability),
        now_j=now_j,
        provenance=spent.provenance,
        saving_j=None if now_j is None or now_j <= 0 or peaks is None else _saving_j(now_j, rate, peaks),
    )


def _cheaper_unit(top: StageRow) -> str:
    """Return what its device has; nothing where it has nothing, or nobody says."""
    capability, unit = str(top.facts.get("compute_capability", "")), str(top.facts.get("bfloat16_unit", ""))
    if capability in HAVE_TF32:
        return "units for TF32 and bfloat16"
    major = capability.partition(".")[0]
    if major.isdecimal() and int(major) >= 8:
        return "units for bfloat16 and float16"
    if major == "7":
        return "units for float16"
    return f"a unit for bfloat16 ({unit})" if unit else ""


def _remedy(capability: str) -> str:
    kept = "see that results stay good enough"
    if capability in HAVE_TF32:
        return f"torch.set_float32_matmul_precision('high'), or torch.autocast('cuda', torch.bfloat16); {kept}"
    if capability.startswith("7."):
        return f"torch.autocast('cuda', torch.float16), with a GradScaler in training; {kept}"
    return f"torch.autocast('{'cuda' if capability else 'cpu'}', torch.bfloat16); {kept}"


def _rate(run: FinishedRun, products: Sequence[StageRow]) -> float | None:
    """Return the operations a second of the forward passes while the device was in them; None: it is not known."""
    forward = [row for row in products if row.kind == "module"]
    flops = sum(int(row.facts.get(FLOPS, 0)) * row.calls for row in forward)
    trace = run.trace()
    names = {row.stage for row in forward}
    chosen = np.array([stage.id in names for stage in trace.stages], np.bool_)
    busy_s = device_s(trace, chosen)
    return flops / busy_s if flops and busy_s > 0 and trace.counted is None else None


def _said_of(rate: float, peaks: Peaks) -> str:
    return (
        f"forward they run at {rate / 1e12:.3g} of {peaks.float32 / 1e12:.3g} TFLOP/s (TF32: {peaks.tf32 / 1e12:.0f})"
    )


def _saving_j(now_j: float, rate: float | None, peaks: Peaks) -> tuple[float, float]:
    """Return it from operations that take as long as at the matrix units' peak, and as at a part of it."""
    used = 0.0 if rate is None else min(rate / peaks.float32, 1.0)
    fastest = used * peaks.float32 / peaks.tf32
    least = 1 - POWER_RATIO[1] * fastest / REACHED if used >= USED_WELL else 0.0
    most = 1 - POWER_RATIO[0] * fastest
    return max(least, 0.0) * now_j, most * now_j
