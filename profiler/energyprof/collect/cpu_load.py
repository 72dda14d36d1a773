"""A load made on purpose, in processes of its own: none, one CPU, all CPUs, or memory traffic on all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final, Literal

Load = Literal["idle", "one CPU", "all CPUs", "memory"]
LOADS: Final[tuple[Load, ...]] = ("idle", "one CPU", "all CPUs", "memory")
# Each ends by itself when whoever started it is gone.
_BUSY: Final = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for number in range(300_000): number * number
"""
_MEMORY: Final = """
import os
parent = os.getppid()
source, target = bytearray(48 << 20), bytearray(48 << 20)
while os.getppid() == parent:
    target[:] = source
"""


class CpuLoad:
    """Start and stop loads; `stop` is safe at any time."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, load: Load) -> None:
        """Put a load on the machine in place of the one before."""
        self.stop()
        count = {"idle": 0, "one CPU": 1}.get(load, len(os.sched_getaffinity(0)))
        code = _MEMORY if load == "memory" else _BUSY
        for _ in range(count):
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", code],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    def stop(self) -> None:
        """End the load."""
        processes, self._processes = self._processes, []
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def busy_ns(root: str = "/") -> int:
    """Return the CPU time that all programs together have used since boot, from /proc/stat; raises OSError.

    proc(5): user, nice, system, idle, iowait, irq, softirq; what a virtual machine's host took (steal) is not counted.
    """
    with open(os.path.join(root, "proc/stat"), encoding="ascii") as file:
        _, user, nice, system, _, _, irq, softirq, *_ = file.readline().split()
    ticks = sum(map(int, (user, nice, system, irq, softirq)))
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
