"""The CPU time of the program's control group, where the group holds the program and its profiler and nobody else.

Linux, Documentation/admin-guide/cgroup-v2.rst: `cpu.stat` (`usage_usec`) counts the processes of a group and of all
groups below it, ended ones included; `cgroup.procs` lists those alive. In version 1 `cpuacct.usage` counts nanoseconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection


class ControlGroup:
    """The group in which a process is now; asked again and again, for others may join it."""

    def __init__(
        self, pid: int, program: Callable[[], Collection[int]], profiler: Collection[int], root: str = "/"
    ) -> None:
        """`program` returns the program's processes alive, `profiler` are ours."""
        self._program = program
        self._profiler = frozenset(profiler)
        self._folder, self._is_v2 = _folder_of(pid, root)

    def used_ns(self) -> int | None:
        """Return the CPU time used in the group so far; None: it is not the program's alone, or there is none."""
        if not self._folder:
            return None
        try:
            with open(os.path.join(self._folder, "cgroup.procs"), encoding="ascii") as stream:
                members = {int(line) for line in stream}
            program = frozenset(self._program())
            if not program or not program <= members <= program | self._profiler:
                return None
            with os.scandir(self._folder) as entries:
                if any(entry.is_dir(follow_symlinks=False) for entry in entries):
                    return None  # groups below it are counted with it, and may hold anybody
            return self._usage_ns()
        except (OSError, ValueError):
            return None

    def has_quota(self) -> bool:
        """Return whether the CPU time of the group is limited: what we use then, the program cannot.

        `cpu.max` of version 2 holds "max" or a quota; `cpu.cfs_quota_us` of version 1 is -1 without one.
        """
        for name, free in (("cpu.max", "max"), ("cpu.cfs_quota_us", "-1")):
            try:
                with open(os.path.join(self._folder, name), encoding="ascii") as stream:
                    return not stream.read().startswith(free)
            except (OSError, ValueError):
                continue
        return False

    def _usage_ns(self) -> int | None:
        if not self._is_v2:
            with open(os.path.join(self._folder, "cpuacct.usage"), encoding="ascii") as stream:
                return int(stream.read())
        with open(os.path.join(self._folder, "cpu.stat"), encoding="ascii") as stream:
            for line in stream:
                name, _, value = line.partition(" ")
                if name == "usage_usec":
                    return int(value) * 1000
        return None


def _folder_of(pid: int, root: str) -> tuple[str, bool]:
    """Return the folder of the process's group and whether it is of version 2; empty: there is none."""
    try:
        with open(os.path.join(root, f"proc/{pid}/cgroup"), encoding="utf-8", errors="surrogateescape") as stream:
            lines = [line.rstrip("\n").split(":", 2) for line in stream]
    except OSError:
        return "", False
    for _, controllers, path in (line for line in lines if len(line) == 3):
        tail = path.lstrip("/")
        if controllers == "":
            folder, has = os.path.join(root, "sys/fs/cgroup", tail), "cpu.stat"
        elif "cpuacct" in controllers.split(","):
            folder, has = os.path.join(root, "sys/fs/cgroup/cpuacct", tail), "cpuacct.usage"
        else:
            continue
        if os.path.exists(os.path.join(folder, has)):
            return folder, has == "cpu.stat"
    return "", False
