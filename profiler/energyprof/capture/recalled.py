"""What a run repeats of earlier ones, stored in its recording, so that every report can say so wherever the file is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from energyprof.capture.results import read_result, store_result
from energyprof.capture.table_codec import pack_json, unpack_json
from energyprof.model.past import EarlierRun, EarlierTrial, PastEnergy, Recalled

_NAME: Final = "recalled"
_VERSION: Final = 1


def store_recalled(path: str | Path, recalled: Recalled) -> None:
    """Store it, replacing what was stored before; raises CaptureError as `store_result` does."""
    store_result(Path(path), _NAME, _VERSION, pack_json(asdict(recalled)))


def read_recalled(path: str | Path) -> Recalled:
    """Return what is stored; empty where nothing is. Raises CaptureError if the file cannot be read or is damaged."""
    content = read_result(Path(path), _NAME, _VERSION)
    if content is None:
        return Recalled()
    row = unpack_json(content)
    run = None if row["run"] is None else EarlierRun(**_values(row["run"]))
    return Recalled(run, tuple((stage, EarlierTrial(**_values(trial))) for stage, trial in row["trials"]))


def _values(row: dict[str, Any]) -> dict[str, Any]:  # JSON
    energy = None if row["energy"] is None else PastEnergy(**row["energy"])
    return {**row, "energy": energy, "differs": tuple(row["differs"])}
