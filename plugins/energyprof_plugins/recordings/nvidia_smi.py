"""The logs of `nvidia-smi --query-gpu=timestamp,index,name,power.draw --format=csv -lms 20`.

    timestamp, index, name, power.draw [W]
    2026/07/01 12:00:00.123, 0, NVIDIA A100-SXM4-40GB, 61.23 W

Of several power columns `power.draw.instant` serves, then `power.draw`, then `power.draw.average`. `index` tells GPUs
apart, else `uuid` or `pci.bus_id`. `name` (or `compute_cap`) tells how the sensor measures: on Ampere (except GA100)
and later `power.draw` is the mean of one second (nvidia-smi --help-query-gpu; nvml_architecture.py has the sources).

The time stamp is local time of the machine that wrote the log, in milliseconds, taken before the query: the value is
of then or up to one update earlier, which the sensor's lag covers, or as late as the answer came: ANSWER_NS.
A value that is no number (`[N/A]`, `[Unknown Error]`, `[GPU is lost]`) is a failed read, a gap.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from energyprof.errors import InputError
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.model.imported import ForeignClock, ImportedPower, ImportWishes
from energyprof.model.power import Readings
from energyprof_plugins.power.nvml_architecture import GAIN_ERROR, ChannelName, habit
from energyprof_plugins.power.replay_file import duration_ns
from energyprof_plugins.recordings.csv_rows import BadRows, read_rows
from energyprof_plugins.recordings.nvidia_names import architecture_of

POWER: Final[tuple[tuple[str, ChannelName], ...]] = (
    ("power.draw.instant", "instant"),
    ("power.draw", "usage"),
    ("power.draw.average", "average"),
)
"""Columns and what they ask of NVML, the best first."""
WHICH: Final = ("index", "uuid", "gpu_uuid", "pci.bus_id", "gpu_bus_id", "serial")
TIME: Final = "timestamp"
ANSWER_NS: Final = 10_000_000
"""What a query may take after its time stamp; a query of one GPU takes single milliseconds as a rule (assumed)."""
STAMP_NS: Final = 1_000_000
"""Resolution of a time stamp."""
WATTS: Final = {"W": 1.0, "mW": 1e-3, "kW": 1e3}
HOW: Final = "log with: nvidia-smi --query-gpu=timestamp,index,name,power.draw --format=csv -lms 20 -f power.csv"
_NUMBER = re.compile(r"^(-?[0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)$")
_UNIT = re.compile(r"^(.*?)\s*\[(.+)\]$")
_MILLIWATT: Final = 1e-3
_STATUS: Final = (("not supported", ReadStatus.NOT_SUPPORTED), ("n/a", ReadStatus.NOT_SUPPORTED),
                  ("permission", ReadStatus.NO_PERMISSION), ("lost", ReadStatus.LOST),
                  ("reset", ReadStatus.RESET))  # fmt: skip


class NvidiaSmi:
    """Read a log of nvidia-smi."""

    name = "nvidia_smi"
    rank: Final = 10

    def knows(self, head: str) -> bool:
        """Return whether the file looks like a log of nvidia-smi, with or without its header."""
        first = next((line for line in head.splitlines() if line.strip()), "")
        return "power.draw" in first or first.lower().startswith(TIME) or _starts_with_a_time(first)

    def read(self, path: str, wishes: ImportWishes, progress: Callable[[float], None]) -> ImportedPower:
        """Return the readings of every GPU; raises InputError."""
        rows = read_rows(path, progress, f"it must be a CSV log in UTF-8; {HOW}")
        line, header = next(rows, (1, []))
        columns = _columns(path, line, header)
        zone, zone_name = _zone(wishes.timezone)
        gpus: dict[str, _Gpu] = {}
        bad = BadRows()
        for line, cells in rows:
            if cells == header:  # a further log was appended
                continue
            fault = _take(gpus, columns, cells, zone)
            if fault is not None:
                bad.add(line, fault)
        told = [bad.refuse(path, "mend the log or record it again", wishes.skip_bad)]
        if not gpus:
            raise InputError(f"{path} holds no readings; {HOW}")
        repeated = sum(gpu.repeated for gpu in gpus.values())
        if repeated:
            told.append(f"{repeated:,} rows of {path} repeat the time of the row above and were left out")
        if columns.which < 0:
            told.append(f"{path} has no column index: all rows are taken to be of one GPU; add index to --query-gpu")
        named = list(_named(gpus))
        domains = [_domain(path, id_, gpu, columns.channel, wishes) for id_, gpu in named]
        if any(gpu.model == "" for gpu in gpus.values()):
            told.append(
                f"{path} has no column name, so how the sensor averages is not known: a mean over one second is taken; "
                "add name to --query-gpu, or say --window"
            )
        return ImportedPower(
            source="nvidia-smi log",
            domains=tuple(domains),
            readings={id_: gpu.readings() for id_, gpu in named},
            clock=ForeignClock(0, STAMP_NS, f"time stamps are taken to be {zone_name}; if not, say --timezone"),
            warnings=tuple(line for line in told if line),
        )


class _Columns(NamedTuple):
    time: int
    power: int
    factor: float
    """Watts per unit of a value that states none."""
    channel: ChannelName
    which: int
    """-1: the log does not tell GPUs apart."""
    name: int
    capability: int
    width: int


class _Gpu:
    """The readings of one GPU."""

    def __init__(self, model: str, capability: str) -> None:
        self.model, self.capability = model, capability
        self.t_ns: list[int] = []
        self.milliwatts: list[int] = []
        self.status: list[int] = []
        self.repeated = 0

    def readings(self) -> Readings:
        """Return them as columns; a time stamp in milliseconds means any instant within its millisecond."""
        t_ns = np.array(self.t_ns, np.int64)
        return Readings(t_ns, t_ns + ANSWER_NS, np.array(self.milliwatts, np.int64), np.array(self.status, np.uint8))


def _columns(path: str, line: int, header: list[str]) -> _Columns:
    plain = [_plain(cell) for cell in header]
    names = [name.lower() for name, _ in plain]
    if _starts_with_a_time(",".join(header)):
        raise InputError(f"{path} has no header line, so its columns are not known; log without noheader; {HOW}")
    found = next(((names.index(name), channel) for name, channel in POWER if name in names), None)
    if TIME not in names or found is None:
        missing = " and ".join(
            name for name, is_there in ((TIME, TIME in names), ("power.draw", found is not None)) if not is_there
        )
        raise InputError(f"{path} line {line}: no column {missing} among {', '.join(header) or 'nothing'}; {HOW}")
    power, channel = found
    unit = plain[power][1] or "W"
    if unit not in WATTS:
        raise InputError(f"{path} line {line}: unit {unit!r} of {header[power]!r} is none; W, mW and kW are; {HOW}")
    which = next((names.index(name) for name in WHICH if name in names), -1)
    name = next((names.index(one) for one in ("name", "gpu_name") if one in names), -1)
    capability = names.index("compute_cap") if "compute_cap" in names else -1
    return _Columns(names.index(TIME), power, WATTS[unit], channel, which, name, capability, len(header))


def _plain(cell: str) -> tuple[str, str]:
    """Return a column's name without its unit, and the unit."""
    said = _UNIT.match(cell)
    return (said[1], said[2]) if said else (cell, "")


