"""A place to install the simulated GPU in, as a stranger's package is, and what its power is in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

ENTRY_POINTS = "[energyprof.instruments]\nsimulated_gpu = simulated_gpu_marks:SimulatedGpuMarks\n"
PERIOD_NS = 50_000_000


def installed(site: Path) -> dict[str, str]:
    """Install it into a new folder; return the environment of programs that can import it."""
    about = site / "simulated_gpu-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: simulated-gpu\nVersion: 1\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return {"PYTHONPATH": os.pathsep.join([str(site), str(Path(__file__).parent)])}


def power_file(power_w: Callable[[float], float], seconds: float = 120.0) -> str:
    """Return its power, by the seconds since the program was started, as `--source replay:FILE` reads it."""
    times_ns = range(0, round(seconds * 1e9), PERIOD_NS)
    rows = [f"gpu:0,{t_ns},{power_w(t_ns / 1e9)},W" for t_ns in times_ns]
    return "\n".join(["# period=50ms window=50ms", "domain,t_ns,value,unit", *rows])
