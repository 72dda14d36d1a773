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
    ],
    ids=["time", "difference", "stored", "attribute", "item and clock", "asks and clock", "among other work"],
)
def test_loop_that_only_asks_is_known_by_its_lines(body: str, found: tuple[int, ...]) -> None:
    assert set(lines(body)) - {1 if "True" in body else 0} == set(found)


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
        "while not queue.empty():\n    pass",
        "while here.step():\n    pass",
        "for _ in range(10):\n    pass",
        "time.time()",
    ],
    ids=[
        "computes", "counts", "collects", "writes an item", "writes an attribute", "calls", "sleeps", "goes through",
        "burns CPU time on purpose", "asks a function that is sampled by its name", "asks anybody", "counts down",
        "no loop",
    ],
)  # fmt: skip
def test_loop_that_does_anything_else_is_none(body: str) -> None:
    assert lines(body) == ()


def test_loop_in_a_loop_that_works_is_known_alone() -> None:
    body = "for one in here:\n    other(one)\n    while time.time() < end:\n        pass\n    end = end + 1"

    assert set(lines(body)) - {4} == {3}
