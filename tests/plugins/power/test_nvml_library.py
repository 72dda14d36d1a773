"""Machines without a driver, with an old one, or in a place that hides it: one line each, with what mends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from nvml_world import Gpu, NvmlWorld, build_library

from energyprof_plugins.power.nvml_library import LIBRARY, why_not_loaded

MISSING = f"{LIBRARY}: cannot open shared object file: No such file or directory"
ASK = """
import json, time
from energyprof.interfaces import SourceContext
from energyprof_plugins.power.nvml import Nvml
source, context = Nvml(), SourceContext(now_ns=time.monotonic_ns, root="/nowhere")
reason = source.why_unavailable(context)
domains = [] if reason else [domain.source for domain in source.open(context)]
print(json.dumps([reason, domains, [type(answer).__name__ for answer in source.read()]]))
source.close()
"""


def asked(environment):
    """Return what a process of its own finds: why not, its domains, what a read answers."""
    done = subprocess.run(
        [sys.executable, "-c", ASK], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture
def place(tmp_path):
    """Return how to make a root folder from file names and texts."""

    def make(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(tmp_path)

    return make


@pytest.mark.parametrize(
    ("files", "fact"),
    [
        ({}, "where there is an NVIDIA GPU, install its driver"),
        ({"sys__bus__pci__devices__00__vendor": "0x8086\n"}, "there is no NVIDIA device on the PCI bus"),
        ({"sys__bus__pci__devices__00__vendor": "0x10de\n"}, "sudo ubuntu-drivers install"),
        ({"run__.containerenv": ""}, "docker run --gpus all"),
        ({"run__.containerenv": "", "sys__bus__pci__devices__00__vendor": "0x10de\n"}, "docker run --gpus all"),
        ({"run__.containerenv": "", "sys__bus__pci__devices__00__vendor": "0x8086\n"}, "no NVIDIA device on the PCI"),
        ({"proc__sys__kernel__osrelease": "5.15.1-microsoft-standard-WSL2"}, "/usr/lib/wsl/lib"),
    ],
)
def test_missing_library_has_the_remedy_of_the_place(place, files, fact):
    reason = why_not_loaded(place(**files), MISSING)

    assert fact in reason
    assert "; " in reason


def test_damaged_library_is_not_called_missing(place):
    assert "invalid ELF header" in why_not_loaded(place(), f"{LIBRARY}: invalid ELF header")


def test_library_that_is_no_library_is_said_to_be_so(tmp_path):
    (tmp_path / LIBRARY).write_text("no library")

    reason, _, _ = asked({"LD_LIBRARY_PATH": str(tmp_path)})

    assert reason.startswith(f"{LIBRARY} cannot be loaded (")


def test_driver_without_energy_counter_fields_and_mig_is_read_by_what_it_has(tmp_path):
    world = NvmlWorld.create(tmp_path / "world", [Gpu(name="Tesla P100", capability=(6, 0))])
    library = build_library(tmp_path / "old", "OLD_DRIVER")

    found = asked(world.environment(library))

    assert found == [None, ["nvml power, 10 of every 20 ms (Tesla P100, GPU-00000000)"], ["Reading"]]


def test_driver_older_than_the_binding_is_to_be_updated(tmp_path):
    world = NvmlWorld.create(tmp_path / "world", [Gpu()])
    library = build_library(tmp_path / "ancient", "ANCIENT_DRIVER")

    reason, _, _ = asked(world.environment(library))

    assert reason == (
        "the NVIDIA driver is older than pynvml can use (no nvmlInitWithFlags); update it to 450 or newer"
    )


def test_machine_without_the_library_never_loads_the_binding():
    code = f"import sys\n{ASK}\nprint('pynvml' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    reason = json.loads(done.stdout.splitlines()[0])[0]
    assert done.stdout.splitlines()[1] == str(reason is None)
