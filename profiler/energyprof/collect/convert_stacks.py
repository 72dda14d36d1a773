"""Sampled stacks of all processes: functions and calls known once over the whole run, samples as columns."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

import numpy as np

from energyprof.model.span import Flags, Index
from energyprof.model.stacks import Function, Samples, StackNodes

NODE_LIMIT = 1_000_000
"""Calls kept; what is called deeper then counts to the last one known."""
FUNCTION_LIMIT = 100_000
"""Functions kept; later ones are OTHER: a program that makes its functions as it goes never ends."""
OTHER = Function("<other>", "", 0)
_PACKAGE = re.escape(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_OURS = re.compile(rf"{_PACKAGE}/(record/|in_process/|bootstrap\.py)|.*/energyprof_plugins/instruments/")
"""Files whose functions work inside the program, and are none of its own: what they take counts to their callers."""


_IMPORT = "<frozen importlib"
"""What CPython calls the files of its import system, which are part of the interpreter: Lib/importlib/_bootstrap.py."""


class StackSink(Protocol):
    """Where converted stacks go; the capture's writer is one."""

    def add_functions(self, functions: Sequence[Function]) -> None:
        """Take functions; they are counted on from those taken before."""
        ...

    def add_stack_nodes(self, nodes: StackNodes) -> None:
        """Take calls; they are counted on from those taken before."""
        ...

    def add_samples(self, samples: Samples) -> None:
        """Take samples; their functions and calls have been taken before."""
        ...


class StackTable:
    """Functions and calls of a run."""

    def __init__(self, limit: int = NODE_LIMIT) -> None:
        self._limit = limit
        self._functions: dict[Function, int] = {}
        self._nodes: dict[tuple[int, int], int] = {}
        self._handed_on = (0, 0)
        self._importing: list[bool] = []
        """Per function and, in `_within`, per call: it imports a module."""
        self._within: list[bool] = []

    def function(self, function: Function) -> int:
        """Return the index of a function."""
        if len(self._functions) >= FUNCTION_LIMIT and function not in self._functions:
            function = OTHER
        index = self._functions.setdefault(function, len(self._functions))
        if index == len(self._importing):
            self._importing.append(function.file.startswith(_IMPORT))
        return index

    def node(self, parent: int, function: int) -> int:
        """Return the index of a call."""
        key = (parent, function)
        if key not in self._nodes and len(self._nodes) >= self._limit and parent >= 0:
            return parent
        index = self._nodes.setdefault(key, len(self._nodes))
        if index == len(self._within):
            self._within.append(self._importing[function] or (parent >= 0 and self._within[parent]))
        return index

    def is_import(self, node: Index) -> Flags:
        """Tell per call whether it is made while a module is imported."""
        return np.array([self._within[at] for at in node.tolist()], np.bool_)

    @property
    def handed_on(self) -> tuple[int, int]:
        """How many functions and calls have been handed on."""
        return self._handed_on

    def go_on(self, handed_on: Sequence[int]) -> None:
        """Take up where so many had been handed on; all announcements until then have been taken again."""
        functions, nodes = handed_on
        self._handed_on = functions, nodes

    def hand_on(self, sink: StackSink) -> None:
        """Hand on what is new."""
        functions, nodes = self._handed_on
        self._handed_on = len(self._functions), len(self._nodes)
        if len(self._functions) > functions:
            sink.add_functions(list(self._functions)[functions:])
        if len(self._nodes) > nodes:
            parent, function = np.array(list(self._nodes)[nodes:], np.int32).T
            sink.add_stack_nodes(StackNodes(parent.copy(), function.copy()))


class ProcessStacks:
    """One process's side: its numbers for code and stacks, and when it was looked at last."""

    def __init__(self, table: StackTable) -> None:
        self._table = table
        self._functions: dict[int, int] = {}
        self._ours: set[int] = set()
        """Codes that are none of the program's."""
        self._nodes: dict[int, int] = {}
        self._without_line: set[int] = set()
        """Stacks whose innermost function is ours, so that nobody knows the line of the one that stands for it."""
        self.looked_ns: int | None = None
        """CLOCK_MONOTONIC of the last look at the main thread."""
        self._any_ns: int | None = None
        """The same of the last look at other threads; they are also looked at while the main thread waits."""

    def take_codes(self, rows: list[dict[str, Any]]) -> None:
        """Take announced code objects."""
        for row in rows:
            asking = tuple(map(int, row.get("asking", ())))
            function = Function(row["name"], os.path.normpath(row["file"]), int(row["line"]), asking)
            if _OURS.match(function.file):
                self._ours.add(row["code"])
                continue
            self._functions[row["code"]] = self._table.function(function)

    def take_stacks(self, payload: bytes) -> None:
        """Take announced stacks."""
        values = np.frombuffer(payload, "<i8").tolist()
        at = 0
        while at + 2 <= len(values):
            number, depth = values[at], values[at + 1]
            node = -1
            codes = values[at + 2 : at + 2 + depth]
            if codes and codes[0] in self._ours:
                self._without_line.add(number)
            for code in reversed(codes):
                if code in self._ours:
                    continue
                known = self._functions.get(code)
                node = self._table.node(node, self._table.function(OTHER) if known is None else known)
            self._nodes[number] = node
            at += 2 + depth

    def samples(
        self, payload: bytes, pid: int, monotonic_ns: Callable[[int], int], signalled_ns: int | None
    ) -> Samples:
        """Return the samples of a SAMPLES frame; the first one stands for no time before the first signal.

        Without that instant it stands for none at all, nor does one that could not wait for the one before it.
        """
        rows: list[tuple[int, int, int, int, int, int]] = []
        told = np.frombuffer(payload, "<i8").reshape(-1, 4)
        # The handler may come in while another thread looks.
        for clock_ns, look in groupby(told[np.argsort(told[:, 0], kind="stable")].tolist(), itemgetter(0)):
            t_ns = monotonic_ns(clock_ns)
            main_ns, any_ns = self.looked_ns, self._any_ns
            for _, tid, stack, line in look:
                if not stack:
                    self.looked_ns = None if signalled_ns is None else max(t_ns, signalled_ns)
                    self._any_ns = self.looked_ns
                    continue
                before_ns = main_ns if tid == pid else any_ns
                if tid == pid:
                    self.looked_ns = t_ns
                self._any_ns = t_ns
                start_ns = t_ns if before_ns is None else min(before_ns, t_ns)
                rows.append(
                    (pid, tid, start_ns, t_ns, self._nodes.get(stack, -1), 0 if stack in self._without_line else line)
                )
        table = np.array([row for row in rows if row[4] >= 0], np.int64).reshape(-1, 6)
        narrow = [table[:, at].astype(np.int32) for at in (0, 1, 4, 5)]
        return Samples(narrow[0], narrow[1], table[:, 2].copy(), table[:, 3].copy(), narrow[2], narrow[3])
