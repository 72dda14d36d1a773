"""What the fit may say of each stage and group: its figure, its interval, and whether that names it.

    figure       the prediction, within what the split allows without any assumption (split.py)
    interval     +- 1.96 standard deviations, within the same bounds; a factor common to all stages is a part of them
    data share   1 - (posterior variance / prior variance): what the data say, not the prior; readings wholly of one
                 stage count as in the split
    unclear      the interval reaches further than 10 % from the figure, or the fit names no stage at all; what a
                 common factor adds to it does not count: it tells no stages apart, nor does any group lessen it

A group's interval follows from the covariance of its members. With posterior variance v and prior variance v0, the data
hold 1/v - 1/v0 of information; N times as many iterations hold N times that, and are enough where N (1/v - 1/v0) + 1/v0
reaches 1/t, t being the variance of an interval of 10 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.columns import Columns
from energyprof.attribute.inference.told import source_of
from energyprof.attribute.split import SPREAD, Bounds, Divided, Split
from energyprof.attribute.sums import sum_by
from energyprof.model.attribution import SensorFit
from energyprof.model.domain import Domain
from energyprof.model.span import Floats, Ints

if TYPE_CHECKING:
    from energyprof.attribute.inference.sensor import Fitted
    from energyprof.attribute.inference.window import FoundWindow

NARROW = 0.1
"""Half of a 95 % interval, relative to the figure, up to which a stage is named."""
ALIASED_FROM = 1e6
"""Condition number of the occupancy columns from which they say the same again and again."""
MISFIT_FROM = 3.0
"""Mean square of whitened residuals from which the model does not fit."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedSplit:
    """The energies of one domain as the fit has them, for a verdict."""

    plain: Split
    fitted: Fitted
    columns: Columns
    refusal: str
    stages: Bounds
    outside_j: float

    @staticmethod
    def of(plain: Split, fitted: Fitted, columns: Columns, refusal: str) -> FittedSplit:
        """Return the figures of every stage."""
        at, part = np.maximum(columns.of_stage, 0), columns.part
        energy, sd = part * fitted.read.energy_j[at], part * fitted.read.sd_j[at]
        prior = part * fitted.read.prior_sd_j[at]
        bounds = _bounds(plain.stages, energy, sd**2, prior**2, bool(refusal))
        # A stage that shares its column has its part of it by time only.
        shared = (part > 0) & (part < 1)
        high = np.where(shared, np.minimum(fitted.read.energy_j[at], plain.stages.high_j), bounds.high_j)
        bounds = Bounds(
            bounds.energy_j,
            np.where(shared, plain.stages.low_j, bounds.low_j),
            np.maximum(high, bounds.energy_j),
            np.where(shared, plain.stages.undecided_j, bounds.undecided_j),
            bounds.inferred_j,
            bounds.sampling_j,
            bounds.own_j,
            np.where(shared, 1.0, bounds.unclear),
            bounds.common_j,
            bounds.more,
        )
        return FittedSplit(
            plain, fitted, columns, refusal, bounds, max(float(fitted.read.energy_j[-1]) - plain.idle_j, 0.0)
        )

    @property
    def idle_j(self) -> float:
        """Baseline energy while no stage was open."""
        return self.plain.idle_j

    @property
    def unattributed_j(self) -> float:
        """What is left of what was measured."""
        measured = float(self.plain.problem.windows.energy_j.sum())
        return measured - float(self.stages.energy_j.sum()) - self.idle_j - self.outside_j

    def group(self, members: Ints) -> Bounds:
        """Return the bounds of several stages taken together."""
        energies = self.fitted.read
        weight = _weight(self.columns, members)
        energy = self.stages.energy_j[members].sum(keepdims=True)
        variance = np.array([max(float(weight @ energies.covariance_j2[:-1, :-1] @ weight), 0.0)])
        prior = np.array([float((weight**2) @ energies.prior_sd_j**2)])
        return _bounds(self.plain.group(members), energy, variance, prior, bool(self.refusal))


def sensor_fit(domain: Domain, window: FoundWindow | None, fitted: Fitted, columns: Columns, refusal: str) -> SensorFit:
    """Return what the fit found over the whole run."""
    at, part, energies = np.maximum(columns.of_stage, 0), columns.part, fitted.run
    share = _share(energies.sd_j[:-1] ** 2, energies.prior_sd_j**2)
    return SensorFit(
        energy_j=part * energies.energy_j[at],
        sd_j=part * energies.sd_j[at],
        data_share=np.where(columns.of_stage >= 0, share[at], 0.0),
        column=columns.of_stage.astype(np.int32),
        covariance_j2=np.ascontiguousarray(energies.covariance_j2[:-1, :-1]),
        lag_ns=fitted.timing.lag_ns,
        lag_sd_ns=fitted.lag_sd_ns,
        window_ns=float(domain.window_ns or domain.period_ns or 0) if domain.quantity == "power" else 0.0,
        response_ns=fitted.timing.response_ns,
        timing=source_of(domain, fitted, window),
        condition=fitted.condition,
        refusal=refusal,
    )


