"""Machines that are not there: /sys and /proc of another computer as files in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

INTEL = "vendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i7-1185G7\nflags\t\t: fpu msr\n"
AMD = "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7763 64-Core Processor\nflags\t\t: fpu msr\n"
POWERCAP = "sys/devices/virtual/powercap"


class SysfsTree:
    """What a test writes there."""

    INTEL = INTEL
    AMD = AMD
    POWERCAP = POWERCAP

    @staticmethod
    def write(root: Path, files: Mapping[str, object]) -> None:
        """Write files, each ending with the newline that sysfs gives."""
        for name, value in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")

    @staticmethod
    def cpu(root: Path, text: str = INTEL) -> None:
        """Write /proc/cpuinfo."""
        SysfsTree.write(root, {"proc/cpuinfo": f"processor\t: 0\n{text}"})

    @staticmethod
    def zone(root: Path, name: str, called: str, energy_uj: object = 1_000_000, **more: object) -> Path:
        """Make a powercap zone such as `intel-rapl:0:1`, nested and linked to as in the kernel; return its counter."""
        control, *numbers = name.split(":")
        folder = f"{POWERCAP}/{control}"
        for depth in range(len(numbers)):
            folder += f"/{control}:" + ":".join(numbers[: depth + 1])
        files = {"name": called, "energy_uj": energy_uj, "max_energy_range_uj": 262_143_328_850, "enabled": 1, **more}
        SysfsTree.write(root, {f"{folder}/{file}": value for file, value in files.items()})
        link = root / "sys/class/powercap" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(root / folder, link.parent))
        return root / folder / "energy_uj"
