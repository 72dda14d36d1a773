"""The accelerators of the shipped table, and the power that a training draws with each of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from energyprof.errors import InputError
from energyprof.model.range import Range

LOWEST_OF_BOARD: Final = 0.54
"""Least mean power of a whole system relative to its accelerators' board power that a training was measured with:
Switch Transformer on TPUv3, 245 W of 450 W (Patterson et al. 2021, arXiv 2104.10350, table 4)."""
MEASURED_OF_RATING: Final = 0.76
"""Power of a whole machine in intensive trainings relative to its rating: 8 H100, rated 10.2 kW (Newkirk et al. 2025,
arXiv 2506.14551)."""
MEASURED_OF_BOARD: Final = 1.38
"""The same relative to the board power of its accelerators: 0.76 * 10.2 kW by eight of 700 W. Of accelerators whose own
machine is not known."""
HIGHEST_OF_BOARD: Final = 2.03
"""Largest rating of a whole machine relative to its accelerators' board power in the table: DGX A100, 6.5 kW with eight
of 400 W. Of accelerators whose own machine is not known."""

_BRANDS: Final = ("nvidia", "amd", "google", "tesla", "geforce", "instinct", "cloud")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One line of the table; None: not known."""

    name: str
    year: int
    board_w: float | None
    """Board, chip or thermal design power, as its maker calls it; None: it states none."""
    peak_flops: float
    """Operations a second, dense, 16-bit floating point."""
    machine_w: float | None
    """Largest power of the maker's machine, by its accelerators."""
    system_w: tuple[float, float] | None
    """Lowest and highest mean power of a whole system, by its accelerators, measured in published trainings."""
    usd_per_hour: tuple[float, float] | None
    """Preemptible and on demand."""
    price_year: int | None
    source: str
    further: str
    seen: tuple[str, ...] = ()
    """Of `board` and `peak` those that were found alike in public text of others; the rest is not checked."""

    @property
    def power_w(self) -> Range | None:
        """Mean power in a training, of a whole system: its part of the host included, in the middle and in both bounds.

        None: neither its maker nor anybody who measured tells of any.

        The middle of what was measured; the upper bound is never less than board power. Where nobody has measured: the
        part of its machine's rating that others were measured with, from the least part of board power that any
        training was measured with up to that rating.
        """
        if self.system_w is not None:
            low_w, high_w = self.system_w
            return Range((low_w + high_w) / 2, low_w, max(high_w, self.board_w or 0.0))
        if self.board_w is None:
            return None
        low_w = LOWEST_OF_BOARD * self.board_w
        if self.machine_w is not None:
            return Range(MEASURED_OF_RATING * self.machine_w, low_w, self.machine_w)
        return Range(MEASURED_OF_BOARD * self.board_w, low_w, HIGHEST_OF_BOARD * self.board_w)

    @property
    def power_basis(self) -> str:
        """What `power_w` rests on, in words."""
        if self.board_w is None:
            return "its maker states no power, and no training was measured with it"
        if self.system_w is not None:
            return (
                f"the middle of whole systems measured in published trainings "
                f"({self.further.removeprefix('measured: ')}), at most that or its board power of {self.board_w:g} W"
            )
        least = (
            f"{LOWEST_OF_BOARD:.2f} of its board power of {self.board_w:g} W, the least a training was measured with "
            "(arXiv 2104.10350 table 4)"
        )
        if self.machine_w is not None:
            return (
                f"{MEASURED_OF_RATING:.2f} of the rating of its maker's machine "
                f"({self.further.removeprefix('machine: ')}), by its accelerators: what intensive trainings on 8 H100 "
                f"took of theirs (arXiv 2506.14551); from {least}, to the rating"
            )
        return (
            f"{MEASURED_OF_BOARD:.2f} of its board power, host included, as measured of 8 H100 (arXiv 2506.14551); "
            f"from {least}, to {HIGHEST_OF_BOARD:.2f} of it, the highest rating of a machine in the table (DGX A100)"
        )


def shipped() -> tuple[Accelerator, ...]:
    """Return the table that comes with energyprof, oldest first within each maker."""
    return read_table(files("energyprof.footprint").joinpath("accelerators.csv").read_text("utf-8").splitlines())


def read_table(lines: Iterable[str]) -> tuple[Accelerator, ...]:
    """Return the rows of a table in the shipped form; comment lines begin with `#`."""
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return tuple(map(_accelerator, rows))


def find(name: str, table: Iterable[Accelerator]) -> Accelerator:
    """Return the one of this name, whatever its case, or the only one that begins so; raises InputError."""
    wanted = _key(name)
    known = tuple(table)
    for one in known:
        if _key(one.name) == wanted:
            return one
    alike = [one for one in known if _key(one.name).startswith(wanted)] if wanted else []
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise InputError(f"{name} may be {' or '.join(one.name for one in alike)}; name one of them")
    names = ", ".join(one.name for one in known)
    raise InputError(f"no accelerator {name!r} in the table; it has {names}; for another: --watts and --peak-tflops")


def _accelerator(row: dict[str, str]) -> Accelerator:
    return Accelerator(
        name=row["name"],
        year=int(row["year"]),
        board_w=float(row["board_w"]) if row["board_w"] else None,
        peak_flops=float(row["peak_tflops"]) * 1e12,
        machine_w=float(row["machine_w"]) if row["machine_w"] else None,
        system_w=_pair(row["system_low_w"], row["system_high_w"]),
        usd_per_hour=_pair(row["usd_low"], row["usd_high"]),
        price_year=int(row["price_year"]) if row["price_year"] else None,
        source=row["source"],
        further=row["further"],
        seen=tuple((row.get("seen") or "").split()),
    )


def _pair(low: str, high: str) -> tuple[float, float] | None:
    return (float(low), float(high)) if low and high else None


def _key(name: str) -> str:
    key = "".join(filter(str.isalnum, name.lower()))
    for brand in _BRANDS:
        key = key.removeprefix(brand)
    return key
