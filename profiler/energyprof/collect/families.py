"""Whose power a domain speaks of: a model serves what no sensor covers, and only that.

Domains of different sources have different names for the same power (`cpu:0:package`, `psys`, the model's `cpu`). What
may not be added up is told by family: `cpu`, `dram`, or a device (`gpu:0`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from energyprof.model.domain import Domain, counted_ids, is_whole
from energyprof.model.ids import DomainId

_HOST: Final = ("cpu", "dram")
_PLATFORMS: Final = ("psys", "module")
"""First words of domains that hold CPU and memory: RAPL's platform, a board's input, a superchip."""


def family_of(id_: DomainId) -> str:
    """Return the family of a domain: that of all sockets' CPUs or memory, else the device itself."""
    words = id_.split(":")
    return words[0] if words[0] in _HOST else ":".join(words[:2])


def covers(id_: DomainId, family: str) -> bool:
    """Return whether the domain holds the power of the family, alone or with more."""
    kind = id_.partition(":")[0]
    on_board = family in _HOST and (kind in _PLATFORMS or (kind == "rail" and family in id_))
    return is_whole(id_) or on_board or family_of(id_) == family


def covered(sensors: Iterable[Domain], family: str) -> bool:
    """Return whether sensors measure the family; a whole machine shown beside finer ones for comparison does not."""
    return any(covers(id_, family) for id_ in counted_ids(sensors))


def overlaps(id_: DomainId, modelled: Iterable[DomainId]) -> bool:
    """Return whether a sensor's domain would be added to models that hold its power already.

    A model of the CPU is one of the machine around it, with its memory. A whole machine is only shown beside it.
    """
    families = {family_of(model) for model in modelled}
    held = families | ({"dram"} if "cpu" in families else set())
    return not is_whole(id_) and any(covers(id_, family) for family in held)
