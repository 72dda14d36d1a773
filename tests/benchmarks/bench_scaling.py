"""How far `energyprof scale` misses shapes of a small GPT that it was not fitted to, all recorded here in turns.

Every shape is recorded twice, smaller and larger ones in turns: on a machine that is busy with something else the miss
is that of its speed, which may differ from one recording to the next by as much as is told here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from energyprof.footprint.layer_groups import ShapedRun, shaped_run
from energyprof.footprint.scaling import predict
from energyprof.run import load

FITTED = ((2, 64), (2, 128), (4, 128), (2, 256), (4, 256), (6, 192))
PREDICTED = ((8, 384), (4, 512), (12, 512))
TURNS = 2
SECONDS = {True: 1.5, False: 3.0}
"""Of calls, of shapes that are fitted and of larger ones, whose calls take longer."""
MISS = 30.0
SPREAD = 40.0

Row = tuple[str, float, str, float]


def rows() -> list[Row]:
    """Return (what, figure, unit, upper bound) of everything measured here."""
    with TemporaryDirectory() as folder:
        runs = [
            (shape, _recorded(Path(folder), *shape, turn)) for turn in range(TURNS) for shape in (*FITTED, *PREDICTED)
        ]
    fitted = [run for shape, run in runs if shape in FITTED]
    found: list[Row] = []
    outside = 0
    for layers, width in PREDICTED:
        measured = [run.energy_j for shape, run in runs if shape == (layers, width)]
        measured_j = sum(measured) / len(measured)
        told = predict(fitted, {"layers": layers, "width": width})
        outside += not (told.has_bounds and told.energy_j.low < measured_j < told.energy_j.high)
        miss = abs(told.energy_j.value / measured_j - 1) * 100
        found.append(
            (f"scale to {layers} layers of {width}, {told.factor:.1f} times the largest: miss", miss, "%", MISS)
        )
    spread = predict([run for _, run in runs], {"layers": 12, "width": 512}).repeat_spread or 0.0
    return [
        *found,
        (f"of {len(PREDICTED)} shapes scaled to: outside the bounds", float(outside), "", 0.0),
        ("scale: recordings of one shape differ by up to", spread * 100, "%", SPREAD),
    ]


def _recorded(folder: Path, layers: int, width: int, turn: int) -> ShapedRun:
    path = folder / f"{layers}x{width}_{turn}.eprof"
    script = Path(__file__).with_name("scaling_model.py")
    seconds = SECONDS[(layers, width) in FITTED]
    command = [sys.executable, "-m", "energyprof", "run", "-q", "--no-graph", "-o", str(path), str(script)]
    subprocess.run([*command, str(layers), str(width), str(seconds)], check=True, cwd=folder, capture_output=True)
    return shaped_run(path.name, {"layers": layers, "width": width}, load(path).report().layers)
