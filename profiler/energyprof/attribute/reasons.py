"""Why a figure is not measured, in words: how far readings of its own decide it, what of its time is read, a cure."""

from __future__ import annotations

from dataclasses import dataclass

MEASURED_FROM = 0.95
INFERRED_FROM = 0.5
COVERED_FROM = 0.999
"""Part of a stage's time in windows of known energy from which all of it counts as read."""
NOT_COVERED = "not covered by any reading"
NOT_COVERED_BY_MODEL = "not covered by the model's readings"
HOST_CLOCK = "host clock"
IMPORTED_CURE = "record each stage repeated for 50 ms at a time"
"""For what cannot be run again with an option of ours."""
REMEDY = "longer stages or more iterations help"


@dataclass(frozen=True, slots=True)
class Ground:
    """What the verdict on one stage (or group) of a sensor's domain stands on."""

    decided: float
    """Part of the energy read that readings of its own decide, 0..1."""
    coverage: float
    """Part of its time in windows of known energy, 0..1."""
    refused: bool
    period_ns: int | None
    """Of the sensor's updates."""
    mean_ns: float | None
    """How long it lasts."""
    host_clock: bool
    own: float = 1.0
    """Part of the energy in readings wholly its own, 0..1."""
    fit: FitGround | None = None
    """None: no statistical fit was made."""


@dataclass(frozen=True, slots=True)
class FitGround:
    """What a statistical fit says of it."""

    half: float
    """Half of the 95 % interval, relative to the figure."""
    more: float
    """So many times as many iterations would make that narrow enough; 0: not known."""
    refusal: str
    """Why the fit names no stage at all; empty: it does."""
    cure: str = "try --repeat 50ms"
    """What would tell it apart, beside more iterations."""


def reason_of(ground: Ground) -> str:
    """Return why it is refused or not measured; empty where there is nothing to say."""
    if ground.coverage <= 0:
        return NOT_COVERED
    words = []
    if ground.fit is not None and ground.own < MEASURED_FROM:
        words += _of_fit(ground, ground.fit)
    elif ground.decided < INFERRED_FROM:
        words.append(why_refused(ground.period_ns, ground.mean_ns))
    elif ground.decided < MEASURED_FROM:
        words.append(f"{ground.decided:.0%} of it lies in readings of its own")
    if ground.host_clock:
        words.append(HOST_CLOCK)
    if ground.coverage < COVERED_FROM:
        words.append(f"readings cover {_part(ground.coverage)} of its time")
    if ground.refused and ground.decided >= INFERRED_FROM:
        words.append(REMEDY)
    return "; ".join(words)


def _of_fit(ground: Ground, fit: FitGround) -> list[str]:
    if not ground.refused:
        return [f"found by regression, the data decide {ground.decided:.0%} of it"]
    if fit.refusal:
        return [fit.refusal]
    words = f"cannot be told apart: the interval is ±{_percent(fit.half)}, the data decide {ground.decided:.0%} of it"
    if fit.more <= 0:
        return [f"{words}; {REMEDY}"]
    return [f"{words}; about {_times(fit.more)} as many iterations would do, or {fit.cure}"]


def _percent(part: float) -> str:
    return f"{part:.0%}" if part < 10 else "1000% or more"


def _times(more: float) -> str:
    """Return how many times, to one or two digits."""
    return f"{max(more, 1.1):.1f} times" if more < 10 else f"{float(f'{more:.1g}'):.0f} times"


def with_bursts(reason: str, inferred: float) -> str:
    """Return the reason with the part of the energy that is inferred from bursts, where it is enough to count."""
    if inferred <= 1 - MEASURED_FROM:
        return reason
    return "; ".join(part for part in (f"{inferred:.0%} of it is inferred from bursts", reason) if part)


def reason_of_modelled(coverage: float) -> str:
    """Return what part of the time a model has not read; empty where it has read all."""
    if coverage <= 0:
        return NOT_COVERED_BY_MODEL
    return f"the model's readings cover {_part(coverage)} of its time" if coverage < COVERED_FROM else ""


def why_refused(period_ns: int | None, mean_ns: float | None) -> str:
    """Return why a stage cannot be told apart, and what would help; `mean_ns`: how long it lasts."""
    if mean_ns is None or period_ns is None:
        return f"too few readings of its own; {REMEDY}"
    if mean_ns >= 3 * period_ns:
        return "runs together with other stages, and no reading tells them apart; give it time of its own"
    return f"the sensor updates every {duration_text(period_ns)}, the stage lasts {duration_text(mean_ns)}; {REMEDY}"


def duration_text(t_ns: float) -> str:
    """Return a duration with a fitting unit and three digits."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if t_ns >= size:
            return f"{t_ns / size:.3g} {unit}"
    return f"{t_ns:.0f} ns"


def _part(coverage: float) -> str:
    """Return the part in percent, rounded neither to nothing nor to all."""
    return "less than 1%" if coverage < 0.01 else f"{min(coverage, 0.99):.0%}"
