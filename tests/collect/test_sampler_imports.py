"""Sensors are read before anything heavy is loaded: what the collector imports first decides what a run loses."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"ctypes", "csv", "fractions", "importlib.metadata", "numpy", "pathlib", "random", "sqlite3", "statistics"}
FIRST_READ = """
import sys
before = set(sys.modules)
import energyprof.collector_main
from energyprof.collect.open_sources import Opening
from energyprof.collect.sampler import Sampler
from energyprof.interfaces import SourceContext
from energyprof_plugins.power.load_model import LoadModel
from energyprof_plugins.power.replay import Replay

class FirstRead(LoadModel):
    is_first = True

    def read(self):
        if self.is_first:
            print(*set(sys.modules) - before, flush=True)
        self.is_first = False
        return super().read()

load = {"load_model": FirstRead, "replay": Replay}
opened = Opening((), tuple(load), lambda name: load[name](), SourceContext()).wait(10.0)
sampler = Sampler(opened)
sampler.start()
sampler.stop(10.0)
print(len(sampler.drain()["cpu"]) >= 2)
"""


def test_nothing_heavy_is_imported_before_the_first_read() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_READ], check=True, capture_output=True, text=True)

    imported, drained = done.stdout.splitlines()

    assert "energyprof.collect.poller" in imported.split()
    assert set(imported.split()) & HEAVY == set()
    assert drained == "True"


def test_who_writes_a_recording_imports_nothing_that_reads_one() -> None:
    writes = "import sys, energyprof.collector_main, energyprof.sampling, energyprof.capture.place; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", writes], check=True, capture_output=True, text=True)

    imported = set(done.stdout.split())
    assert "energyprof.capture.writer" in imported
    assert (
        imported & {"energyprof.capture.reader", "energyprof.capture.results", "energyprof.model.attribution"} == set()
    )
