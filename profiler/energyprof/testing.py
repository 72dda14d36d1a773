"""Public fakes for everybody who writes or tests a power source: a clock, a scripted source, a simulated sensor.

    clock = FakeClock()
    sensor = SimulatedSensor(clock.now_ns, true_power=[(0, 50.0), (2 * SECOND, 150.0)], period_ns=100_000_000)
    (domain,) = sensor.open(SourceContext(now_ns=clock.now_ns))
    clock.advance(3 * SECOND)
    sensor.read()                       # [Reading('gpu:0', 250000)]: millijoules
    sensor.true_energy_j(0, 3 * SECOND) # 250.0

All of it is deterministic: nothing reads a real clock, sleeps or draws random numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId

__all__ = ["SECOND", "Delayed", "FakeClock", "ScriptedSource", "SimulatedSensor", "Step"]

SECOND: Final = 1_000_000_000
"""Nanoseconds in a second."""


class FakeClock:
    """A monotonic clock that moves only when told to."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Return the time in nanoseconds."""
        return self._now_ns

    def advance(self, duration_ns: int) -> None:
        """Let time pass; it never goes back."""
        if duration_ns < 0:
            raise ValueError(f"a monotonic clock cannot go back by {-duration_ns} ns")
        self._now_ns += duration_ns


@dataclass(frozen=True)
class Delayed:
    """A step of a script that takes time: `clock` advances by `delay_ns` while the source is being read."""

    clock: FakeClock
    delay_ns: int
    step: Step


Step: TypeAlias = (
    "int | Sequence[Reading | ReadFailure] | Exception | Delayed | Callable[[], Iterable[Reading | ReadFailure]]"
)
"""One read: the raw value of every domain, whole answers, an exception to raise, a delayed step, or a call."""


class ScriptedSource:
    """Answer each read with the next step of a script; after the last one every domain has ENDED."""

    measures: Literal["sensor", "model", "replay"] = "replay"
    rank = 50

    def __init__(self, domains: Sequence[Domain], script: Iterable[Step], name: str = "scripted") -> None:
        self.name = name
        self.reads = 0
        """How often it has been read."""
        self.closings = 0
        """How often it has been closed."""
        self._domains = tuple(domains)
        self._script = iter(script)

    def why_unavailable(self, context: SourceContext) -> str | None:  # noqa: ARG002
        """Return None: a script can always be played."""
        return None

    def open(self, context: SourceContext) -> Sequence[Domain]:  # noqa: ARG002
        """Return the domains."""
        return self._domains

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Play the next step."""
        self.reads += 1
        return self._play(next(self._script, None))

    def close(self) -> None:
        """Count the closing."""
        self.closings += 1

    def _play(self, step: Step | None) -> Iterable[Reading | ReadFailure]:
        if step is None:
            return [ReadFailure(domain.id, ReadStatus.ENDED, "the script has ended") for domain in self._domains]
        if isinstance(step, Delayed):
            step.clock.advance(step.delay_ns)
            return self._play(step.step)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, int):
            return [Reading(domain.id, step) for domain in self._domains]
        return step() if callable(step) else step


class SimulatedSensor:
    """A sensor that follows a true power known exactly, with the habits of real ones.

    It updates at `phase_ns + n * period_ns` and answers with the last update until the next. An update shows the world
    as it was `lag_ns` earlier: the energy up to then (`energy`), or the mean power of the `window_ns` before (`power`;
    shorter than the period, part of the time goes unseen). `scale` is its quantum in joules or watts; a counter starts
    at `counter_start` and wraps at `wrap`.
    """

    measures: Literal["sensor", "model", "replay"] = "sensor"
    rank = 50

    def __init__(  # noqa: PLR0913 - one argument for each habit of a sensor, named at the call
        self,
        now_ns: Callable[[], int],
        true_power: Sequence[tuple[int, float]],
        *,
        domain: str = "gpu:0",
        quantity: Literal["energy", "power"] = "energy",
        scale: float = 1e-3,
        period_ns: int = 100_000_000,
        window_ns: int | None = None,
        lag_ns: int = 0,
        phase_ns: int = 0,
        counter_start: int = 0,
        wrap: int | None = None,
    ) -> None:
        """Take the true power as (since when in ns, watts), ordered by time; before the first it is 0 W."""
        times = [t_ns for t_ns, _ in true_power]
        if times != sorted(set(times)):
            raise ValueError(f"the times of the true power must increase, got {times}")
        self.name = "simulated"
        self.domain = Domain(
            id=DomainId(domain),
            source="simulated sensor",
            provenance="sensor",
            quantity=quantity,
            scale=scale,
            driver="device" if domain.startswith("gpu:") else "cpu",
            wrap=wrap,
            period_ns=period_ns,
            window_ns=window_ns,
            lag_ns=(lag_ns, lag_ns),
        )
        self._now_ns = now_ns
        self._times = times
        self._powers_w = [power_w for _, power_w in true_power]
        self._energies_j = _energies_j(times, self._powers_w)
        self._period_ns = period_ns
        self._window_ns = window_ns or period_ns
        self._lag_ns = lag_ns
        self._phase_ns = phase_ns
        self._counter_start = counter_start

    def why_unavailable(self, context: SourceContext) -> str | None:  # noqa: ARG002
        """Return None: it needs no hardware."""
        return None

    def open(self, context: SourceContext) -> Sequence[Domain]:  # noqa: ARG002
        """Return its domain."""
        return (self.domain,)

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Return what the last update shows."""
        return [Reading(self.domain.id, self.raw_at(self._now_ns()))]

    def close(self) -> None:
        """Do nothing."""

    def raw_at(self, t_ns: int) -> int:
        """Return the raw value that a read at `t_ns` gives."""
        update_ns = t_ns - (t_ns - self._phase_ns) % self._period_ns
        seen_ns = update_ns - self._lag_ns
        scale = self.domain.scale
        if self.domain.quantity == "power":
            mean_w = self.true_energy_j(seen_ns - self._window_ns, seen_ns) / (self._window_ns * 1e-9)
            return round(mean_w / scale)
        # The small part of a quantum added keeps a whole number of quanta from falling below itself by rounding.
        raw = self._counter_start + int(self._until_j(seen_ns) / scale + 1e-6)
        return raw if self.domain.wrap is None else raw % self.domain.wrap

    def true_energy_j(self, start_ns: int, end_ns: int) -> float:
        """Return the energy really spent between two instants."""
        return self._until_j(end_ns) - self._until_j(start_ns)

    def _until_j(self, t_ns: int) -> float:
        row = bisect_right(self._times, t_ns) - 1
        if row < 0:
            return 0.0
        return self._energies_j[row] + self._powers_w[row] * (t_ns - self._times[row]) * 1e-9


def _energies_j(times: Sequence[int], powers_w: Sequence[float]) -> list[float]:
    """Return the energy spent up to each of the times."""
    energies_j = [0.0] * len(times)
    for row in range(1, len(times)):
        energies_j[row] = energies_j[row - 1] + powers_w[row - 1] * (times[row] - times[row - 1]) * 1e-9
    return energies_j
