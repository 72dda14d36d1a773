"""Names without which no function has a loop that does nothing but ask, unless it calls nothing at all.

Looked for before a function is disassembled, which takes 2 us for each byte of it: a parser of 8 KB took 17 ms.
"""

from __future__ import annotations

from energyprof.record.while_loops import has_idle_while

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

CLOCKS = frozenset({
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "now", "utcnow",
})  # fmt: skip
"""Of `time`, `datetime` and event loops."""
ASKING = frozenset({
    "is_set", "isSet", "is_alive", "locked", "empty", "full", "qsize", "done", "running", "cancelled", "poll", "query",
})  # fmt: skip
"""Of locks, queues, futures and processes, where they stand by a clock."""
ASKING_ALONE = frozenset({"is_set", "isSet", "is_alive", "locked", "empty", "full", "done", "cancelled", "ready"})
"""Of these, what never waits either, whoever has it."""
TRYING = "acquire"
"""Of locks; does not wait where it is told not to."""
NOT_WAITING = frozenset({"get_nowait", "put_nowait", "recv_nowait", "recv_string", "recv_pyobj", "recv_json"})
MAY_WAIT = frozenset({"get", "put", "recv", "recvfrom", "recv_into", "accept", "result", "pop", "popleft", "receive"})
"""Do not, where what they raise says that nothing is there."""
NOTHING_THERE = frozenset({
    "Empty", "Full", "QueueEmpty", "QueueFull", "BlockingIOError", "WouldBlock", "InvalidStateError", "Again",
    "IndexError",
})  # fmt: skip
"""Of `queue`, `asyncio`, sockets, `anyio`, futures, pyzmq, and `collections.deque`."""


def may_ask(code: CodeType) -> bool:
    """Return whether `code` may have such a loop; never False where it has one."""
    names = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    if not names.isdisjoint(_FOUND_ALONE):
        return True
    if not names.isdisjoint(MAY_WAIT) and not names.isdisjoint(NOTHING_THERE):
        return True
    return has_idle_while(code)


_FOUND_ALONE = CLOCKS | ASKING | ASKING_ALONE | NOT_WAITING | {TRYING}
