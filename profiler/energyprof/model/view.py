"""What of a run is to be shown: which stages, of which power domains, in how fine detail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from energyprof.model.span import Flags, Index, Stage

Level = Literal["stage", "layer", "function"]
LEVELS: Final[tuple[Level, ...]] = ("stage", "layer", "function")
ALL_DOMAINS: Final = "all"


@dataclass(frozen=True, slots=True)
class View:
    """The wishes of a reader; as it is, a view of everything down to layers."""

    level: Level = "layer"
    """`stage`: layers count to the stage that calls them; `function`: stages are divided among sampled functions."""
    domain: str = ALL_DOMAINS
    """One domain (`gpu:0`), a family of them (`cpu`), or all."""
    focus: str = ""
    """A regular expression: only stages whose path matches it somewhere, with all below them. Empty: all."""
    ignore: str = ""
    """A regular expression: without the stages that match it, and all below them."""
    each_trial: bool = False
    """Show the trials of a search one by one; else what they do alike is one stage."""
    functions: int | None = None
    """How many functions a picture of it has room for; None: they are not chosen for a picture."""

    def is_partial(self) -> bool:
        """Return whether energy is left out that stages spent."""
        return bool(self.focus or self.ignore or self.domain != ALL_DOMAINS)


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Which stages stand for which of a run in a coarser or narrower view; columns have a row per stage of the run."""

    stages: tuple[Stage, ...]
    """Of the view, parents first."""
    origin: Index
    """Per stage of the view: the stage of the run that it is, others being added to it."""
    place: Index
    """The stage of the view that it belongs to; -1: left out."""
    is_own: Flags
    """False: shown only because of what stands below it; what it spent itself is left out."""
    is_equal: Flags
    """Its calls and its time from start to end are those of the stage of the view, too: not those of a part of it."""

    def is_everything(self) -> bool:
        """Return whether the view shows all stages one by one."""
        return len(self.stages) == len(self.place) and bool(self.is_own.all())
