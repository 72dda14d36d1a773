"""Names that must not be mixed up: the ids of stages, power domains and lanes."""

from __future__ import annotations

from typing import Final, NewType

StageId = NewType("StageId", str)
DomainId = NewType("DomainId", str)
LaneId = NewType("LaneId", str)


def escape_component(name: str) -> str:
    """Return `name` fit to be one component of a stage id: `%` and `/` percent-escaped, all else as it is."""
    return name.replace("%", "%25").replace("/", "%2F")


UNSEEN_CHILDREN = -1
"""In place of a thread's id: what children of the process used that ended unseen, known when they were waited for."""
OWN_READING: Final = -(1 << 30)
"""Added to a thread's id: what its process has read itself. `OWN_READING - child` under the pid of who made it: what a
child, as a whole, has read itself."""
