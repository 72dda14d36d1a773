"""What an importer hands over: spans or power of a recording made elsewhere, and what is known of the clock it used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings
from energyprof.model.recording import LaneRow, LocalStage, SpanChunk


@dataclass(frozen=True, slots=True)
class ForeignClock:
    """The clock of a recording made elsewhere."""

    unix_offset_ns: int | None = None
    """Added to its times it makes the time since 1970; None: it counts from an instant that nobody has noted."""
    error_ns: int = 0
    """How far its time stamps may lie from the instants that they mean, to either side."""
    assumption: str = ""
    """What was taken for granted, as printed, such as the time zone; empty: nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class ImportedSpans:
    """The spans of one recording; times by its own clock."""

    source: str
    """Kind of file, as printed: `torch.profiler trace`."""
    stages: tuple[LocalStage, ...]
    lanes: tuple[LaneRow, ...]
    """Of a device stream `tid` is the number of the device."""
    spans: SpanChunk
    clock: ForeignClock
    warnings: tuple[str, ...] = ()
    """What was left out or mended, each one line."""
    host: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ImportedPower:
    """The power of one recording; times by its own clock."""

    source: str
    domains: tuple[Domain, ...]
    readings: Mapping[DomainId, Readings]
    clock: ForeignClock
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportWishes:
    """What the user says of the files."""

    skip_bad: bool = False
    """Leave bad rows out instead of refusing the file."""
    functions: bool = False
    """Keep Python functions as stages where modules, annotations or operators are there too."""
    timezone: str = ""
    """Of time stamps without one: `UTC`, `+02:00`, `Europe/Berlin`; empty: that of this computer."""
    described: Mapping[str, str] = field(default_factory=dict)
    """What holds for every domain that the file says nothing of: `period`, `window`, `wrap`, `gain_error`, as text."""
