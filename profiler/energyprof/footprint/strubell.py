"""Table 3 of Strubell et al. 2019 (arXiv 1906.02243), what it prints, and the same figures worked out here.

Power is what the paper printed: p_cpu + p_dram + g * p_gpu, measured by its authors. kWh = 1.58 * hours * W / 1000 and
CO2e = 0.954 lb * kWh. Two of its figures need others than it prints to come out: BERT's hours are 79.2 (its text says
so, the table rounds to 79), and the hours of the architecture search on a TPU are 32,633 (979M steps, 10 hours for 300k
of them; the table has 32,623). Prices are those that its costs imply, see accelerators.csv.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energyprof.footprint import training
from energyprof.model.amounts import JOULES_PER_KWH
from energyprof.model.range import Range

PUE: Final = 1.58
LB_PER_KWH: Final = 0.954
"""US average of EPA 2018, as the paper uses it."""
G_PER_LB: Final = 453.59237
"""International pound, by definition."""
G_PER_KWH: Final = LB_PER_KWH * G_PER_LB
SOURCE: Final = "Strubell, Ganesh and McCallum 2019, arXiv 1906.02243, table 3"


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One row as the paper has it; None: printed as a dash."""

    model: str
    accelerator: str
    count: int
    power_w: float | None
    hours: float
    """Printed."""
    kwh: int | None
    lb: int | None
    usd: tuple[int, int]
    hours_used: float | None = None
    """Hours that its other figures follow from, where the printed ones are not; see the module."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reproduced:
    """The same row worked out; None: the paper gives no power for it."""

    row: PaperRow
    energy_j: float | None
    carbon_g: float | None
    usd: tuple[float, float]

    @property
    def kwh(self) -> float | None:
        """Energy in the paper's unit."""
        return None if self.energy_j is None else self.energy_j / JOULES_PER_KWH

    @property
    def lb(self) -> float | None:
        """CO2e in the paper's unit."""
        return None if self.carbon_g is None else self.carbon_g / G_PER_LB


_BERT = "the text has 79.2 h; 79 h would give 1 503 kWh and 1 434 lb"
_NAS = "979M steps at 10 h for 300k are 32 633 h; the printed 32 623 h do not give the printed cost"

TABLE_3: Final = (
    PaperRow("Transformer base", "P100-PCIE", 8, 1415.78, 12, 27, 26, (41, 140)),
    PaperRow("Transformer big", "P100-PCIE", 8, 1515.43, 84, 201, 192, (289, 981)),
    PaperRow("ELMo", "P100-PCIE", 3, 517.66, 336, 275, 262, (433, 1472)),
    PaperRow("BERT base", "V100-SXM2", 64, 12041.51, 79, 1507, 1438, (3751, 12571), 79.2, _BERT),
    PaperRow("BERT base", "TPUv2", 16, None, 96, None, None, (2074, 6912)),
    PaperRow("NAS", "P100-PCIE", 8, 1515.43, 274_120, 656_347, 626_155, (942_973, 3_201_722)),
    PaperRow("NAS", "TPUv2", 1, None, 32_623, None, None, (44_055, 146_848), 32_633, _NAS),
    PaperRow("GPT-2", "TPUv3", 32, None, 168, None, None, (12_902, 43_008)),
)


def reproduce(row: PaperRow, usd_per_hour: tuple[float, float]) -> Reproduced:
    """Return a row worked out from its power, hours and count, with prices of one accelerator."""
    hours = row.hours if row.hours_used is None else row.hours_used
    low, high = (price * row.count * hours for price in usd_per_hour)
    if row.power_w is None:
        return Reproduced(row, None, None, (low, high))
    duration_s = Range.exactly(hours * training.SECONDS_PER_HOUR)
    energy_j = training.energy_j(Range.exactly(row.power_w), duration_s, Range.exactly(PUE)).value
    return Reproduced(row, energy_j, energy_j / JOULES_PER_KWH * G_PER_KWH, (low, high))
