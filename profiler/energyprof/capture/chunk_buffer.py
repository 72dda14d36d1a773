"""Small pieces wait here until they make a chunk worth storing: a chunk costs some 300 bytes of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from energyprof.capture.columns import Columns, joined, picked

ROWS_PER_CHUNK = 1 << 14
MOST_ROWS = (1 << 16) - 1


class ChunkBuffer(Generic[Columns]):
    """Pieces of one kind (and one domain), with the moment when the oldest of them came."""

    def __init__(
        self,
        kind: type[Columns],
        pack: Callable[[Columns], bytes],
        in_order: Callable[[Columns], Columns] | None = None,
    ) -> None:
        """Make an empty buffer; `in_order` puts rows into the order that `pack` wants, where they come in another."""
        self._kind: type[Columns] = kind
        self._pack: Callable[[Columns], bytes] = pack
        self._in_order: Callable[[Columns], Columns] | None = in_order
        self._pieces: list[Columns] = []
        self._rows = 0
        self._oldest_ns = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, piece: Columns, now_ns: int) -> None:
        """Keep a piece."""
        if not self._rows:
            self._oldest_ns = now_ns
        if len(piece):
            self._pieces.append(piece)
            self._rows += len(piece)

    def is_due(self, now_ns: int, age_ns: int) -> bool:
        """Tell whether what waits makes a full chunk or has waited long enough."""
        return self._rows >= ROWS_PER_CHUNK or (self._rows > 0 and now_ns - self._oldest_ns >= age_ns)

    def take(self) -> list[tuple[int, bytes]]:
        """Return all that waits as (rows, packed chunk)."""
        together = joined(self._kind, self._pieces)
        if self._in_order is not None:
            together = self._in_order(together)
        parts = [picked(together, slice(at, at + MOST_ROWS)) for at in range(0, len(together), MOST_ROWS)]
        self._pieces = []
        self._rows = 0
        return [(len(part), self._pack(part)) for part in parts]
