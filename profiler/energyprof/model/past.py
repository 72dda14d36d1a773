"""What is kept of runs that are over, so that a later one can be told what it repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from energyprof.model.domain import Provenance

Outcome = Literal["same", "other", "unknown"]
"""Whether two runs told the same figures of merit and trials; `unknown`: they told none that can be compared."""
PROVENANCES: Final = ("measured", "inferred", "inferred (repeat mode)", "estimated (model)")
"""From the surest to the least sure."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run is to do, as far as that is known before it starts. Equal digests: equal work."""

    program: str
    """Digest of its sources."""
    arguments: str
    """Digest of its arguments, and of what a sweep varies besides."""
    data: str
    """Digest of what the user said of its data; empty: nothing was said."""
    command: str
    """For people, shortened."""
    versions: tuple[tuple[str, str], ...]
    """Of Python and frameworks, by name; a difference does not make it other work, but is told."""
    data_name: str = ""
    """What the user said of its data, for people, shortened; empty: nothing, or a run of before this was kept."""

    def is_work_of(self, other: Work) -> bool:
        """Return whether both do the same, whatever the versions."""
        return (self.program, self.arguments, self.data) == (other.program, other.arguments, other.data)

    def has_sources_of(self, other: Work) -> bool:
        """Return whether both are of the same program and data, whatever the arguments."""
        return (self.program, self.data) == (other.program, other.data)

    def differences(self, other: Work) -> tuple[str, ...]:
        """Return what an earlier run had otherwise, in words: `torch 2.12.0`; what either does not know is left out."""
        mine = dict(self.versions)
        return tuple(f"{name} {version}" for name, version in other.versions if mine.get(name, version) != version)


@dataclass(frozen=True, slots=True)
class PastEnergy:
    """An energy as a run's report told it."""

    energy_j: float
    low_j: float
    high_j: float
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class PastTrial:
    """A trial of a search in an earlier run."""

    number: int
    fingerprint: str
    """Of its parameters."""
    params: str
    """For people, shortened."""
    state: str
    value: float | None
    energy: PastEnergy | None


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that is over."""

    id: str
    start: str
    """ISO 8601 with offset."""
    work: Work
    exit_code: int | None
    wall_s: float
    energy: PastEnergy | None
    """None: it was not measured."""
    host: str
    recording: str
    """Where its recording was put; it may be gone."""
    series: str = ""
    """Runs of one `--runs` or sweep, which repeat each other on purpose; empty: it was run by itself."""
    told: tuple[tuple[str, float], ...] = ()
    """Figures of merit that it told last, by name."""
    trials: tuple[PastTrial, ...] = ()

    @property
    def is_result(self) -> bool:
        """Whether it came to its end: what failed has to be done again, and repeats nothing."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The newest of the earlier runs that did the same as this one."""

    run: str
    """Its id in `energyprof history`."""
    start: str
    host: str
    recording: str
    energy: PastEnergy | None
    wall_s: float
    times: int
    """How many such runs there were."""
    has_data: bool
    """Whether the user said which data it was for."""
    differs: tuple[str, ...]
    """What it had otherwise, in words: versions."""
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class EarlierTrial:
    """The newest trial of an earlier run that had the same parameters, of the same program and data."""

    run: str
    start: str
    number: int
    value: float | None
    energy: PastEnergy | None
    differs: tuple[str, ...]
    """What its run had otherwise, in words: arguments, versions."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a run repeats of earlier ones, as it is kept in its recording."""

    run: EarlierRun | None = None
    trials: tuple[tuple[str, EarlierTrial], ...] = ()
    """By stage."""

    def __bool__(self) -> bool:
        return self.run is not None or bool(self.trials)
