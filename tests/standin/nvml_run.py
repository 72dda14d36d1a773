"""Start a whole `energyprof run` whose only sensor is the stand-in for NVML, and compare what it says with the truth.

    outcome = run_pipeline(folder, [Gpu()], window_s=0.1)
    outcome.measured_j, outcome.covered_truth_j, outcome.stage_truths_j()

The program is nvml_program.py, or the text of another one, which gets the path of the world as its first argument and
finds `nvml_world` importable.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from nvml_program import IDLE_W, WATTS
from nvml_world import Gpu, NvmlWorld

from energyprof.attribute.split import SPREAD
from energyprof.attribute.updates import recover
from energyprof.attribute.windows import Windows
from energyprof.model.trace import Trace
from energyprof.run import Run, load

_HERE = Path(__file__).parent
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Outcome:
    """A finished run and the world it ran in."""

    run: Run
    world: NvmlWorld

    @property
    def trace(self) -> Trace:
        return self.run.trace

    @property
    def measured_j(self) -> float:
        """What the ledger says was measured of gpu:0."""
        return next(row.measured_j for row in self.run.report().ledger if row.domain == "gpu:0")

    @property
    def truth_j(self) -> float:
        """What gpu:0 spent from the start of the run to its end."""
        return self.world.energy_j(0, self.trace.run.start_ns, self.trace.run.end_ns)

    @property
    def windows(self) -> Windows:
        """The windows of gpu:0."""
        domain = next(domain for domain in self.trace.domains if domain.id == "gpu:0")
        run = self.trace.run
        return recover(domain, self.trace.readings[domain.id], run.start_ns, run.end_ns).run

    @property
    def unseen_j(self) -> float:
        """Half of the 95 % interval of what is measured where the sensor, or a late poll, left out some of the time."""
        sd_j = self.windows.sd_j
        return 0.0 if sd_j is None else SPREAD * float((sd_j**2).sum()) ** 0.5

    @property
    def covered_truth_j(self) -> float:
        """What gpu:0 spent in the time that readings cover: nothing is known of the rest, and the report says so."""
        start_ns, windows = self.trace.run.start_ns, self.windows
        edges = zip(windows.start_ns.tolist(), windows.end_ns.tolist(), strict=True)
        return sum(self.world.energy_j(0, start_ns + round(start), start_ns + round(end)) for start, end in edges)

    @property
    def truth_since_read_j(self) -> float:
        """What gpu:0 spent from the first reading to the end of the run."""
        run = self.trace.run
        return self.world.energy_j(0, run.start_ns + round(self.windows.start_ns[0]), run.end_ns)

    def stage_truths_j(self) -> dict[str, float]:
        """Return what each stage of nvml_program.py really spent of gpu:0."""
        steps = self.world.steps(0)
        spent = dict.fromkeys(WATTS, 0.0)
        for (since_ns, watts), (until_ns, _) in pairwise(steps):
            for name, own_w in WATTS.items():
                if watts == own_w:
                    spent[name] += watts * (until_ns - since_ns) * 1e-9
        return spent


def run_pipeline(
    folder: Path,
    gpus: Sequence[Gpu],
    *,
    window_s: float = 0.1,
    scale: float = 1.0,
    source: str | None = "nvml",
    program: str | None = None,
    environment: Mapping[str, str] = {},
) -> Outcome:
    """Profile the program in `folder`; raises AssertionError with what it printed where the run fails."""
    folder.mkdir(parents=True, exist_ok=True)
    idle = [replace(gpu, steps=((0, IDLE_W),)) if gpu.steps == Gpu.steps else gpu for gpu in gpus]
    world = NvmlWorld.create(folder / "world", idle)
    script = _HERE / "nvml_program.py"
    if program is not None:
        script = folder / "program.py"
        script.write_text(program)
    recording = folder / "run.eprof"
    words = [sys.executable, "-m", "energyprof", "run", "-q", "--no-graph", "-o", str(recording)]
    words += [] if source is None else ["--source", source]
    done = subprocess.run(
        [*words, str(script), str(world.path), str(window_s), str(scale)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_HERE), **world.environment(), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Outcome(load(recording), world)
