"""What a hwmon chip is, what it may offer, and the tools by which the files of known chips describe theirs.

Linux, Documentation/hwmon/sysfs-interface.rst: `power*_input` and `power*_average` are microwatts, `energy*_input`
microjoules, `in*_input` millivolts, `curr*_input` milliamperes; `power*_average_interval` is milliseconds,
`power*_accuracy` percent.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from energyprof_plugins.power.sysfs_number import names_in, number_of, text_of

CLASS = "sys/class/hwmon"
POWER_FILE = re.compile(r"(power\d+_(input|average)|energy\d+_input)")
NS_PER_MS = 1_000_000
Driver: TypeAlias = Literal["cpu", "device"]


@dataclass(frozen=True, slots=True)
class Chip:
    """One folder `/sys/class/hwmon/hwmonN`."""

    path: str
    name: str

    def file(self, name: str) -> str | None:
        """Return the path of an attribute, None if the chip lacks it; old drivers keep them in the device's folder."""
        for path in (os.path.join(self.path, name), os.path.join(self.path, "device", name)):
            if os.path.exists(path):
                return path
        return None

    def text(self, name: str) -> str | None:
        """Return what an attribute says; None where it is absent or cannot be read."""
        path = self.file(name)
        return None if path is None else text_of(path)

    def number(self, name: str) -> int | None:
        """Return a whole number that an attribute says; None where there is none."""
        path = self.file(name)
        return None if path is None else number_of(path)

    def power_files(self) -> list[str]:
        """Return the names of its attributes that give power or energy."""
        names = {*names_in(self.path), *names_in(self.path, "device")}
        return sorted(name for name in names if POWER_FILE.fullmatch(name))


@dataclass(frozen=True, slots=True)
class Meter:
    """One domain that a chip measures."""

    id: str
    files: tuple[str, ...]
    """One file, or two whose values are multiplied: volts and amperes."""
    label: str
    """As printed behind the chip's name."""
    driver: Driver
    quantity: Literal["power", "energy"] = "power"
    parent: str | None = None
    period_ns: int | None = None
    window_ns: int | None = None
    gain_error: tuple[float, float] = (0.0, 0.0)
    unknown_raw: int | None = None
    """From this value on the driver means that it does not know."""


def has_nvidia(root: str) -> bool:
    """Return whether NVIDIA's driver is loaded, by which the source `nvml` reads its cards and their modules."""
    return os.path.isdir(os.path.join(root, "proc/driver/nvidia"))


def find_chips(root: str) -> list[Chip]:
    """Return every chip under `root`, in the order of their numbers."""
    folder = os.path.join(root, CLASS)
    chips = []
    for entry in names_in(folder):
        path = os.path.join(folder, entry)
        name = text_of(path, "name") or text_of(path, "device", "name")
        if name:
            chips.append(Chip(path, name))
    return chips
