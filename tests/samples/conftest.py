"""What the tests of the samples share: their sources as modules, and one quick run under `energyprof run`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from energyprof.run import load

SAMPLES = Path(__file__).parents[2] / "samples"


@dataclass(frozen=True)
class QuickRun:
    """What a sample printed, and what was reported of it."""

    folder: Path
    stdout: str
    report: dict[str, Any]

    def calls(self) -> dict[str, int]:
        """Return how often each stage that the sample marks was called."""
        return {row["stage"]: row["calls"] for row in self.report["stages"] if row["kind"] in {"stage", "function"}}

    def feeds(self) -> set[tuple[str, str]]:
        """Return between which stages data flowed."""
        return {(edge["source"], edge["target"]) for edge in self.report["edges"] if edge["kind"] == "feeds"}

    def total_j(self, stage: str) -> float:
        """Return the energy of a stage with all below it."""
        (row,) = (row for row in self.report["stages"] if row["stage"] == stage)
        return sum(cell["energy_j"] for cell in row["total"])


@pytest.fixture(scope="session")
def sample_source() -> Callable[[str], ModuleType]:
    """Return what makes a module of a file below `samples/` that imports none of its neighbours."""

    def module_at(place: str) -> ModuleType:
        name = "sample_" + place.removesuffix(".py").replace("/", "_")
        spec = importlib.util.spec_from_file_location(name, SAMPLES / place)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return module_at


@pytest.fixture(scope="session")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., QuickRun]:
    """Return what profiles a sample's `pipeline.py --quick` without a sensor."""

    def profiled(sample: str, *options: str) -> QuickRun:
        folder = tmp_path_factory.mktemp(sample)
        energyprof = [
            sys.executable,
            "-m",
            "energyprof",
            "run",
            "--no-graph",
            "--source",
            "load_model",
            "-o",
            "q.eprof",
        ]
        run = [*energyprof, str(SAMPLES / sample / "pipeline.py"), "--quick", *options]
        seen = {**os.environ, "OMP_NUM_THREADS": "1"}  # other workers have the other cores
        done = subprocess.run(run, cwd=folder, env=seen, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        return QuickRun(folder, done.stdout, json.loads(load(folder / "q.eprof").render("json")))

    return profiled
