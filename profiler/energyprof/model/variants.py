"""Ways to do the same thing, set beside each other: joules for each unit of work, and how good it came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from energyprof.model.domain import Provenance
from energyprof.model.footprint_rows import Assumptions

Verdict = Literal["cheapest", "lowest so far", "dearer", "unclear", "cannot tell", "failed"]
"""`cheapest`: told apart from each of the others; `lowest so far`: it has the lowest mean, yet may not be. Against that
one: significantly dearer; perhaps; or there are too few runs to know. `failed`: a run of it ended with an error."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over runs and its 95 % interval by their spread; without bounds where one run tells of no spread."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class FailedRuns:
    """Runs of a way that ended with an error, and may not have done their work."""

    runs: int
    exit_codes: tuple[int, ...]
    """Each that there was, once."""
    energy_j: Mean | None
    """Of a run, whatever it did; None: one was not read."""
    wall_s: Mean


@dataclass(frozen=True, slots=True)
class WayAmount:
    """What a unit of work of one way comes with besides joules, set against the way with the least of it."""

    amount: Mean
    """Its interval is by the spread of runs; what turned joules into it is taken as stated."""
    ratio: Mean | None = None
    """None: there is nothing it may be set against."""
    verdict: Verdict = "cannot tell"


@dataclass(frozen=True, slots=True)
class WayFootprint:
    """What was said of where a way runs, and what a unit of its work comes with there."""

    assumptions: Assumptions
    facility_j: WayAmount | None = None
    """Joules at the meter of the data centre; None: not known, or nobody said a PUE of any way."""
    carbon_g: WayAmount | None = None
    """CO2e; None: of no grid is known."""
    cost: WayAmount | None = None
    """In the currency of the way's price; None: no price is known."""


@dataclass(frozen=True, slots=True)
class VariantRow:
    """One way, over all of its runs that came to their end."""

    name: str
    runs: int
    """Without those that failed."""
    energy_j: Mean | None
    """For each unit of work (or each run); None: a run was not read, or did none, or all failed."""
    units: float
    """Done in each run, on average; 1 where runs themselves are compared."""
    wall_s: Mean | None
    """None: all failed."""
    metric: Mean | None
    """None: none was asked for, or a run told none or no finite number."""
    ratio: Mean | None
    """To that of the lowest mean, 1: the same; the interval holds for all comparisons of a table together."""
    verdict: Verdict
    is_best: bool | None
    """On the front: none is surely cheaper or better, and no worse in the other; None: there is no metric."""
    is_unsure: bool = False
    """On the front, but not told apart from another that may be as cheap and as good."""
    metric_runs: int = 0
    """Runs that told the metric."""
    endless_runs: int = 0
    """Of those, runs that told NaN or an infinity, which no order and no mean can hold."""
    failed: FailedRuns | None = None
    """Left out of all other figures; None: none failed."""
    provenance: Provenance = "measured"
    gain_error: tuple[float, float] = (0.0, 0.0)
    """Relative error (below, above) of all its joules together, which no number of runs shows."""
    ratio_error: tuple[float, float] = (0.0, 0.0)
    """How much of that error, and of the other's, is left in `ratio` and in its interval: none where both were read
    alike."""
    footprint: WayFootprint | None = None
    """None: nobody said anything that turns joules into others."""


@dataclass(frozen=True, slots=True)
class Variants:
    """The table, in the order in which the ways were named."""

    rows: tuple[VariantRow, ...]
    unit: str
    """What joules are for each of; empty: of a run."""
    metric: str
    """Empty: none."""
    lower_is_better: bool
    provenance: Provenance
    gain_error: tuple[float, float]
    """Relative error (below, above) of all joules, of the way where it is widest."""
    cautions: tuple[str, ...]
    """Why joules of these runs may not be comparable."""
    advice: tuple[str, ...] = ()
    """What to change, where the table shows it: sentences."""
