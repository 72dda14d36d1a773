"""Packed chunks that wait to be stored, and what of them is left out where the file has no room below its bound."""

from __future__ import annotations

from energyprof.capture.schema import ChunkKind, chunk_crc

Chunk = tuple[int, int, int, bytes]
"""kind, part, rows, content."""
_FULL = 15 / 16
"""Part of the bound beyond which nothing long is stored; the rest is for the end of the run."""
_LONG = frozenset({ChunkKind.SPANS, ChunkKind.LANE_RUNS, ChunkKind.READINGS, ChunkKind.CPU, ChunkKind.SAMPLES})


class WaitingChunks:
    """The chunks of one file that are not in it yet, in their order."""

    def __init__(self, limit_bytes: int = 0, stored: int = 0) -> None:
        """Begin for a file that may grow to `limit_bytes` (0: to any size) and holds so many chunks."""
        self._limit = limit_bytes
        self.stored = stored
        """How many chunks are in the file."""
        self.rows_left_out = 0
        self._chunks: list[Chunk] = []

    def __len__(self) -> int:
        return len(self._chunks)

    def add(self, kind: ChunkKind, packed: list[tuple[int, bytes]], part: int = 0) -> None:
        """Have these (rows, content) stored."""
        self._chunks += [(kind, part, rows, content) for rows, content in packed]

    def extend(self, chunks: list[Chunk]) -> None:
        """Have these stored."""
        self._chunks += chunks

    def size_bytes(self) -> int:
        """Return how much room they take."""
        return sum(len(chunk[3]) for chunk in self._chunks)

    def rows(self, file_bytes: int, size_bytes: int) -> list[tuple[object, ...]]:
        """Return what to store as rows of the table of chunks, without what the file has no room for.

        `file_bytes` is the size of the file, `size_bytes` what it will have with all that waits.
        """
        if self._limit and size_bytes > self._limit * _FULL:
            self._leave_out(self._limit * _FULL - file_bytes)
        numbered = enumerate(self._chunks, self.stored + 1)
        return [(at, *chunk[:3], chunk_crc(at, *chunk), chunk[3]) for at, chunk in numbered]

    def has_stored(self) -> None:
        """Take note that the rows are in the file."""
        self.stored += len(self._chunks)
        self._chunks = []

    def _leave_out(self, room: float) -> None:
        """Drop what is of the kinds that can be long and does not fit into `room` bytes."""
        kept = []
        for chunk in self._chunks:
            room -= len(chunk[3]) if chunk[0] in _LONG else 0
            if chunk[0] in _LONG and room < 0:
                self.rows_left_out += chunk[2]
            else:
                kept.append(chunk)
        self._chunks = kept
