"""What is said to people of a run that repeats another."""

from __future__ import annotations

from collections.abc import Iterator

from energyprof.model import amounts
from energyprof.model.past import EarlierRun, EarlierTrial, PastEnergy
from energyprof.model.range import Range

OUTCOMES = {
    "same": "it came out the same: what it told of its result is as before",
    "other": "it came out otherwise: what it told of its result is not as before",
    "unknown": "",
}


def date(start: str) -> str:
    """Return an ISO 8601 time as a day and a minute."""
    return start[:16].replace("T", " ")


def cost(energy: PastEnergy | None) -> str:
    """Return what something cost, and how that is known: `1.25 kJ (1.1 to 1.4), measured`."""
    if energy is None:
        return "unknown energy"
    shown = amounts.small_energy(Range(energy.energy_j, *sorted((energy.low_j, energy.high_j))))
    return f"{shown}, {energy.provenance}"


def earlier_sentence(earlier: EarlierRun) -> str:
    """Return which run is repeated, of when, and what it cost; for before a run and after it."""
    times = "" if earlier.times == 1 else f"; {earlier.times} such runs so far"
    otherwise = f"; that was with {', '.join(earlier.differs)}" if earlier.differs else ""
    return f"repeats run {earlier.run} of {date(earlier.start)}, which cost {cost(earlier.energy)}{times}{otherwise}"


def earlier_lines(earlier: EarlierRun, host: str) -> Iterator[str]:
    """Yield what a report says of it; `host` is that of the later run."""
    yield earlier_sentence(earlier)
    if earlier.host != host:
        yield f"that was on {earlier.host}"
    if OUTCOMES[earlier.outcome]:
        yield OUTCOMES[earlier.outcome]
    if not earlier.has_data:
        yield "whether its data was the same nobody said: energyprof run --data NAME or --data @FILE does"
    yield f"its recording: {earlier.recording}"


def trial_sentence(earlier: EarlierTrial) -> str:
    """Return which trial of which run is repeated, and what it cost."""
    otherwise = f", with {', '.join(earlier.differs)}" if earlier.differs else ""
    return f"as trial {earlier.number} of run {earlier.run}, {cost(earlier.energy)}{otherwise}"
