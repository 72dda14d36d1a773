"""Which replayed domain contains which: a tree of domains that the file has, or an error that names the wrong link."""

from __future__ import annotations

from collections.abc import Mapping

from energyprof.errors import SourceError
from energyprof.model.ids import DomainId


def check_parents(path: str, parents: Mapping[DomainId, DomainId | None]) -> None:
    """Check the parent of every domain of the file; raises SourceError where one is missing or contains itself."""
    for id_, parent in parents.items():
        if parent is not None and parent not in parents:
            raise SourceError(
                f"{path}: parent={parent} of {id_!r} has no rows; give it some, leave the parent out, "
                f"or name one of: {', '.join(parents)}"
            )
    for id_ in parents:
        chain, above = [id_], parents[id_]
        while above is not None and above not in chain:
            chain.append(above)
            above = parents[above]
        if above is not None:
            circle = [*chain[chain.index(above) :], above]
            raise SourceError(
                f"{path}: domain {above!r} contains itself ({' in '.join(circle)}); "
                "leave out the parent of the one that contains the others"
            )
