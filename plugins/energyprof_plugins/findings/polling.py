"""Who polls: functions that only ask whether something is there, who calls them, and loops that do nothing but ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from energyprof.model.report import FunctionRow
from energyprof.model.span import Flags, Index
from energyprof.model.stacks import Function, Stacks

ASKING: Final = (
    ("threading.py", ("is_set", "isSet", "is_alive", "locked")),
    ("queue.py", ("empty", "full", "qsize", "get_nowait", "put_nowait")),
    ("futures/_base.py", ("done", "running", "cancelled")),
    ("subprocess.py", ("poll", "_internal_poll")),
    ("asyncio/queues.py", ("empty", "full", "qsize", "get_nowait", "put_nowait")),
    ("multiprocessing/synchronize.py", ("is_set",)),
    ("multiprocessing/pool.py", ("ready",)),
    ("multiprocessing/process.py", ("is_alive", "exitcode")),
    ("multiprocessing/popen_fork.py", ("poll",)),
    ("multiprocessing/connection.py", ("poll",)),
    ("multiprocessing/queues.py", ("empty", "full", "qsize")),
    ("torch/cuda/streams.py", ("query",)),
)
"""Ends of file names of the standard library and torch, and functions in them that only ask."""
MAY_ASK: Final = (
    *ASKING,
    ("queue.py", ("get", "put")),
    ("multiprocessing/queues.py", ("get", "put")),
    ("futures/_base.py", ("result",)),
)
"""As that, with those that only ask where a loop of the caller goes round by what they raise."""
TAKING: Final = (
    ("queue.py", ("get", "put", "get_nowait", "put_nowait")),
    ("multiprocessing/queues.py", ("get", "put", "get_nowait", "put_nowait")),
)
"""Those of them whose own samples tell whether they brought something."""
WAITING: Final = (("threading.py", ("wait", "wait_for")), ("connection.py", ("wait",)), ("selectors.py", ("select",)))
BRINGING: Final = (("queue.py", ("_get", "_put")), ("threading.py", ("notify",)), ("reduction.py", ("loads", "dumps")))
"""Functions below those that bring what was asked for: who gets something does not ask in vain."""
MOST_BROUGHT: Final = 0.05
"""Of the samples in what a loop asks; a queue that is never empty has a third to a half of them there."""
LEAST_SEEN: Final = 10
"""Samples in a function itself, from which on it is told by them whether it asks in vain."""
LEAST_PART: Final = 0.5
"""Of the samples that asking has in a stage, in which who asks there must stand itself."""


@dataclass(frozen=True, slots=True)
class AskingLoop:
    """What a function does in a stage on lines that only ask."""

    row: FunctionRow
    line: int | None
    """Where it was seen most often; None: only in what it asks."""
    samples: int
    energy_j: float | None
    idle_j: float | None
    """Part of it that is idle power; None: not known, as of `energy_j`."""


def loops_of(stacks: Stacks, rows: Sequence[FunctionRow]) -> list[AskingLoop]:
    """Return the loops of a stage's functions that only ask, with what they ask, most samples first.

    A sample does not tell its stage here: of a function in several stages each has the same part of its samples there.
    """
    by_key = {(row.file, row.line, row.function): row for row in rows}
    innermost = stacks.nodes.function[stacks.samples.node]
    asked, in_vain = _asked_by(stacks, MAY_ASK), _asked_by(stacks, TAKING)
    seen_asking = max((row.total_samples for row in rows if _is_among(row.file, row.function, MAY_ASK)), default=0)
    found = []
    for at, function in enumerate(stacks.functions):
        row = by_key.get((function.file, function.line, function.name))
        if row is None or not row.total_samples or not function.asking_lines:
            continue
        lines = stacks.samples.line[innermost == at]
        # A line that does nothing (`pass`) is never seen, its loop's head is; what it asks tells that it gets nothing.
        if _gets(lines, function) and in_vain.get(at, 0) < LEAST_SEEN:
            continue
        own = lines[np.isin(lines, function.asking_lines)]
        own_share, in_asked = len(own) / max(len(lines), 1), asked.get(at, 0)
        asked_share = min(in_asked / max(_total(stacks, at), 1), seen_asking / row.total_samples)
        if not len(own) and not asked_share:
            continue
        found.append(
            AskingLoop(
                row,
                int(np.bincount(own).argmax()) if len(own) else None,
                round(own_share * row.samples + asked_share * row.total_samples),
                _part_j(row.energy_j, row.total_j, own_share, asked_share),
                _part_j(row.idle_j, row.total_idle_j, own_share, asked_share),
            )
        )
    return sorted(found, key=lambda loop: -loop.samples)


def _part_j(own_j: float | None, total_j: float | None, own_share: float, asked_share: float) -> float | None:
    """Return what a loop takes: what a function spends is not divided among its lines, so by its samples there."""
    if own_j is None or (asked_share and total_j is None):
        return None
    return own_j * own_share + (total_j or 0.0) * asked_share


def _total(stacks: Stacks, function: int) -> int:
    """Return in how many samples a function stands."""
    return int(np.count_nonzero(_below(stacks, stacks.nodes.function == function)[stacks.samples.node]))


def _below(stacks: Stacks, chosen: Flags) -> Flags:
    """Return which nodes are among the chosen ones, or stand below one."""
    result = chosen.copy()
    for node, above in enumerate(stacks.nodes.parent.tolist()):  # parents stand first
        result[node] |= above >= 0 and result[above]
    return result


def _asked_by(stacks: Stacks, whom: Sequence[tuple[str, tuple[str, ...]]]) -> dict[int, int]:
    """Return of each function with a loop that asks in how many samples it was in what it asks, and got nothing.

    `whom`: what it asks, ends of file names and functions.
    """
    parent, function = stacks.nodes.parent, stacks.nodes.function
    kinds = [[_is_of(one, names) for one in stacks.functions] for names in (whom, WAITING, BRINGING)]
    may_ask, waits, brings = (np.array(kind, np.bool_)[function] for kind in kinds)
    loops = np.array([bool(one.asking_lines) for one in stacks.functions], np.bool_)[function]
    starts = may_ask & (parent >= 0) & loops[parent]
    caller = np.where(starts, function[parent], -1)
    for child, above in enumerate(parent.tolist()):
        if above >= 0 and caller[child] < 0:
            caller[child] = caller[above]
    waiting, brought = _below(stacks, waits), _below(stacks, brings)
    node = stacks.samples.node
    asked: dict[int, int] = {}
    for at in np.unique(caller[node][caller[node] >= 0]).tolist():
        inside = (caller[node] == at) & ~waiting[node]
        samples, got = int(np.count_nonzero(inside)), int(np.count_nonzero(inside & brought[node]))
        if samples and got <= MOST_BROUGHT * samples:
            asked[at] = samples
    return asked


def where_it_loops(loop: AskingLoop) -> str:
    """Return where it is looked for: `wait_until (poll.py:6), line 8`."""
    where = "" if loop.row.function == "<module>" else f" ({_file(loop.row)}:{loop.row.line})"
    return f"{called(loop.row)}{where}" + ("" if loop.line is None else f", line {loop.line}")


def only_asks(file: str, function: str) -> bool:
    """Return whether a function of this qualified name is one of those."""
    return _is_among(file, function, ASKING)


def _is_of(one: Function, places: Sequence[tuple[str, tuple[str, ...]]]) -> bool:
    return _is_among(one.file, one.name, places)


def _is_among(file: str, function: str, places: Sequence[tuple[str, tuple[str, ...]]]) -> bool:
    ending, name = file.replace("\\", "/"), function.rpartition(".")[2]
    return any(ending.endswith(f"/{end}") and name in names for end, names in places)


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


def gets_what_it_asks_for(stacks: Stacks, row: FunctionRow) -> bool:
    """Return whether a function has rounds that bring nothing, and is hardly ever seen in one.

    `while not stop.is_set(): try: item = items.get_nowait() except Empty: pass else: use(item)` of a queue that is full
    looks at the event once for each item: what it asks so often is no waiting.
    """
    key = row.file, row.line, row.function
    at = next((at for at, one in enumerate(stacks.functions) if (one.file, one.line, one.name) == key), -1)
    return at >= 0 and _gets(
        stacks.samples.line[stacks.nodes.function[stacks.samples.node] == at], stacks.functions[at]
    )


def _gets(lines: Index, function: Function) -> bool:
    """Return whether these lines, at which a function was seen itself, are hardly ever those that ask in vain."""
    in_vain = np.count_nonzero(np.isin(lines, function.asking_lines))
    return bool(function.asking_lines) and len(lines) >= LEAST_SEEN and bool(in_vain <= MOST_BROUGHT * len(lines))


def works_beside(stacks: Stacks, asking: Sequence[FunctionRow]) -> bool:
    """Return whether another thread of the process is seen in other functions than these while these ask.

    Threads share one interpreter: who asks all the time keeps the others from working.
    """
    keys = {(row.file, row.line, row.function) for row in asking}
    asks = np.array([(one.file, one.line, one.name) in keys for one in stacks.functions], np.bool_)
    kinds = np.array([_is_of(one, WAITING) for one in stacks.functions], np.bool_)
    node, tid, pid = stacks.samples.node, stacks.samples.tid, stacks.samples.pid
    of_asking, waiting = (_below(stacks, kind[stacks.nodes.function])[node] for kind in (asks, kinds))
    askers = set(zip(pid[of_asking].tolist(), tid[of_asking].tolist(), strict=True))
    others = ~of_asking & ~waiting & np.isin(pid, pid[of_asking])
    beside = [one not in askers for one in zip(pid[others].tolist(), tid[others].tolist(), strict=True)]
    return sum(beside) >= LEAST_SEEN


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