def _take(gpus: dict[str, _Gpu], columns: _Columns, cells: list[str], zone: tzinfo | None) -> str | None:
    """Add one row; return what is wrong with it, if anything."""
    if len(cells) != columns.width:
        return f"{len(cells)} cells, and the header has {columns.width}"
    try:
        t_ns = _time_ns(cells[columns.time], zone)
    except ValueError:
        return f"timestamp {cells[columns.time]!r} is no time such as 2026/07/01 12:00:00.123"
    key = cells[columns.which] if columns.which >= 0 else "0"
    gpu = gpus.get(key)
    if gpu is None:
        model = cells[columns.name] if columns.name >= 0 else ""
        gpu = gpus[key] = _Gpu(model, cells[columns.capability] if columns.capability >= 0 else "")
    if gpu.t_ns and t_ns <= gpu.t_ns[-1]:
        if t_ns == gpu.t_ns[-1] and columns.which >= 0:
            gpu.repeated += 1
            return None
        if t_ns == gpu.t_ns[-1]:
            return "the time of the row above once more, and no column index that tells GPUs apart"
        return f"timestamp {cells[columns.time]!r} is before the one above it: the clock was set back"
    milliwatts, status = 0, ReadStatus.OK
    said = _NUMBER.match(cells[columns.power])
    if said is None:
        status = _status(cells[columns.power])
    elif said[2] and said[2] not in WATTS:
        return f"unit {said[2]!r} of {cells[columns.power]!r} is none; W, mW and kW are"
    else:
        milliwatts = round(float(said[1]) * (WATTS[said[2]] if said[2] else columns.factor) / _MILLIWATT)
        if milliwatts < 0:
            return f"power {cells[columns.power]!r} is negative"
    gpu.t_ns.append(t_ns)
    gpu.milliwatts.append(milliwatts)
    gpu.status.append(status)
    return None


