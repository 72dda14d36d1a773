"""How many processors a process may use: its affinity, and the quotas of the control groups that it is in.

Linux, Documentation/admin-guide/cgroup-v2.rst: `cpu.max` holds "$MAX $PERIOD" in microseconds, or "max"; in version 1
(Documentation/scheduler/sched-bwc.rst) `cpu.cfs_quota_us` and `cpu.cfs_period_us`, -1 for no limit. Every group above
limits as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator


def cpus_allowed(pid: int, root: str = "/") -> float | None:
    """Return it, a fraction where a quota says so; None: it cannot be known (the process is gone, or no Linux)."""
    try:
        count = len(os.sched_getaffinity(pid))
    except (AttributeError, OSError):
        return None
    return min([float(count), *_quotas(pid, root)])


def _quotas(pid: int, root: str) -> Iterator[float]:
    try:
        with open(os.path.join(root, f"proc/{pid}/cgroup"), encoding="utf-8", errors="surrogateescape") as stream:
            lines = [line.rstrip("\n").split(":", 2) for line in stream]
    except OSError:
        return
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers == "":
            yield from _up(root, "sys/fs/cgroup", path, _quota_of_version_2)
        elif "cpu" in controllers.split(","):
            yield from _up(root, "sys/fs/cgroup/cpu", path, _quota_of_version_1)


def _up(root: str, mount: str, path: str, read: Callable[[str], float | None]) -> Iterator[float]:
    """Yield the quotas of a group and of those above it; inside a container its path may be the host's, and missing."""
    top, parts = os.path.join(root, mount), [part for part in path.split("/") if part not in {"", ".."}]
    for length in range(len(parts), -1, -1):
        quota = read(os.path.join(top, *parts[:length]))
        if quota is not None and quota > 0:
            yield quota


def _quota_of_version_2(folder: str) -> float | None:
    words = _words(os.path.join(folder, "cpu.max"))
    return _cpus(words[0], words[1]) if len(words) == 2 else None


def _quota_of_version_1(folder: str) -> float | None:
    quota, period = (_words(os.path.join(folder, f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
    return _cpus(quota[0], period[0]) if quota and period else None


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read().split()
    except (OSError, ValueError):
        return []


def _cpus(quota: str, period: str) -> float | None:
    """Return processors; None: no limit."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None
