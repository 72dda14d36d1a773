"""The door of a power source whose devices can be held below a power limit; `energyprof sweep --power-limit` asks.

A limit is the machine's and all its users': it is changed only where somebody asks for that, and put back as found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from energyprof.interfaces import SourceContext
    from energyprof.model.ids import DomainId


class PowerLimit(Protocol):
    """The power limit of one device."""

    domain: DomainId
    device: str
    """What people call it."""
    found_w: float
    """As it was before anybody here changed it."""
    lowest_w: float
    highest_w: float

    def hold(self, limit_w: float) -> None:
        """Set the limit and see that it is taken; raises SourceError with the remedy."""
        ...

    def put_back(self) -> None:
        """Set what was found, where `hold` was called; a second call does nothing.

        Raises SourceError that tells how to do it by hand.
        """
        ...


@runtime_checkable
class LimitSource(Protocol):
    """A source that can set the power limits of its devices."""

    def power_limits(self, context: SourceContext) -> Sequence[PowerLimit]:
        """Return the limits of the devices that the program can use, and change none.

        They work until `close`. Raises SourceError where there is no device, or none with a limit that can be set.
        """
        ...
