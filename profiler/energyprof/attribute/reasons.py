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


def reason_of(ground: Ground) -> str:
    """Return why it is refused or not measured; empty where there is nothing to say."""
    if ground.coverage <= 0:
        return NOT_COVERED
    words = []
    if ground.decided < INFERRED_FROM:
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
