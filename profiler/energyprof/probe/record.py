"""What a probe has found of one domain of one device, as it is kept, and what a run takes from it. No numpy here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from energyprof.model.domain import Domain

SCHEMA = "energyprof-probe/1"
LONGEST_NS = 60_000_000_000
"""No period, window or lag of a sensor is longer: what says so is no record of ours."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which device a record is about; a driver's or processor's other name is another device."""

    source: str
    """Name of the source plugin."""
    domain: str
    device: str
    """The domain's own description: `nvml (NVIDIA H100, GPU-1f2e...)`."""
    cpu: str
    """Model of the processor."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was found; times in nanoseconds, None: not known. Dates are those of the day (UTC), empty: never done."""

    identity: Identity
    energyprof: str
    date: str
    """Of the readings without load."""
    reads: int
    period_ns: int | None
    period_error_ns: int
    quantum: float | None
    """Smallest step seen, in joules or watts."""
    call_p50_ns: int
    call_p99_ns: int
    remarks: tuple[str, ...] = ()
    """What is wrong with it: it stands still, or contradicts another channel."""
    load_date: str = ""
    response: str = ""
    """`boxcar`, `exponential` or `counter`: how it follows a load."""
    lag_ns: tuple[int, int] | None = None
    window_ns: int | None = None
    window_range_ns: tuple[int, int] | None = None
    duration_s: float = 0.0
    """How long the readings without load were listened to."""
    failures: int = 0
    is_regular: bool = False
    """Updates lie on a regular grid."""
    load: str = ""
    """What drew the power: `cpu` or `cuda`."""
    swing_w: float | None = None
    """Power that the load added."""
    explained: float | None = None
    """Part of the readings' variance that the load explains, 0..1."""
    compared_with: str = ""
    """The power readings that a counter was compared with: domain and source."""
    difference: float | None = None
    """Counter minus integrated power, relative to the latter."""
    difference_error: float | None = None
    """Relative uncertainty of the comparison."""

    @property
    def response_ns(self) -> int | None:
        """Time constant of an exponential response; None: it has none.

        Its window is that of the boxcar with the same delay: twice the time constant.
        """
        is_curved = self.response == "exponential" and self.window_ns is not None
        return max(1, (self.window_ns or 0) // 2) if is_curved else None

    def with_load_of(self, earlier: Record | None) -> Record:
        """Return this record with an earlier one's lag and window where no load was put on this time."""
        if self.load_date or earlier is None or not earlier.load_date:
            return self
        return replace(
            self,
            load_date=earlier.load_date,
            response=earlier.response,
            lag_ns=earlier.lag_ns,
            window_ns=earlier.window_ns,
            window_range_ns=earlier.window_range_ns,
            load=earlier.load,
            swing_w=earlier.swing_w,
            explained=earlier.explained,
        )

    def applied_to(self, domain: Domain) -> Domain:
        """Return the domain with what is known of it, and where that comes from."""
        changes: dict[str, Any] = {}
        told = []
        if self.period_ns is not None:
            changes["period_ns"] = self.period_ns
            told.append(("period", self.date))
        if self.window_ns is not None and domain.quantity == "power":
            changes["window_ns"] = None if self.response_ns is not None else self.window_ns
            changes["response_ns"] = self.response_ns
            told.append(("window", self.load_date))
        if self.lag_ns is not None:
            changes["lag_ns"] = self.lag_ns
            told.append(("lag", self.load_date))
        if not told:
            return domain
        return replace(domain, **changes, timing=_told(told, domain))


def _told(told: list[tuple[str, str]], domain: Domain) -> str:
    """Return in words which figures come from which probe, and what the others rest on."""
    dates = dict.fromkeys(date for _, date in told)
    parts = [f"{', '.join(what for what, on in told if on == date)} from the probe of {date}" for date in dates]
    names = ("period", "window", "lag") if domain.quantity == "power" else ("period", "lag")
    left = [name for name in names if name not in {what for what, _ in told}]
    return "; ".join([*parts, *([f"{', '.join(left)} {domain.timing}"] if left else [])])


def record_json(record: Record) -> dict[str, Any]:
    """Return a record as JSON values."""
    return {"schema": SCHEMA, **asdict(record)}


def record_of(value: Any) -> Record:
    """Return the record that JSON values make; raises ValueError, saying why, where they make none."""
    if not isinstance(value, Mapping) or value.get("schema") != SCHEMA:
        raise ValueError(f"it is not of schema {SCHEMA}")
    try:
        row = {field.name: value[field.name] for field in fields(Record) if field.name in value}
        row["identity"] = Identity(**value["identity"])
        for name in ("lag_ns", "window_range_ns"):
            row[name] = None if row.get(name) is None else tuple(row[name])
        row["remarks"] = tuple(row.get("remarks", ()))
        record = Record(**row)
        for times in ((record.period_ns,), (record.window_ns,), record.lag_ns, record.window_range_ns):
            if any(t is not None and not 0 <= int(t) <= LONGEST_NS for t in times or ()):
                raise ValueError("a time in it is out of range")
        if 0 in {record.period_ns, record.window_ns} or (record.lag_ns and record.lag_ns[0] > record.lag_ns[1]):
            raise ValueError("a time in it is out of range")
    except (KeyError, TypeError) as error:
        raise ValueError(f"its content is not understood ({error})") from error
    return record
