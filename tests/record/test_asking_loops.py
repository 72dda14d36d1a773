"""Which loops only ask, told from their bytecode."""

from __future__ import annotations

from textwrap import indent
from types import CodeType

import pytest

from energyprof.record.asking_loops import asking_lines

HEAD = "def f(end, here, other, x, wait, queue):\n"


def lines(body: str) -> tuple[int, ...]:
    """Return the lines that only ask, of a function with this body; its first line is line 1."""
    module = compile(HEAD + indent(body, "    "), "loops.py", "exec")
    code = next(one for one in module.co_consts if isinstance(one, CodeType))
    return tuple(line - 1 for line in asking_lines(code))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("while time.time() < end: pass", (1,)),
        ("while perf_counter() - here < 0.5: pass", (1,)),
        ("while True:\n    now = time.monotonic()\n    if now > end:\n        break", (2, 3, 4)),
        ("while not here.is_ready: pass", (1,)),
        ("while here[0] == 0 and loop.time() < end: continue", (1,)),
        ("while queue.empty() and time.time() < end: pass", (1,)),
        ("x = sum(x)\nwhile datetime.now() < end: pass\nreturn x", (2,)),
        ("while not queue.empty(): pass", (1,)),
        ("while not here.done() and not other.is_set(): pass", (1,)),
        ("while not here.acquire(blocking=False): pass", (1,)),
        ("while True:\n    if here.acquire(False):\n        break", (2, 3)),
    ],
    ids=[
        "time",
        "difference",
        "stored",
        "attribute",
        "item and clock",
        "asks and clock",
        "among other work",
        "asks",
        "asks twice",
        "tries a lock by name",
        "tries a lock",
    ],
)
def test_loop_that_only_asks_is_known_by_its_lines(body: str, found: tuple[int, ...]) -> None:
    once = {1, body.count("\n") + 1} if "True" in body else set()  # that of `while True` and, from 3.14 on, of `break`

    assert set(lines(body)) - once == set(found) - once


@pytest.mark.parametrize(
    "body",
    [
        "while time.time() < end:\n    x = x * 1.0001 + 3",
        "while time.time() < end:\n    x += 1",
        "while time.time() < end:\n    here.append(x)",
        "while time.time() < end:\n    here[0] = x",
        "while time.time() < end:\n    here.count = x",
        "while time.time() < end:\n    wait(0.01)",
        "while time.time() < end:\n    time.sleep(0.001)",
        "for one in here:\n    if time.time() > end:\n        break",
        "while time.process_time() < end:\n    pass",
        "while not here.poll(1.0):\n    pass",
        "while not here.acquire():\n    pass",
        "while not here.acquire(timeout=1.0):\n    pass",
        "while here.step():\n    pass",
        "for _ in range(10):\n    pass",
        "time.time()",
    ],
    ids=[
        "computes", "counts", "collects", "writes an item", "writes an attribute", "calls", "sleeps", "goes through",
        "burns CPU time on purpose", "may wait itself", "waits for a lock", "waits a while", "asks anybody",
        "counts down", "no loop",
    ],
)  # fmt: skip
def test_loop_that_does_anything_else_is_none(body: str) -> None:
    assert lines(body) == ()


def test_loop_in_a_loop_that_works_is_known_alone() -> None:
    body = "for one in here:\n    other(one)\n    while time.time() < end:\n        pass\n    end = end + 1"

    assert set(lines(body)) - {4} == {3}


GET = "try:\n        x = {call}\n    except {error}:\n        {then}\n    "
"""Lines 2 to 5 of a loop; 4 and 5 are of rounds that bring nothing."""


@pytest.mark.parametrize(
    ("loop", "call", "error", "then"),
    [
        ("while True", "queue.get_nowait()", "Empty", "continue"),
        ("while not end.is_set()", "queue.get_nowait()", "here.Empty", "continue"),
        ("while here < end", "queue.get(block=False)", "Empty", "continue"),
        ("while True", "queue.put_nowait(x)", "Full", "continue"),
        ("while True", "here.recv(4096)", "BlockingIOError", "continue"),
        ("while True", "queue.popleft()", "IndexError", "continue"),
    ],
)
def test_rounds_of_a_loop_that_bring_nothing_are_known_by_their_lines(
    loop: str, call: str, error: str, then: str
) -> None:
    body = f"{loop}:\n    {GET.format(call=call, error=error, then=then)}if x is None:\n        break\n    other(x)"

    assert lines(body) == (4, 5)


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    other(here)\n    " + GET.format(call="queue.get_nowait()", error="Empty", then="continue"),
        "while True:\n    " + GET.format(call="queue.get_nowait()", error="Empty", then="pass") + "other(here)",
        "while True:\n    " + GET.format(call="queue.get_nowait()", error="Empty", then="wait(0.01)"),
        "while True:\n    " + GET.format(call="queue.get_nowait()", error="Empty", then="x += 1"),
        "while True:\n    " + GET.format(call="queue.get_nowait()", error="Empty", then="break"),
        "while True:\n    " + GET.format(call="here[x]", error="KeyError", then="continue"),
        "while True:\n    " + GET.format(call="here.get(x)", error="ValueError", then="continue"),
        GET.format(call="queue.get_nowait()", error="Empty", then="pass").replace("\n    ", "\n"),
    ],
    ids=[
        "computes before", "computes after", "sleeps", "counts", "goes on elsewhere", "looks up",
        "reads what may be wrong", "no loop",
    ],
)  # fmt: skip
def test_rounds_that_do_anything_else_are_none(body: str) -> None:
    assert lines(body) == ()
