"""How fast an accelerator is with numbers of a type other than the 16-bit ones of the table of accelerators."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Final

from energyprof.errors import InputError
from energyprof.footprint.accelerators import Accelerator

SIXTEEN_BITS: Final = ("bf16", "fp16")
DTYPES: Final = ("fp32", "tf32", *SIXTEEN_BITS, "fp8", "int8")


def shipped_peaks() -> dict[str, dict[str, float]]:
    """Return operations a second by accelerator and type, of what is known."""
    return {row["name"]: {dtype: float(row[dtype]) * 1e12 for dtype in DTYPES if row.get(dtype)} for row in _rows()}


def lacking() -> dict[str, tuple[str, ...]]:
    """Return the 16-bit types that an accelerator has no unit for, by its name."""
    return {row["name"]: tuple(row["lacks"].split()) for row in _rows() if row["lacks"]}


def peak_flops(accelerator: Accelerator, dtype: str) -> float:
    """Return its dense operations a second with numbers of a type; raises InputError where they are not known."""
    known, lacks = shipped_peaks().get(accelerator.name, {}), lacking().get(accelerator.name, ())
    if dtype in lacks:
        able = next(one for one in SIXTEEN_BITS if one not in lacks)
        raise InputError(
            f"{accelerator.name} has no unit for {dtype}, which it can only mimic; give --dtype {able}, or "
            "--peak-tflops, what it reaches so"
        )
    if dtype in SIXTEEN_BITS and dtype not in known:
        return accelerator.peak_flops
    if dtype not in known:
        told = ", ".join(one for one in DTYPES if (one in SIXTEEN_BITS and one not in lacks) or one in known)
        raise InputError(
            f"the table has no peak of {accelerator.name} for {dtype}, only for {told}; give --peak-tflops, its peak"
        )
    return known[dtype]


def _rows() -> list[dict[str, str]]:
    text = files("energyprof.footprint").joinpath("dtype_peaks.csv").read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