def _status(text: str) -> ReadStatus:
    return next((status for word, status in _STATUS if word in text.lower()), ReadStatus.UNKNOWN)


def _time_ns(text: str, zone: tzinfo | None) -> int:
    """Return the time since 1970; raises ValueError."""
    moment = datetime.strptime(text if "." in text else f"{text}.0", "%Y/%m/%d %H:%M:%S.%f")
    aware = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
    since = aware - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _starts_with_a_time(line: str) -> bool:
    return re.match(r"\s*\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", line) is not None


def _zone(text: str) -> tuple[tzinfo | None, str]:
    """Return the time zone asked for (None: this computer's) and its name; raises InputError."""
    if not text:
        return None, f"local time of this computer ({datetime.now().astimezone().tzname()})"
    if text.upper() in {"UTC", "Z"}:
        return timezone.utc, "UTC"
    said = re.fullmatch(r"([+-])(\d\d?):?(\d\d)?", text)
    if said:
        ahead = timedelta(hours=int(said[2]), minutes=int(said[3] or 0))
        if ahead < timedelta(days=1):
            return timezone(-ahead if said[1] == "-" else ahead), f"UTC{text}"
    try:
        return ZoneInfo(text), text
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"--timezone {text} is no time zone; try UTC, +02:00 or Europe/Berlin") from error


def _named(gpus: dict[str, _Gpu]) -> Iterable[tuple[DomainId, _Gpu]]:
    """Yield the GPUs with their ids: by index, else by the order in which they stand in the log."""
    for place, (key, gpu) in enumerate(gpus.items()):
        yield DomainId(f"gpu:{int(key) if key.isdecimal() else place}"), gpu


def _domain(path: str, id_: DomainId, gpu: _Gpu, channel: ChannelName, wishes: ImportWishes) -> Domain:
    architecture = architecture_of(gpu.model, gpu.capability)
    found = habit(architecture, channel)
    said = wishes.described
    window_ns = duration_ns(said["window"]) if "window" in said else found.window_ns
    period_ns = duration_ns(said["period"]) if "period" in said else found.period_ns
    what = ", ".join(part for part in (gpu.model or "GPU", architecture.name) if part)
    timing = "by class" if not {"window", "period"} & said.keys() else "as told by the importer's options"
    return Domain(
        id=id_,
        source=f"import {os.path.basename(path)} ({what})",
        provenance="sensor",
        quantity="power",
        scale=_MILLIWATT,
        driver="device",
        period_ns=period_ns,
        window_ns=window_ns,
        lag_ns=found.lag_ns,
        response_ns=found.response_ns,
        gain_error=GAIN_ERROR,
        timing=timing,
    )
