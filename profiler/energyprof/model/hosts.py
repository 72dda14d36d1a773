"""The hosts of a run that was merged of several, each recorded by a collector of its own.

Processes and threads of the host with number k have `k << HOST_SHIFT` added to their ids, so that no two are alike:
Linux gives out no id of more than 22 bits (proc_sys_kernel(5), pid_max). A host's name stands before its domains' ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from energyprof.model.ids import DomainId, escape_component

if TYPE_CHECKING:
    from energyprof.model.trace import RunFacts

HOST_SHIFT: Final = 22
HOST_LIMIT: Final = 127
"""More do not fit into the columns of pids, which are read together with the marker of `model.ids.OWN_READING`."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host of a merged run."""

    name: str
    run: RunFacts
    """Its own run, by the clock of the merged one."""
    clock: str
    """How its clock was matched with the others', in words with the uncertainty."""


def hosted_id(host: str, id_: DomainId) -> DomainId:
    """Return the id of a host's domain in a merged run: `hostA/gpu:0`."""
    return DomainId(f"{escape_component(host)}/{id_}")
