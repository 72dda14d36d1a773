"""What a real GPU's sensors said of a square wave of load: an excerpt of a log, h200_square_wave.npz.

Recorded on an NVIDIA H200 (driver 580.159, in a virtual machine): NVML's energy counter (mJ), POWER_INSTANT and the
driver's sample buffer (mW), read every few milliseconds while matrix products came and went: pauses of 3 and 2 s, three
times 1 s of load and 1 s without, three times 0.3 and 0.7 s, twenty times 37 and 83 ms, at last 2 s of load. Times are
stored in microseconds, each since the one before, and are nanoseconds since 1 s before the first pause here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from energyprof.model.power import Readings

FILE = Path(__file__).parents[1] / "golden" / "h200_square_wave.npz"
SECOND = 1_000_000_000


class SquareWave:
    """The log: `instant`, `counter` and `samples` as readings, and when the load was on."""

    def __init__(self) -> None:
        """Read the file."""
        with np.load(FILE) as stored:
            columns = {name: stored[name] for name in stored.files if name != "origin"}
        self.instant, self.counter = (_polled(columns, name) for name in ("instant", "counter"))
        t_ns = np.cumsum(columns["samples_us"], dtype=np.int64) * 1000
        self.samples = _readings(t_ns, t_ns, columns["samples_raw"])
        self.load_ns = [(int(start) * 1000, int(end) * 1000) for start, end in columns["load_us"]]
        self.end_ns = int(self.instant.t_after_ns[-1])

    def seldom(self, every_ns: int) -> Readings:
        """Return the counter as if it had been read so seldom."""
        rows, due_ns = [], 0
        for row, t_ns in enumerate(self.counter.t_before_ns.tolist()):
            if t_ns >= due_ns:
                rows.append(row)
                due_ns = t_ns + every_ns
        counter = self.counter
        return _readings(counter.t_before_ns[rows], counter.t_after_ns[rows], counter.raw[rows])


def _polled(columns: dict[str, np.ndarray], name: str) -> Readings:
    before_ns = np.cumsum(columns[f"{name}_before_us"], dtype=np.int64) * 1000
    return _readings(before_ns, before_ns + columns[f"{name}_took_us"].astype(np.int64) * 1000, columns[f"{name}_raw"])


def _readings(before_ns: np.ndarray, after_ns: np.ndarray, raw: np.ndarray) -> Readings:
    return Readings(before_ns, after_ns, raw.astype(np.int64), np.zeros(len(raw), np.uint8))
