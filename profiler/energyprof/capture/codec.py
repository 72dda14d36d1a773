"""Integer columns to few bytes and back: differences, the narrowest width, bytes shuffled, zlib level 1.

Shuffling puts the high bytes of all values side by side, where they compress to almost nothing; noisy low bytes cost
what they must. A packed column is a header (`_HEADER`) and a zlib stream, so columns can be put one after another.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from energyprof.errors import CaptureError
from energyprof.model.span import Ints

_HEADER: Final = struct.Struct("<BBIIqq")
"""Order of differences (0..2), width in bytes, rows, bytes of the stream, least difference, first value."""

_WIDTHS: Final = (1, 2, 4, 8)
_LEVEL: Final = 1  # level 6 takes three times as long for 3 % less


def pack_columns(columns: Sequence[NDArray[np.integer]], orders: Sequence[int]) -> bytes:
    """Return the columns packed one after another, each as differences of the given order (0: the values)."""
    return b"".join(_pack(column, order) for column, order in zip(columns, orders, strict=True))


def unpack_columns(packed: bytes, count: int, only_first: bool = False) -> list[Ints]:
    """Return `count` columns, which are all there are unless `only_first`; raises CaptureError where they are not."""
    columns = []
    at = 0
    for _ in range(count):
        column, at = _unpack(packed, at)
        columns.append(column)
    if at != len(packed) and not only_first:
        raise CaptureError("a block has bytes left over")
    return columns


def _pack(column: NDArray[np.integer], order: int) -> bytes:
    values = column.astype(np.int64)
    start = 0
    if order and len(values):
        start = int(values[0])
        values = np.diff(values, prepend=values[0])
        if order == 2:
            values = np.diff(values, prepend=0)
    least = int(values.min()) if len(values) else 0
    raised = (values - least).view(np.uint64)  # wraps around where the range exceeds 63 bits, and back when read
    most = int(raised.max(initial=0))
    width = next(width for width in _WIDTHS if most < 1 << (8 * width))
    narrow = raised.astype(f"<u{width}")
    planes = narrow.view(np.uint8).reshape(-1, width).T.tobytes()
    stream = zlib.compress(planes, _LEVEL)
    return _HEADER.pack(order, width, len(values), len(stream), least, start) + stream


def _unpack(packed: bytes, at: int) -> tuple[Ints, int]:
    try:
        order, width, rows, length, least, start = _HEADER.unpack_from(packed, at)
        body = at + _HEADER.size
        planes = zlib.decompress(packed[body : body + length])
    except (struct.error, zlib.error) as error:
        raise CaptureError(f"a block cannot be unpacked ({error})") from error
    if order > 2 or width not in _WIDTHS or len(planes) != rows * width:
        raise CaptureError("a block has an impossible header")
    narrow = np.empty((rows, width), np.uint8)
    for plane, content in enumerate(np.frombuffer(planes, np.uint8).reshape(width, rows)):
        narrow[:, plane] = content
    unsigned = narrow.view(f"<u{width}").reshape(rows)
    values = unsigned.view(np.int64) if width == 8 else unsigned.astype(np.int64)
    values += least
    for _ in range(order):
        np.cumsum(values, out=values)
    if order:
        values += start
    return values, body + length
