"""A power domain: what one sensor (or model) measures, and everything analysis must know about how it does so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from energyprof.model.ids import DomainId, escape_component

Provenance = Literal["measured", "inferred", "inferred (repeat mode)", "estimated (model)"]
"""How a figure came about; it travels with every number to every surface."""


class ReadStatus(IntEnum):
    """What became of one read. Everything but OK is a gap in the data, never a zero."""

    OK = 0
    NOT_SUPPORTED = 1
    NO_PERMISSION = 2
    TIMEOUT = 3
    LOST = 4
    RESET = 5
    ENDED = 6
    UNKNOWN = 7


@dataclass(frozen=True, slots=True)
class Domain:
    """Describe one power domain; ids: `gpu:0`, `cpu:0:package`, `cpu:0:core`, `dram:0`, `psys`, `machine`, `cpu`."""

    id: DomainId
    source: str
    """Name of the source plugin and what it reads, as printed: `replay power.csv`, `load_model (EPYC 2nd gen)`."""
    provenance: Literal["sensor", "model"]
    quantity: Literal["energy", "power"]
    """`energy`: raw values are a counter; `power`: raw values are (window-averaged) watts."""
    scale: float
    """Joules (energy) or watts (power) per raw unit; raw values are integers."""
    driver: Literal["cpu", "device"]
    """What divides its dynamic power among stages that are open at once: on-CPU time, or occupancy of the device."""
    parent: DomainId | None = None
    """A domain that already contains this one; it is shown and never added again."""
    wrap: int | None = None
    """A counter starts again at 0 after this many raw units; None: it does not wrap."""
    period_ns: int | None = None
    """Nominal time between two updates of the sensor; None: unknown, found from the readings."""
    window_ns: int | None = None
    """Averaging window of a power reading; None: one period."""
    lag_ns: tuple[int, int] = (0, 0)
    """Bounds of the delay between power and its appearance in the reading."""
    response_ns: int | None = None
    """Time constant of a first-order (exponential) response, on top of the lag; None: readings follow at once."""
    tick_ns: int = 0
    """Where the sensor itself says when each reading was taken: that time may be off by half of this to either side."""
    gain_error: tuple[float, float] = (0.0, 0.0)
    """Relative error common to all readings, each >= 0: true energy lies in [E*(1-first), E*(1+second)]."""
    baseline_w: float | None = None
    """Idle power where the source knows it (a model does); None: found from the gaps between stages."""
    max_power_w: float | None = None
    """More cannot flow; None: not known. What exceeds it is no power, and between two reads a counter cannot wrap more
    often than it allows."""
    serial: str = ""
    """What names the device wherever it is plugged in and however it is numbered, such as a UUID; empty: not known."""
    timing: str = "nominal"
    """Where period, window and lag come from, as printed: `nominal` (what the interface is known for), `by class` (of
    the hardware), or for example `period, lag from the probe of 2026-07-01`."""

    is_vouched: bool = True
    """False: imported, and nobody says that a sensor measured it: no figure of it is called measured."""
    shape_of: DomainId | None = None
    """The counter whose course between two of its updates these readings tell, and which holds their sum: together they
    are the figures of that counter, and this domain has none of its own. None: readings in their own right."""
    host: str = ""
    """In a merged run the host it belongs to, whose name its id begins with; else empty."""

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"scale of {self.id} must be positive, got {self.scale}")
        if self.response_ns is not None and self.response_ns <= 0:
            raise ValueError(f"response_ns of {self.id} must be positive, got {self.response_ns}")
        if self.max_power_w is not None and self.max_power_w <= 0:
            raise ValueError(f"max_power_w of {self.id} must be positive, got {self.max_power_w}")
        if self.tick_ns < 0:
            raise ValueError(f"tick_ns of {self.id} must not be negative, got {self.tick_ns}")
        if min(self.gain_error) < 0:
            raise ValueError(f"gain_error of {self.id} must not be negative, got {self.gain_error}")

    @property
    def local_id(self) -> DomainId:
        """Its id on its own host."""
        return DomainId(self.id.removeprefix(f"{escape_component(self.host)}/")) if self.host else self.id

    def settled_ns(self) -> int:
        """Return how long after an instant 95 % of it is shown: the longest lag, and three time constants."""
        return self.lag_ns[1] + 3 * (self.response_ns or 0)

    def wrap_j(self) -> float:
        """Return the joules after which the counter starts again at 0; raises ValueError where it does not wrap."""
        if self.wrap is None:
            raise ValueError(f"{self.id} does not wrap")
        return self.wrap * self.scale


WHOLES: Final = ("machine", "battery")
"""The first word of ids that mean a whole machine, in the order of preference.

They contain the domains of other sources, which cannot know of them, and update a second or so apart: beside finer
sensors they are shown for comparison, and the finer ones are added up.
"""


def counted_ids(domains: Iterable[Domain]) -> frozenset[DomainId]:
    """Return the domains whose energies may be added up: none of them is a part of another one."""
    by_host: dict[str, list[Domain]] = {}
    for domain in domains:
        by_host.setdefault(domain.host, []).append(domain)
    kept = [domain for group in by_host.values() for domain in _not_whole(group)]
    present = {domain.id for domain in kept}
    return frozenset(domain.id for domain in kept if domain.parent is None or domain.parent not in present)


def _not_whole(domains: list[Domain]) -> list[Domain]:
    """Return the domains of one host that are no whole machine, or where all are, those preferred."""
    kept = [domain for domain in domains if not is_whole(domain.local_id)]
    for kind in WHOLES:
        kept = kept or [domain for domain in domains if _kind(domain.local_id) == kind]
    return kept


def is_whole(id_: DomainId) -> bool:
    """Return whether the domain is a whole machine."""
    return _kind(id_) in WHOLES


def _kind(id_: DomainId) -> str:
    return id_.partition(":")[0]
