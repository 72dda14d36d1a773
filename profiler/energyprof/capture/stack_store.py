"""Sampled stacks in a capture: waiting to be stored, packed, and read back.

FUNCTIONS and STACK_NODES chunks hold rows counted on from `part`, the number of the first; SAMPLES refer to nodes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import numpy as np

from energyprof.capture.chunk_buffer import ChunkBuffer
from energyprof.capture.codec import pack_columns, unpack_columns
from energyprof.capture.columns import joined, picked
from energyprof.capture.schema import ChunkKind
from energyprof.capture.table_codec import pack_json, unpack_json
from energyprof.errors import CaptureError
from energyprof.model.stacks import Function, Samples, StackNodes, Stacks

Chunk = tuple[int, int, int, bytes]
"""kind, part, rows, content."""


class StackBuffer:
    """What came of stacks and is not packed yet."""

    def __init__(self) -> None:
        self._functions: list[Function] = []
        self._nodes: list[StackNodes] = []
        self._stored = [0, 0]
        """Functions and calls in the file."""
        self._samples = ChunkBuffer(Samples, _pack_samples, _in_order)

    def __len__(self) -> int:
        return len(self._functions) + len(self._nodes) + len(self._samples)

    def take_up(self, db: sqlite3.Connection) -> None:
        """Go on with a file that holds some already."""
        self._stored = [
            db.execute("SELECT coalesce(sum(rows), 0) FROM chunk WHERE kind = ?", (int(kind),)).fetchone()[0]
            for kind in (ChunkKind.FUNCTIONS, ChunkKind.STACK_NODES)
        ]

    def add_functions(self, functions: Sequence[Function]) -> None:
        """Take functions, counted on from those taken before."""
        self._functions += functions

    def add_nodes(self, nodes: StackNodes) -> None:
        """Take calls, counted on from those taken before."""
        self._nodes.append(nodes)

    def add_samples(self, samples: Samples, now_ns: int) -> None:
        """Take samples."""
        self._samples.add(samples, now_ns)

    def is_due(self, now_ns: int, age_ns: int) -> bool:
        """Tell whether samples wait that are to be stored now."""
        return self._samples.is_due(now_ns, age_ns)

    def take(self) -> list[Chunk]:
        """Return everything packed."""
        chunks: list[Chunk] = []
        if self._functions:
            packed = pack_json([_packed(function) for function in self._functions])
            chunks.append((ChunkKind.FUNCTIONS, self._stored[0], len(self._functions), packed))
            self._stored[0] += len(self._functions)
        for nodes in self._nodes:
            packed = pack_columns((nodes.parent, nodes.function), (1, 0))
            chunks.append((ChunkKind.STACK_NODES, self._stored[1], len(nodes), packed))
            self._stored[1] += len(nodes)
        chunks += [(ChunkKind.SAMPLES, 0, rows, packed) for rows, packed in self._samples.take()]
        self._functions, self._nodes = [], []
        return chunks


def read_stacks(functions: Iterable[bytes], nodes: Iterable[bytes], samples: Iterable[bytes]) -> Stacks:
    """Return the stacks of the packed chunks; raises CaptureError where they do not fit together."""
    known = tuple(_function(row) for packed in functions for row in unpack_json(packed))
    empty = np.zeros(0, np.int64)
    columns = [(empty, empty), *(tuple(unpack_columns(packed, 2)) for packed in nodes)]
    parent, function = (np.concatenate(column) for column in zip(*columns, strict=True))
    rows = joined(Samples, [_unpack_samples(packed) for packed in samples])
    fits = len(parent) == len(function) and bool(((parent >= -1) & (parent < np.arange(len(parent)))).all())
    if not fits or not _below(function, len(known)) or not _below(rows.node, len(parent)):
        raise CaptureError("its stacks do not fit together")
    return Stacks(known, StackNodes(parent.astype(np.int32), function.astype(np.int32)), _in_order(rows))


def _below(column: np.ndarray[tuple[int], np.dtype[np.integer]], limit: int) -> bool:
    return int(column.min(initial=0)) >= 0 and int(column.max(initial=-1)) < limit


def _packed(function: Function) -> list[object]:
    """Return a row; lines that only ask stand behind the rest, where there are any."""
    return [function.name, function.file, function.line, *function.asking_lines]


def _function(row: object) -> Function:
    if not isinstance(row, list) or [type(value) for value in row[:3]] != [str, str, int]:
        raise CaptureError("a block of functions does not fit together")
    if not all(type(line) is int for line in row[3:]):
        raise CaptureError("a block of functions does not fit together")
    return Function(row[0], row[1], row[2], tuple(row[3:]))


def _in_order(samples: Samples) -> Samples:
    return picked(samples, np.lexsort((samples.tid, samples.end_ns, samples.pid)))


def _pack_samples(samples: Samples) -> bytes:
    since_ns = samples.end_ns - samples.start_ns
    columns = (samples.pid, samples.tid, samples.end_ns, since_ns, samples.node, samples.line)
    return pack_columns(columns, (1, 1, 1, 0, 0, 0))


def _unpack_samples(packed: bytes) -> Samples:
    pid, tid, end_ns, since_ns, node, line = columns = unpack_columns(packed, 6)
    if len({len(column) for column in columns}) != 1 or int(since_ns.min(initial=0)) < 0:
        raise CaptureError("a block of samples does not fit together")
    narrow = [column.astype(np.int32) for column in (pid, tid, node, line)]
    return Samples(narrow[0], narrow[1], end_ns - since_ns, end_ns, narrow[2], narrow[3])
