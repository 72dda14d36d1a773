"""A whole run on a machine that is not there: its RAPL counters follow a power that is known exactly.

The counters are files that a thread writes every millisecond, as the hardware does; ENERGYPROF_SYSROOT says where. They
wrap several times while the program runs, and are idle for a while at both of its ends.
"""

from __future__ import annotations

import bisect
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

RANGE_UJ = 60_000_000
"""One wrap every 60 J."""
UNIT_UJ = 61
IDLE_W = {"package": 5.0, "core": 1.0, "dram": 2.0}
BUSY_W = {"package": 85.0, "core": 60.0, "dram": 6.0}
ZONES = {"package": "intel-rapl:0", "core": "intel-rapl:0:0", "dram": "intel-rapl:0:1"}
PROGRAM = """
import pathlib, sys, time
import energyprof
flag = pathlib.Path(sys.argv[1])
time.sleep(1.5)
for _ in range(3):
    with energyprof.stage("busy"):
        flag.write_text("busy")
        end = time.monotonic() + 1.2
        while time.monotonic() < end: pass
    flag.write_text("rest")
    with energyprof.stage("rest"):
        time.sleep(0.3)
time.sleep(0.7)
"""


class Hardware:
    """Counters that follow what the program says it is doing, and remember what they really counted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.flag = root / "flag"
        self.edges: list[tuple[int, bool]] = [(time.monotonic_ns(), False)]
        self.counted_ns = [time.monotonic_ns()]
        """When the counters were written."""
        self._files: dict[str, int] = {}
        self._ended = threading.Event()
        (root / "proc").mkdir(parents=True)
        (root / "proc/cpuinfo").write_text("vendor_id\t: GenuineIntel\n")
        for plane, zone in ZONES.items():
            folder = root / "sys/class/powercap" / zone
            folder.mkdir(parents=True)
            name = "package-0" if plane == "package" else plane
            texts = {"name": name, "max_energy_range_uj": RANGE_UJ, "energy_uj": f"{0:020}"}
            for file, text in texts.items():
                (folder / file).write_text(f"{text}\n")
            self._files[plane] = os.open(folder / "energy_uj", os.O_WRONLY)
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def energy_j(self, plane: str, until_ns: int) -> float:
        """Return the energy really spent up to an instant."""
        total_j = 0.0
        for (begin_ns, is_busy), (end_ns, _) in zip(self.edges, [*self.edges[1:], (until_ns, False)], strict=True):
            stretch_ns = max(0, min(end_ns, until_ns) - begin_ns)
            total_j += (BUSY_W if is_busy else IDLE_W)[plane] * stretch_ns * 1e-9
        return total_j

    def late_j(self, plane: str, at_ns: int) -> float:
        """Return what the counter did not show yet at an instant, because a busy machine wrote it too seldom."""
        counted_ns = self.counted_ns[bisect.bisect_right(self.counted_ns, at_ns) - 1]
        return self.energy_j(plane, at_ns) - self.energy_j(plane, counted_ns)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        for descriptor in self._files.values():
            os.close(descriptor)

    def _count(self) -> None:
        while not self._ended.wait(0.001):
            now_ns = time.monotonic_ns()
            self._look(now_ns)
            for plane, descriptor in self._files.items():
                units = int(self.energy_j(plane, now_ns) * 1e6) // UNIT_UJ
                raw = units * UNIT_UJ % (RANGE_UJ + 1)
                os.pwrite(descriptor, b"%020d\n" % raw, 0)
            self.counted_ns.append(now_ns)

    def _look(self, now_ns: int) -> None:
        """Take the program's word from now on, not from when it gave it: a counter never goes back."""
        try:
            is_busy = self.flag.read_text() == "busy"
        except OSError:
            return
        if is_busy != self.edges[-1][1]:
            self.edges.append((now_ns, is_busy))


@pytest.fixture
def hardware(tmp_path: Path) -> Iterator[Hardware]:
    made = Hardware(tmp_path / "machine")
    yield made
    made.stop()


@pytest.mark.slow
def test_energy_of_every_domain_is_true_to_half_a_percent_through_wraps(place: Any, hardware: Hardware) -> None:
    place.write("program.py", PROGRAM)

    done = place.run(
        "-q",
        "--no-graph",
        "-o",
        "out.eprof",
        "program.py",
        str(hardware.flag),
        environment={"ENERGYPROF_SYSROOT": str(hardware.root)},
    )

    assert (done.returncode, done.stderr) == (0, b"")
    run = load(place.folder / "out.eprof")
    report = run.report()
    assert len(run.attribution.domains) == 3
    for found in run.attribution.domains:
        plane = {"cpu:0:package": "package", "cpu:0:core": "core", "dram:0": "dram"}[found.domain]
        begin_ns, end_ns = found.measured_start_ns, found.measured_end_ns
        true_j = hardware.energy_j(plane, end_ns) - hardware.energy_j(plane, begin_ns)
        late_j = hardware.late_j(plane, begin_ns) + hardware.late_j(plane, end_ns)
        assert found.ledger.measured_j == pytest.approx(true_j, abs=0.005 * true_j + late_j)
        assert begin_ns < hardware.edges[1][0] < hardware.edges[-1][0] < end_ns, "only idle time may be missing"
        if plane == "package":
            assert true_j > 4 * RANGE_UJ * 1e-6
    assert {row.domain for row in report.domains if row.counts} == {"cpu:0:package", "dram:0"}
