"""Functions that need no disassembling, as they cannot have a loop that does nothing but ask."""

from __future__ import annotations

import types
from typing import Any

import pytest

from energyprof.record.asking_loops import asking_lines
from energyprof.record.asking_names import may_ask


def code_of(source: str) -> types.CodeType:
    scope: dict[str, Any] = {}
    exec(source, scope)
    return scope["function"].__code__


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def function(x):\n while x.next(): x.eat()", False),
        ("def function(x):\n while x.pop():\n  x.get()", False),
        ("def function(x):\n while x < 9: x += 1", False),
        ("def function(x):\n while x.is_busy: pass", True),
        ("def function(x, now):\n while now() < x: pass", True),
        ("def function(x):\n while not x.acquire(False): pass", True),
        ("def function(x):\n while x.eat():\n  while x.is_busy: pass", True),
        ("def function(x, Empty):\n while True:\n  try: return x.get()\n  except Empty: continue", True),
    ],
)
def test_only_functions_that_name_what_asks_or_call_nothing_are_looked_at(source: str, expected: bool) -> None:
    assert may_ask(code_of(source)) == expected


def test_no_asking_loop_of_the_standard_library_is_missed() -> None:
    import argparse
    import asyncio.base_events
    import inspect
    import multiprocessing.pool
    import queue
    import subprocess
    import tokenize

    modules = (argparse, asyncio.base_events, inspect, multiprocessing.pool, queue, subprocess, tokenize)
    found = [value for module in modules for value in vars(module).values()]
    kinds = [value for value in found if isinstance(value, type)]
    found += [value for kind in kinds for value in vars(kind).values()]
    codes = {value.__code__ for value in found if isinstance(value, types.FunctionType)}

    asking = {code for code in codes if asking_lines(code)}

    assert [code for code in asking if not may_ask(code)] == []
