"""The accelerators of the shipped table, and the power that a training draws with each of them."""

from __future__ import annotations

import csv
import re
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
"""The same relative to the board power of its accelerators: 0.76 * 10.2 kW by eight of 700 W. Of modules whose own
machine is not known; of cards it is the upper bound, for a host that serves one or a few of them."""
HIGHEST_OF_BOARD: Final = 2.03
"""Largest rating of a whole machine relative to its accelerators' board power in the table: DGX A100, 6.5 kW with eight
of 400 W. Of modules whose own machine is not known."""
CARD_OF_BOARD: Final = 0.86
"""Power of a whole system with cards in trainings relative to board power: the middle of what systems of V100 were
measured with, 188 W (Strubell et al. 2019, arXiv 1906.02243, table 3) and 330 W (GPT-3; Patterson et al. 2021, arXiv
2104.10350, table 4) for each board of 300 W. Nobody has published it of cards by themselves."""

_MEMORY: Final = re.compile(r"\b(?:\d+\s*GB|HBM\w*)\b", re.IGNORECASE)
_SOCKET: Final = re.compile(r"sxm[2-9]")
_DRIVER_NAMES: Final = {"h10080gbhbm3": "H100-SXM"}
"""What a driver calls a board without its form, by `_key`: of H100 with HBM3 only that of SXM5 has 80 GB (NVIDIA's data
sheet: the PCIe card has HBM2e, and calls itself `NVIDIA H100 PCIe`)."""
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
    is_card: bool = False
    """Whether it is plugged into machines of others; else it is a module of a machine made for eight."""
    seen: tuple[str, ...] = ()
    """Of `board` and `peak` those that were found alike in public text of others; the rest is not checked."""

    @property
    def power_w(self) -> Range | None:
        """Mean power in a training, of a whole system: its part of the host included, in the middle and in both bounds.

        None: neither its maker nor anybody who measured tells of any.

        The middle of what was measured; the upper bound is never less than board power. Where nobody has measured: the
        part of its machine's rating that others were measured with, from the least part of board power that any
        training was measured with up to that rating; of a card the part of board power that systems of V100 took.
        """
        if self.system_w is not None:
            low_w, high_w = self.system_w
            return Range((low_w + high_w) / 2, low_w, max(high_w, self.board_w or 0.0))
        if self.board_w is None:
            return None
        low_w = LOWEST_OF_BOARD * self.board_w
        if self.machine_w is not None:
            return Range(MEASURED_OF_RATING * self.machine_w, low_w, self.machine_w)
        if self.is_card:
            return Range(CARD_OF_BOARD * self.board_w, low_w, MEASURED_OF_BOARD * self.board_w)
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
        if self.is_card:
            return (
                f"{CARD_OF_BOARD:.2f} of its board power, host included, as systems of V100 were measured (arXiv "
                f"1906.02243, 2104.10350); from {least}, to {MEASURED_OF_BOARD:.2f} of it, as measured of 8 H100 with "
                "their host (arXiv 2506.14551)"
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
    """Return the one of this name, whatever its case, or the only one that begins so; raises InputError.

    Names as drivers tell them are understood, too: `NVIDIA A100-SXM4-80GB`. Memory counts only where two of a name
    differ in it.
    """
    known = tuple(table)
    bare = _MEMORY.sub(" ", name)
    for written in (_DRIVER_NAMES.get(_key(name), name), name, bare):
        wanted = _key(written)
        for one in known:
            if wanted == _key(one.name):
                return one
    alike = [one for one in known if _key(one.name).startswith(_key(bare))] if _key(bare) else []
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise InputError(f"{name} may be {' or '.join(one.name for one in alike)}; name one of them")
    raise InputError(
        f"no accelerator {name!r} in the table{_nearest(name, known)}; --hardware list shows all; for another: "
        "--device-watts, with --peak-tflops where no hours are given"
    )


def _nearest(name: str, known: Iterable[Accelerator]) -> str:
    from difflib import get_close_matches  # here: only who mistypes waits for it

    names = {_key(one.name): one.name for one in known}
    alike = [names[key] for key in get_close_matches(_key(name), names, n=3)]
    return f" (alike: {', '.join(alike)})" if alike else ""


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
        is_card=row.get("form") == "card",
        seen=tuple((row.get("seen") or "").split()),
    )


def _pair(low: str, high: str) -> tuple[float, float] | None:
    return (float(low), float(high)) if low and high else None


def _key(name: str) -> str:
    """Return what two ways of writing one name have in common: no brand, no generation of a socket, memory last."""
    memory = "".join(_MEMORY.findall(name))
    key = _SOCKET.sub("sxm", "".join(filter(str.isalnum, (_MEMORY.sub(" ", name) + memory).lower())))
    for brand in _BRANDS:
        key = key.removeprefix(brand)
    return key.removesuffix("oam")
