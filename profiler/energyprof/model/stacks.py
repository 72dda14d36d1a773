"""Sampled stacks as read-only columns: functions, the tree of calls they were seen in, and one row for each sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Flags, Index, Ints


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the program; what C code does counts to the Python function that called it."""

    name: str
    """Qualified; before Python 3.11 the plain name."""
    file: str
    line: int
    """The first line of its definition."""
    asking_lines: tuple[int, ...] = ()
    """Lines of loops in it that do nothing but ask what the time is, or whether something has changed."""


@dataclass(frozen=True, slots=True, eq=False)
class StackNodes:
    """Calls: a row is a function called in the row `parent`; so a row stands for a whole stack, itself innermost."""

    parent: Index
    """Always smaller than the own row; -1: outermost."""
    function: Index

    def __len__(self) -> int:
        return len(self.parent)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples ordered by (pid, end_ns) and, within one look at a process, by thread."""

    pid: Index
    tid: Index
    start_ns: Ints
    """When the process was looked at before (or sampling began): what a sample stands for began there. A long call
    into C delays the next look, and so weighs what it took."""
    end_ns: Ints
    """When the thread was in this stack."""
    node: Index
    """Row of the stack in StackNodes."""
    line: Index
    """Line of the innermost function; 0: unknown."""

    def __len__(self) -> int:
        return len(self.pid)


@dataclass(frozen=True, slots=True, eq=False)
class Stacks:
    """What sampling has seen."""

    functions: tuple[Function, ...]
    nodes: StackNodes
    samples: Samples

    def outermost(self) -> Flags:
        """Return for each node whether its function stands nowhere above it: where recursion has its total."""
        result = np.ones(len(self.nodes), np.bool_)
        above = self.nodes.parent.copy()
        climbing = np.flatnonzero(above >= 0)
        while len(climbing):
            same = self.nodes.function[above[climbing]] == self.nodes.function[climbing]
            result[climbing[same]] = False
            climbing = climbing[~same]
            above[climbing] = self.nodes.parent[above[climbing]]
            climbing = climbing[above[climbing] >= 0]
        return result

    @staticmethod
    def none() -> Stacks:
        """Return no samples."""
        index, times = np.zeros(0, np.int32), np.zeros(0, np.int64)
        return Stacks((), StackNodes(index, index), Samples(index, index, times, times, index, index))
