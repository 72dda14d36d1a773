"""What the recorder asks of those that have frames of their own to be written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class FrameSource(Protocol):
    """Told by others, asked by the flusher."""

    def __bool__(self) -> bool:
        """Return whether there is anything to be written."""
        ...

    def frames(self) -> Iterator[bytes]:
        """Yield what is new; it is not told again."""
        ...
