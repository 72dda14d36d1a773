"""Attribution values (frozen dataclasses of numbers, texts and columns) to bytes and back; no pickle, no code.

A JSON text names dataclass and fields; columns follow it as raw bytes, to which the text refers by number. Both are
compressed together.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import fields, is_dataclass
from typing import Any, Final

import numpy as np

from energyprof.errors import CaptureError
from energyprof.model.attribution import (
    Attribution,
    DomainAttribution,
    EnergyColumns,
    FunctionEnergy,
    FunctionTable,
    LedgerLine,
    RankEnergy,
    RankTimes,
    RepeatedCall,
    RepeatedWhole,
    RepeatFigures,
    SensorFit,
    StageTimes,
    StepEnergy,
    Unsplit,
)
from energyprof.model.stacks import Function
from energyprof.model.trace import Flows

_KINDS: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (
        Attribution,
        DomainAttribution,
        EnergyColumns,
        Flows,
        Function,
        FunctionEnergy,
        FunctionTable,
        LedgerLine,
        RankEnergy,
        RankTimes,
        RepeatFigures,
        RepeatedCall,
        RepeatedWhole,
        SensorFit,
        StageTimes,
        StepEnergy,
        Unsplit,
    )
}
_DTYPES: Final = {name: np.dtype(name) for name in ("<f8", "<i8", "<i4", "|u1", "|b1")}
_LENGTH: Final = struct.Struct("<Q")


def pack_value(value: object) -> bytes:
    """Return the value as bytes; raises TypeError for a kind of value that no attribution holds."""
    columns: list[bytes] = []
    text = json.dumps(_plain(value, columns), separators=(",", ":")).encode("ascii")
    return zlib.compress(b"".join((_LENGTH.pack(len(text)), text, *columns)), 1)


def unpack_value(packed: bytes) -> Any:
    """Return what was packed; raises CaptureError where the bytes hold no such value, TypeError for unknown fields."""
    try:
        whole = zlib.decompress(packed)
        (length,) = _LENGTH.unpack_from(whole)
        text = json.loads(whole[_LENGTH.size : _LENGTH.size + length])
    except (zlib.error, struct.error, ValueError) as error:
        raise CaptureError(f"a result cannot be unpacked ({error})") from error
    return _made(text, memoryview(whole)[_LENGTH.size + length :])


def _plain(value: object, columns: list[bytes]) -> Any:
    if isinstance(value, np.ndarray):
        dtype = value.dtype.newbyteorder("<").str
        if dtype not in _DTYPES or value.ndim not in (1, 2):
            raise TypeError(f"a result holds a column of {value.ndim} dimensions of {value.dtype}")
        columns.append(np.ascontiguousarray(value, dtype).tobytes())
        return {"column": dtype, "at": sum(map(len, columns[:-1])), "shape": value.shape}
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value):
        if type(value).__name__ not in _KINDS:
            raise TypeError(f"a result holds a {type(value).__name__}")
        return {
            "kind": type(value).__name__,
            "fields": {field.name: _plain(getattr(value, field.name), columns) for field in fields(value)},
        }
    if isinstance(value, tuple):
        return [_plain(item, columns) for item in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"a result holds a {type(value).__name__}")


def _made(plain: Any, columns: memoryview) -> Any:
    if isinstance(plain, list):
        return tuple(_made(item, columns) for item in plain)
    if not isinstance(plain, dict):
        return plain
    if "column" in plain:
        shape = plain["shape"]
        return np.frombuffer(columns, _DTYPES[plain["column"]], math.prod(shape), plain["at"]).reshape(shape)
    return _KINDS[plain["kind"]](**{name: _made(item, columns) for name, item in plain["fields"].items()})
