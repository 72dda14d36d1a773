"""How much of a program's CPU time is that of threads of Python, and not of pools of C code beside them.

Threads that no Python runs in (OpenBLAS, OpenMP) have no stack: what they spend counts to functions of the stages open,
but no change of these functions surely saves it. OpenBLAS lets its threads spin for some time after each product.
"""

from __future__ import annotations

import numpy as np

from energyprof.model.power import ThreadCpu
from energyprof.model.stacks import Samples


def python_part(samples: Samples, cpu: ThreadCpu) -> float:
    """Return which part of the CPU time of sampled processes threads with samples used, 0..1; 1: it is not known."""
    if not len(samples):
        return 1.0
    start_ns, end_ns = int(samples.start_ns.min()), int(samples.end_ns.max())
    threads = set(zip(samples.pid.tolist(), samples.tid.tolist(), strict=True))
    whole_ns = sum(_used_ns(cpu, pid, 0, start_ns, end_ns) for pid in {pid for pid, _ in threads})
    seen_ns = sum(_used_ns(cpu, pid, tid, start_ns, end_ns) for pid, tid in threads)
    return min(seen_ns / whole_ns, 1.0) if whole_ns > 0 and seen_ns > 0 else 1.0


def _used_ns(cpu: ThreadCpu, pid: int, tid: int, start_ns: int, end_ns: int) -> float:
    rows = (cpu.pid == pid) & (cpu.tid == tid)
    if not np.any(rows):
        return 0.0
    before, after = np.interp((start_ns, end_ns), cpu.t_ns[rows], cpu.cpu_ns[rows])
    return float(after - before)
