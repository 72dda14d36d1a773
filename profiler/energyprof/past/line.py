"""A run that is over as one line of JSON, and back."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any, Final, cast

from energyprof.model.domain import Provenance
from energyprof.model.past import PROVENANCES, PastEnergy, PastRun, PastTrial, Work

VERSION: Final = 1


def line_of(run: PastRun) -> bytes:
    """Return the run as a line, its end included."""
    return json.dumps({"v": VERSION, **asdict(run)}, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def run_of(line: bytes) -> PastRun | None:
    """Return the run of a line; None: a newer version wrote it. Raises ValueError for what is none."""
    try:
        row = json.loads(line)
        if int(row["v"]) > VERSION:
            return None
        work = row["work"]
        return PastRun(
            id=str(row["id"]),
            start=str(row["start"]),
            work=Work(
                str(work["program"]),
                str(work["arguments"]),
                str(work["data"]),
                str(work["command"]),
                tuple((str(name), str(version)) for name, version in work["versions"]),
                str(work.get("data_name", "")),  # not in lines of before it was kept
            ),
            exit_code=None if row["exit_code"] is None else int(row["exit_code"]),
            wall_s=_finite(row["wall_s"]),
            energy=_energy(row["energy"]),
            host=str(row["host"]),
            recording=str(row["recording"]),
            series=str(row["series"]),
            told=tuple((str(name), _finite(value)) for name, value in row["told"]),
            trials=tuple(map(_trial, row["trials"])),
        )
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no run: {error!r}") from error


def _trial(row: Any) -> PastTrial:  # JSON
    return PastTrial(
        number=int(row["number"]),
        fingerprint=str(row["fingerprint"]),
        params=str(row["params"]),
        state=str(row["state"]),
        value=None if row["value"] is None else _finite(row["value"]),
        energy=_energy(row["energy"]),
    )


def _energy(row: Any) -> PastEnergy | None:  # JSON
    if row is None:
        return None
    provenance = row["provenance"]
    if provenance not in PROVENANCES:
        raise ValueError(f"no provenance {provenance!r}")
    energy_j, low_j, high_j = (_finite(row[name]) for name in ("energy_j", "low_j", "high_j"))
    return PastEnergy(energy_j, low_j, high_j, cast(Provenance, provenance))


def _finite(value: Any) -> float:  # JSON
    figure = float(value)
    if not math.isfinite(figure):
        raise ValueError(f"{figure} is not finite")
    return figure
