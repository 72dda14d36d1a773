"""A number in a sysfs file, read again and again through a descriptor kept open; whatever goes wrong is a fault."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass

from energyprof.interfaces import ReadFailure, Reading
from energyprof.model.domain import ReadStatus
from energyprof.model.ids import DomainId

OpenFile = Callable[[str, int], int]
"""`os.open`, or what a test puts in its place."""
ReadAt = Callable[[int, int, int], bytes]
"""`os.pread`, likewise."""
LONGEST = 64
"""Bytes; the longest number sysfs prints has 20 digits, a sign and a newline."""
STATUS_OF_ERRNO = {
    errno.EACCES: ReadStatus.NO_PERMISSION,
    errno.EPERM: ReadStatus.NO_PERMISSION,
    errno.ENODEV: ReadStatus.LOST,
    errno.ENOENT: ReadStatus.LOST,
    errno.ENOTDIR: ReadStatus.LOST,
    errno.ENXIO: ReadStatus.LOST,
    errno.ESTALE: ReadStatus.LOST,
    errno.EOPNOTSUPP: ReadStatus.NOT_SUPPORTED,
    errno.ETIMEDOUT: ReadStatus.TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a read gave no number."""

    status: ReadStatus
    message: str


def answer(id_: DomainId, value: int | Fault) -> Reading | ReadFailure:
    """Return what a domain's read has given, as the collector takes it."""
    return ReadFailure(id_, value.status, value.message) if isinstance(value, Fault) else Reading(id_, value)


class SysfsNumber:
    """One file. Opened once, it is read for a tenth of the cost, and outlives a later change of permissions."""

    def __init__(self, path: str, open_file: OpenFile = os.open, read_at: ReadAt = os.pread) -> None:
        self.path = path
        self._open_file = open_file
        self._read_at = read_at
        self._descriptor: int | None = None

    def open(self) -> int:
        """Open the file unless it is, and return its descriptor; raises OSError."""
        if self._descriptor is None:
            self._descriptor = self._open_file(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor

    def read(self) -> int | Fault:
        """Return the number of now; where the file has been replaced meanwhile, the one of the new file."""
        was_open = self._descriptor is not None
        try:
            text = self._read_at(self.open(), LONGEST, 0)
        except OSError as error:
            self.close()
            fault = fault_of(error, self.path)
            return self.read() if was_open and fault.status is ReadStatus.LOST else fault
        return parsed(text, self.path)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


def parsed(text: bytes, path: str) -> int | Fault:
    """Return the number that `text`, all of a file, spells."""
    if not text.strip():
        return Fault(ReadStatus.UNKNOWN, f"{path} is empty")
    # sysfs ends every number with a newline: without it the rest is missing, and the number would be a wrong one.
    if not text.endswith(b"\n"):
        return Fault(ReadStatus.UNKNOWN, f"{path} was cut short: {text!r}")
    try:
        return int(text)
    except ValueError:
        return Fault(ReadStatus.UNKNOWN, f"{path} holds no number: {text.strip()!r}")


def fault_of(error: OSError, path: str) -> Fault:
    """Return what the operating system's refusal means for a sensor."""
    status = STATUS_OF_ERRNO.get(error.errno or 0, ReadStatus.UNKNOWN)
    return Fault(status, f"{path}: {error.strerror or error}")


def text_of(*parts: str) -> str | None:
    """Return the text of a small file, stripped; None where it cannot be read."""
    try:
        with open(os.path.join(*parts), encoding="utf-8", errors="replace") as file:
            return file.read(4096).strip()
    except OSError:
        return None


def number_of(*parts: str) -> int | None:
    """Return the whole number in a small file; None where there is none."""
    text = text_of(*parts)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def names_in(*parts: str) -> list[str]:
    """Return the names in a folder in order, numbers within them by size; none where it cannot be read."""
    try:
        return sorted(os.listdir(os.path.join(*parts)), key=_by_numbers)
    except OSError:
        return []


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """Return a sorting key: hwmon2 before hwmon10."""
    digits, key = "", []
    for letter in name + "\0":
        if letter.isdigit():
            digits += letter
            continue
        if digits:
            key.append((int(digits), ""))
            digits = ""
        key.append((-1, letter))
    return key
