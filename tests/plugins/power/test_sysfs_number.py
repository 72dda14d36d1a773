"""A number read from a file kept open: what it says now, or a fault that says what kind of gap it is."""

from __future__ import annotations

import errno
import os

import pytest

from energyprof.model.domain import ReadStatus
from energyprof_plugins.power.sysfs_number import Fault, SysfsNumber, names_in


class Disk:
    """Opens real files until it is told to refuse."""

    def __init__(self):
        self.refusal = None
        self.openings = 0

    def open(self, path, flags):
        self.openings += 1
        if self.refusal is not None:
            raise OSError(self.refusal, os.strerror(self.refusal))
        return os.open(path, flags)


def test_number_is_read_anew_through_one_descriptor(tmp_path):
    path, disk = tmp_path / "energy_uj", Disk()
    path.write_text("12\n")
    number = SysfsNumber(str(path), disk.open)

    first = number.read()
    path.write_text("15\n")

    assert (first, number.read(), disk.openings) == (12, 15, 1)
    number.close()
    number.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("123", "was cut short: b'123'"),
        ("<err>\n", "holds no number: b'<err>'"),
    ],
)
def test_what_is_no_whole_number_is_a_gap(tmp_path, text, said):
    path = tmp_path / "energy_uj"
    path.write_text(text)

    assert SysfsNumber(str(path)).read() == Fault(ReadStatus.UNKNOWN, f"{path} {said}")


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.EACCES, ReadStatus.NO_PERMISSION),
        (errno.EPERM, ReadStatus.NO_PERMISSION),
        (errno.ENODEV, ReadStatus.LOST),
        (errno.ENOENT, ReadStatus.LOST),
        (errno.ESTALE, ReadStatus.LOST),
        (errno.EOPNOTSUPP, ReadStatus.NOT_SUPPORTED),
        (errno.ETIMEDOUT, ReadStatus.TIMEOUT),
        (errno.EIO, ReadStatus.UNKNOWN),
    ],
)
def test_each_refusal_of_the_system_is_told_apart(tmp_path, number, status):
    disk = Disk()
    disk.refusal = number

    assert SysfsNumber(str(tmp_path / "x"), disk.open).read() == Fault(
        status, f"{tmp_path / 'x'}: {os.strerror(number)}"
    )


def test_file_that_comes_back_is_read_again(tmp_path):
    path = tmp_path / "energy_uj"
    number = SysfsNumber(str(path))

    absent = number.read()
    path.write_text("7\n")

    assert (absent, number.read()) == (Fault(ReadStatus.LOST, f"{path}: No such file or directory"), 7)
    number.close()


def test_device_that_was_replaced_under_an_open_file_is_opened_anew(tmp_path):
    path, disk, gone = tmp_path / "energy_uj", Disk(), [errno.ENODEV]
    path.write_text("7\n")

    def read_at(descriptor, count, offset):
        if gone:
            raise OSError(gone.pop(), "No such device")
        return os.pread(descriptor, count, offset)

    number = SysfsNumber(str(path), disk.open, read_at)
    number.open()

    assert (number.read(), disk.openings) == (7, 2)
    number.close()


def test_names_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("hwmon10", "hwmon2", "intel-rapl:0:1", "intel-rapl:0"):
        (tmp_path / name).mkdir()

    assert names_in(str(tmp_path)) == ["hwmon2", "hwmon10", "intel-rapl:0", "intel-rapl:0:1"]
    assert names_in(str(tmp_path / "none")) == []
