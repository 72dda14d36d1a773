"""What `calibrate` found out about a machine's power, as a file that `load_model` reads."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass
from math import isfinite

VERSION = 1


@dataclass(frozen=True, slots=True)
class FittedPower:
    """Idle power and watts for each CPU second in a second, fitted on one machine against one meter."""

    cpu: str
    """The CPU's own name."""
    threads: int
    idle_w: float
    cpu_w: float
    """Joules for each second of CPU time, on top of idle."""
    gain_error: tuple[float, float]
    fitted_on: str
    """The day, `2026-11-25`."""
    meter: str

    def __post_init__(self) -> None:
        for name, value in (("idle_w", self.idle_w), ("cpu_w", self.cpu_w), ("gain_error", min(self.gain_error))):
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a number of 0 or more, got {value}")


def fitted_file(folder: str, cpu: str, threads: int) -> str:
    """Return the path of a machine's file in `folder`."""
    return os.path.join(folder, f"load-model-{zlib.crc32(f'{cpu} {threads}'.encode()):08x}.json")


def text_of_fit(fitted: FittedPower) -> str:
    """Return the file's text."""
    return json.dumps({"version": VERSION, **asdict(fitted)}, indent=2) + "\n"


def read_fitted(folder: str, cpu: str, threads: int) -> FittedPower | None:
    """Return what was fitted on a machine with this CPU; None where nothing was, or the file is no such file."""
    if not folder:
        return None
    try:
        with open(fitted_file(folder, cpu, threads), encoding="utf-8") as file:
            value = json.load(file)
        if value.pop("version") != VERSION:
            return None
        low, high = value.pop("gain_error")
        fitted = FittedPower(**value, gain_error=(float(low), float(high)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return fitted if (fitted.cpu, fitted.threads) == (cpu, threads) else None
