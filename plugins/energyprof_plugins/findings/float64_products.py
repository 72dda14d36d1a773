"""A model is left in float64, twice as wide as what models are trained in.

numpy's arrays are float64 unless told otherwise, and a model that is fed with them is made to fit by `.double()`. A
vector register holds twice as many numbers of float32 (of 256 bits eight instead of four: Intel 64 and IA-32
Architectures Software Developer's Manual, volume 1, section 14.1), and memory brings twice as many a second: what is
bound by arithmetic or by memory takes half as long. On an EPYC without AVX-512 (torch 2.13, one thread, layers of 64 to
1024 features) the change saved 36 to 60 % of the CPU time. Calls so short that Python and torch take much of them may
save nothing. `POWER_RATIO` is assumed by us: that power differs by less than a third either way.

Of GPUs it is a hint: by NVIDIA's data sheets of A100 and H100 their matrix units make as many operations a second of
float64 as others of float32, so that nothing is gained but memory and, where it is allowed, TF32; most other GPUs have
a 32nd or a 64th of their units for float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import StageRow
from energyprof_plugins.findings.devices import DEVICE
from energyprof_plugins.findings.product_layers import layers, spent_by

LEAST_SHARE: Final = 0.05
"""Of all stage energy, that the model takes; of the run's time, where no energy is known."""
TIME_RATIO: Final = 0.5
POWER_RATIO: Final = (0.7, 1.3)
"""Of power with float32 to that with float64."""
LONG_CALL_S: Final = 100e-6
"""Of a layer, from which on arithmetic and memory are taken to be most of it: a call of a small one takes some 10 us.
"""


def of_float64(rule: str, run: FinishedRun, model: str, tops: Sequence[StageRow]) -> Finding | None:
    """Return what is found of a model whose weights are float64; nothing of one on a device of which we know nothing.

    All of its layers count, for all are as wide.
    """
    device = tops[0].facts.get(DEVICE)
    rows = layers(run.report, model)
    spent = spent_by(run.report, tops, rows)
    if device not in {"cpu", "cuda"} or spent.share < LEAST_SHARE:
        return None
    now_j = spent.now_j
    return Finding(
        rule=rule,
        offenders=tuple(top.stage for top in tops),
        fault="matrix products run in float64",
        evidence=f"weights of {model} are float64; "
        + (
            "vector units make twice as many operations of float32"
            if device == "cpu"
            else "most GPUs make many times as many operations of float32"
        ),
        remedy="model.float(), and inputs to match (numpy's are float64: torch.from_numpy(x).float()); see that "
        "results stay good enough",
        now_j=now_j,
        provenance=spent.provenance,
        saving_j=None if device != "cpu" or now_j is None or now_j <= 0 else _saving_j(now_j, rows),
    )


def _saving_j(now_j: float, rows: Sequence[StageRow]) -> tuple[float, float]:
    """Return it from the layers whose calls are long, with the higher power, to that of all, with the lower one."""
    whole_s = sum(row.self_wall_s for row in rows)
    long_s = sum(row.self_wall_s for row in rows if row.self_wall_s >= LONG_CALL_S * max(row.calls, 1))
    least, most = (1 - ratio * TIME_RATIO for ratio in reversed(POWER_RATIO))
    return least * now_j * long_s / max(whole_s, 1e-9), most * now_j
