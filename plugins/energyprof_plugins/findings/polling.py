"""Who polls: functions that only ask whether something is there, who calls them, and loops that do nothing but ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from energyprof.model.report import FunctionRow
from energyprof.model.span import Index
from energyprof.model.stacks import Stacks

ASKING: Final = (
    ("threading.py", ("is_set", "isSet", "is_alive", "locked")),
    ("queue.py", ("empty", "full", "qsize", "get_nowait", "put_nowait")),
    ("futures/_base.py", ("done", "running", "cancelled")),
    ("subprocess.py", ("poll", "_internal_poll")),
    ("multiprocessing/process.py", ("is_alive", "exitcode")),
    ("multiprocessing/popen_fork.py", ("poll",)),
    ("multiprocessing/connection.py", ("poll",)),
    ("multiprocessing/queues.py", ("empty", "full", "qsize")),
    ("torch/cuda/streams.py", ("query",)),
)
"""Ends of file names of the standard library and torch, and functions in them that only ask."""
LEAST_PART: Final = 0.5
"""Of the samples that asking has in a stage, in which who asks there must stand itself."""


@dataclass(frozen=True, slots=True)
class AskingLoop:
    """What a function does in a stage on lines that only ask."""

    row: FunctionRow
    line: int
    """Where it was seen most often."""
    samples: int
    share: float
    """Of the function's samples, over all stages, 0..1."""


def loops_of(stacks: Stacks, rows: Sequence[FunctionRow]) -> list[AskingLoop]:
    """Return the loops of a stage's functions that only ask, most samples first.

    A sample does not tell its stage here: of a function in several stages each has the same part of its samples there.
    """
    by_key = {(row.file, row.line, row.function): row for row in rows}
    innermost = stacks.nodes.function[stacks.samples.node]
    found = []
    for at, function in enumerate(stacks.functions):
        row = by_key.get((function.file, function.line, function.name))
        if row is None or not row.samples or not function.asking_lines:
            continue
        lines = stacks.samples.line[innermost == at]
        asking = lines[np.isin(lines, function.asking_lines)]
        if len(asking):
            line = int(np.bincount(asking).argmax())
            share = len(asking) / len(lines)
            found.append(AskingLoop(row, line, round(share * row.samples), share))
    return sorted(found, key=lambda loop: -loop.samples)


def where_it_loops(loop: AskingLoop) -> str:
    """Return where it is looked for: `wait_until (poll.py:6), line 8`."""
    where = "" if loop.row.function == "<module>" else f" ({_file(loop.row)}:{loop.row.line})"
    return f"{called(loop.row)}{where}, line {loop.line}"


def only_asks(file: str, function: str) -> bool:
    """Return whether a function of this qualified name is one of those."""
    ending, name = file.replace("\\", "/"), function.rpartition(".")[2]
    return any(ending.endswith(f"/{end}") and name in names for end, names in ASKING)


def poller_of(stacks: Stacks, rows: Sequence[FunctionRow], asking_samples: int) -> FunctionRow | None:
    """Return which function of a stage called those that ask most often; None: no stack shows it."""
    if not len(stacks.samples):
        return None
    pollers = _poller_nodes(stacks)[stacks.samples.node]
    functions = stacks.nodes.function[pollers[pollers >= 0]]
    often = np.bincount(functions, minlength=len(stacks.functions))
    by_key = {(row.file, row.line, row.function): row for row in rows}
    for at in np.argsort(-often, kind="stable").tolist():
        function = stacks.functions[at]
        row = by_key.get((function.file, function.line, function.name))
        if often[at] and row is not None and row.total_samples >= LEAST_PART * asking_samples:
            return row
    return None


def called(row: FunctionRow) -> str:
    """Return its name; of a module's own code that of its file."""
    return _file(row) if row.function == "<module>" else row.function


def place_of(row: FunctionRow) -> str:
    """Return who asks, and where it is looked for: `consumer (poll.py:6) asks, seen most often at its line 8`."""
    seen = "" if row.hot_line is None else f", seen most often at line {row.hot_line}"
    where = "" if row.function == "<module>" else f" ({_file(row)}:{row.line})"
    return f"{called(row)}{where} asks{seen}"


def _file(row: FunctionRow) -> str:
    return row.file.replace("\\", "/").rpartition("/")[2]


def _poller_nodes(stacks: Stacks) -> Index:
    """Return for each node the row of the call that asks, where the stack is in what only asks; else -1."""
    parent, function = stacks.nodes.parent.tolist(), stacks.nodes.function.tolist()
    is_asking = [only_asks(one.file, one.name) for one in stacks.functions]
    result = [-1] * len(parent)
    for node, above in enumerate(parent):  # parents stand first
        if above >= 0:
            starts = is_asking[function[node]] and not is_asking[function[above]]
            result[node] = above if starts else result[above]
    return np.array(result, np.int32)
