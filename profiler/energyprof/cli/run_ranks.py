"""How the recording of `energyprof run` inside a launcher of ranks is called."""

from __future__ import annotations

from energyprof.record.ranks import rank_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def stem_of_rank(stem: str, environment: Mapping[str, str]) -> str:
    """Return how a recording is called by itself: with the rank, where this is one of several."""
    told = rank_of(environment)
    return f"{stem}-rank{told['rank']}" if told.get("world_size", 1) > 1 else stem
