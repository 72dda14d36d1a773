"""Functions with a loop other than `for` are told without disassembling them."""

from __future__ import annotations

import dis
import types
from typing import Any

import pytest

from energyprof.record.while_loops import has_while


def code_of(source: str) -> types.CodeType:
    scope: dict[str, Any] = {}
    exec(source, scope)
    return scope["function"].__code__


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def function(x):\n while x.is_busy: pass", True),
        ("def function(x):\n while True:\n  for y in x: print(y)", True),
        ("def function(x):\n for y in x:\n  while y.is_busy: pass", True),
        ("def function(x):\n for y in x: print(y)", False),
        ("def function(x):\n return [y for y in x]", False),
        ("def function(x):\n return x + 1", False),
        ("async def function(x):\n await x", False),
        ("def function(x):\n for y in x:\n" + "  print(y, x)\n" * 300, False),
        ("def function(x):\n while x.is_busy:\n" + "  print(x, x)\n" * 300, True),
    ],
)
def test_only_functions_with_a_while_are_worth_a_closer_look(source: str, expected: bool) -> None:
    assert has_while(code_of(source)) == expected


def test_no_loop_of_the_standard_library_is_missed() -> None:
    import argparse
    import asyncio.base_events
    import queue
    import subprocess

    modules = (argparse, asyncio.base_events, queue, subprocess, dis)
    found = [value for module in modules for value in vars(module).values() if isinstance(value, type)]
    functions = [value for kind in found for value in vars(kind).values() if isinstance(value, types.FunctionType)]

    for function in functions:
        instructions = list(dis.get_instructions(function))
        prefixes = {each.offset: each.offset + 2 for each in instructions if each.opname == "EXTENDED_ARG"}
        names = ["", *(each.opname for each in instructions if each.opname != "EXTENDED_ARG")]
        jumps = [each for each in instructions if each.opname != "EXTENDED_ARG"]
        # After CLEANUP_THROW, Python 3.12 jumps back into an `await`.
        heads = {
            each.argval
            for before, each in zip(names, jumps, strict=False)
            if is_back(each) and before != "CLEANUP_THROW"
        }
        while any(head in prefixes for head in heads):
            heads = {prefixes.get(head, head) for head in heads}
        loops = {each.offset for each in instructions if each.opname == "FOR_ITER"}
        assert has_while(function.__code__) or heads <= loops, function
    assert len(functions) > 250


def is_back(one: dis.Instruction) -> bool:
    return (
        "JUMP" in one.opname
        and "NO_INTERRUPT" not in one.opname
        and isinstance(one.argval, int)
        and (one.argval <= one.offset)
    )