def refusal_of(fitted: Fitted, is_imported: bool = False) -> str:
    """Return why the fit may name no stage at all, with the cure; empty: it may."""
    if fitted.condition > ALIASED_FROM:
        cure = "try --dephase 0..20ms, or --repeat 50ms"
        if is_imported:
            cure = "record a run with a random delay of 0 to 20 ms before each step, or each stage repeated for 50 ms"
        return (
            "the sensor's period and the program's steps keep time, so that every reading shows the same mixture; "
            f"{cure}"
        )
    if fitted.lag.other_ns is not None:
        return (
            f"the sensor's delay may be {fitted.lag.lag_ns * 1e-6:.0f} or {fitted.lag.other_ns * 1e-6:.0f} ms, and the "
            "readings do not tell which; "
            + ("record stages of uneven length" if is_imported else "measure it with: energyprof doctor --probe")
        )
    if fitted.queued_ns is not None:
        return (
            "the model does not fit these readings: they follow the host's stamps some "
            f"{fitted.queued_ns * 1e-6:.0f} ms later than the sensor's delay explains, as queued work does; record the "
            "device's own streams, or wait for it within each stage"
        )
    if fitted.is_beyond:
        return (
            "the model does not fit these readings: a delay beyond "
            f"{fitted.timing.lag_ns * 1e-6:.1f} ms fits them better, so that period, window or delay of the sensor are "
            "not what was said; say them (--period, --window)"
            + ("" if is_imported else ", or measure them with: energyprof doctor --probe --load")
        )
    if fitted.residuals.chi2 > MISFIT_FROM:
        return "the model does not fit these readings: power wanders more than stages explain; longer stages help"
    return ""


def _weight(columns: Columns, members: Ints) -> Floats:
    ran = members[columns.of_stage[members] >= 0]
    weight: Floats = sum_by(columns.of_stage[ran], columns.part[ran], columns.count)
    return weight


def _share(variance: NDArray[np.float64], prior: NDArray[np.float64]) -> Floats:
    return 1 - np.minimum(variance / np.where(prior > 0, prior, np.inf), 1.0)


def _bounds(plain: Bounds, energy: Floats, variance: Floats, prior: Floats, is_refused: bool) -> Bounds:
    figure = np.clip(energy, plain.low_j, plain.high_j)
    # What lies beyond the bounds that hold without any assumption shows how far off the fit is.
    apart = SPREAD * np.sqrt(variance) + np.abs(energy - figure)
    common = plain.common_j * figure / np.where(plain.energy_j > 0, plain.energy_j, np.inf)
    reach = SPREAD * np.sqrt(variance + common**2) + np.abs(energy - figure)
    low = np.clip(figure - reach, plain.low_j, figure)
    high = np.clip(figure + reach, figure, plain.high_j)
    share = np.where(prior > 0, _share(variance, prior), 0.0)
    share = np.maximum(share, plain.data_share())
    own = plain.own_part()
    wide = np.minimum(np.maximum(high - figure, figure - low), apart) > NARROW * figure
    unclear = (own < 0.95) & (wide | is_refused)
    target = (NARROW * np.maximum(figure, 1e-12) / SPREAD) ** 2
    known = np.maximum(1 / np.maximum(variance, 1e-30) - 1 / np.maximum(prior, 1e-30), 0.0)
    wanted = 1 / target - 1 / np.maximum(prior, 1e-30)
    more = np.where(unclear & (known > 0) & (wanted > known), wanted / np.where(known > 0, known, 1.0), 0.0)
    nothing = np.zeros(len(figure))
    return Bounds(
        energy_j=figure,
        low_j=low,
        high_j=high,
        undecided_j=(1 - share) * figure,
        inferred_j=nothing,
        sampling_j=nothing,
        own_j=own * figure,
        unclear=unclear.astype(np.float64),
        common_j=common,
        more=more,
    )


def scale(found: Divided) -> Floats:
    """Return by how much the fit gives each stage, last the time outside, more than plain shares do."""
    if not isinstance(found, FittedSplit):
        return np.ones(len(found.stages.energy_j) + 1)
    plain = np.append(found.plain.stages.energy_j, found.plain.idle_j + found.plain.outside_j)
    fitted = np.append(found.stages.energy_j, found.idle_j + found.outside_j)
    return np.where(plain > 0, fitted / np.where(plain > 0, plain, 1.0), 1.0)
