"""When serving a model has taken more energy than training it, and how far each assumption moves that.

    training = trainings * energy of one            all of it before the first day of serving
    serving  = clients * requests of a client and day * energy of a request * days

A linear projection: load, energy of a request and hardware stay what they are. Bounds put every assumption at the same
end, which is never too narrow; what one sensor or model gets wrong of both energies alike cannot move the day of
overtaking.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

from energyprof.footprint.common_error import CommonError
from energyprof.model.range import Range

COMMON_ERROR: Final = "common_error"
"""Name of the assumption that both energies have the middle of what their sensor or model may get wrong of both."""
HALF_AND_DOUBLE: Final = (0.5, 2.0)
"""How far an assumption that was given as one figure is moved to show what depends on it."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the projection rests on; each figure may have bounds."""

    training_j: Range
    """Of one training."""
    trainings: Range
    request_j: Range
    """Of one request."""
    clients: Range
    requests_per_client_day: Range
    days: Range

    @property
    def all_trainings_j(self) -> Range:
        """Energy of all trainings."""
        return self.training_j.times(self.trainings)

    @property
    def per_day_j(self) -> Range:
        """Energy of a day's serving."""
        return self.request_j.times(self.clients).times(self.requests_per_client_day)

    @property
    def serving_j(self) -> Range:
        """Energy of serving over all days."""
        return self.per_day_j.times(self.days)


@dataclass(frozen=True, slots=True)
class Overtaking:
    """After how many days serving has taken as much as training; None: never, nothing is served."""

    days: float | None
    earliest_days: float | None
    latest_days: float | None

    def within(self, days: float) -> bool:
        """Return whether the middle figure lies within so many days."""
        return self.days is not None and self.days <= days


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What becomes of the day of overtaking and of the whole energy as one assumption moves and the others stay."""

    name: str
    """Field of `Assumed`, or `COMMON_ERROR`, whose ends are factors of both energies."""
    low: float
    high: float
    has_bounds: bool
    """True: moved within its own bounds; False: halved and doubled."""
    days: tuple[float | None, float | None]
    """Of overtaking, at the low and at the high end."""
    total_j: tuple[float, float]

    @property
    def swing_j(self) -> float:
        """How far the whole energy moves."""
        return abs(self.total_j[1] - self.total_j[0])


@dataclass(frozen=True, slots=True)
class Projection:
    """Everything that follows."""

    assumed: Assumed
    training_j: Range
    serving_j: Range
    total_j: Range
    overtaking: Overtaking
    sensitivity: tuple[Sensitivity, ...]
    """What moves the whole energy most first; what moves nothing but the day of overtaking last."""
    common: CommonError | None = None
    """None: nothing says that both energies have an error in common."""


def project(assumed: Assumed, common: CommonError | None = None) -> Projection:
    """Return what follows from the assumptions."""
    training_j, serving_j = assumed.all_trainings_j, assumed.serving_j
    moved = [_moved(assumed, field.name, common) for field in fields(Assumed)]
    if common is not None:
        moved = [row for row in moved if row.low < row.high] + _moved_together(assumed, common)
    return Projection(
        assumed=assumed,
        training_j=training_j,
        serving_j=serving_j,
        total_j=training_j.plus(serving_j),
        overtaking=overtaking(assumed, common),
        sensitivity=tuple(sorted(moved, key=lambda row: -row.swing_j)),
        common=common,
    )


def overtaking(assumed: Assumed, common: CommonError | None = None) -> Overtaking:
    """Return the day on which serving has taken as much as all trainings."""
    days = _days(assumed.all_trainings_j.value, assumed.per_day_j.value)
    if common is not None:
        training_j = common.training_j.times(common.ratio)
        assumed = replace(assumed, training_j=training_j, request_j=common.request_j)
    training_j, per_day_j = assumed.all_trainings_j, assumed.per_day_j
    return Overtaking(
        days=days,
        earliest_days=_days(training_j.low, per_day_j.high),
        latest_days=_days(training_j.high, per_day_j.low),
    )


def _days(training_j: float, per_day_j: float) -> float | None:
    return max(training_j, 0.0) / per_day_j if per_day_j > 0 else None


def _moved(assumed: Assumed, name: str, common: CommonError | None) -> Sensitivity:
    apart: Range | None = getattr(common, name, None)
    given: Range = getattr(assumed, name) if apart is None else apart
    is_one = given.is_exact and apart is None
    low, high = (given.value * factor for factor in HALF_AND_DOUBLE) if is_one else (given.low, given.high)
    if is_one and name == "trainings" and given.value >= 1:
        low = max(low, 1.0)  # there is no half training
    middle = _middle(assumed)
    ends = [project_middle(replace(middle, **{name: Range.exactly(end)})) for end in (low, high)]
    return Sensitivity(
        name=name,
        low=low,
        high=high,
        has_bounds=not is_one,
        days=(ends[0][0], ends[1][0]),
        total_j=(ends[0][1], ends[1][1]),
    )


def _moved_together(assumed: Assumed, common: CommonError) -> list[Sensitivity]:
    """Return what the error of both energies moves; nothing where there is none."""
    low, high = common.factor.low, common.factor.high
    day, total_j = project_middle(_middle(assumed))
    if low == high:
        return []
    days = (None, None) if day is None else (day * common.ratio.low, day * common.ratio.high)
    return [Sensitivity(COMMON_ERROR, low, high, True, days, (total_j * low, total_j * high))]


def _middle(assumed: Assumed) -> Assumed:
    return Assumed(*(Range.exactly(getattr(assumed, field.name).value) for field in fields(Assumed)))


def project_middle(assumed: Assumed) -> tuple[float | None, float]:
    """Return the day of overtaking and the whole energy of the middle figures."""
    return overtaking(assumed).days, assumed.all_trainings_j.value + assumed.serving_j.value
