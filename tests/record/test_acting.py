"""Which functions are called for what they do."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent
from typing import Any

import pytest

from energyprof.record.acting import acts

HEAD = """
import time
LOG = []
def pure(x):
    total = 0
    for one in range(x):
        total += one
    return total
def logs(x):
    LOG.append(x)
    return x
def calls_logs(x):
    return logs(x)
def f(x, out=None, *rest, **named):
"""


def function(body: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {}
    exec(HEAD + indent(body, "    "), scope)
    made: Callable[..., Any] = scope["f"]
    return made


@pytest.mark.parametrize(
    "body",
    [
        "return [x, 'vector']",
        "made = []\nfor one in x:\n    made.append(one * 2)\nreturn made",
        "made = {}\nmade[x] = 1\nmade['b'] = 2\nreturn made",
        "made = [0] * 9\nfor at in x:\n    made[at] = at\nreturn made",
        "return [x[0], LOG[0]]",
        "total = 0\nfor one in range(x):\n    total += one\nreturn [total]",
        "time.sleep(x)\nreturn [x]",
        "pure(x)\nreturn [pure(x)]",
        "with x:\n    made = [pure(2)]\nreturn made",
        "return x.upper().split()",
    ],
    ids=[
        "plain",
        "own list",
        "own dict",
        "by place",
        "reads items",
        "own sum",
        "sleeps",
        "calls what is pure",
        "with",
        "methods",
    ],
)
def test_function_that_only_makes_its_result_does_not_act(body: str) -> None:
    assert not acts(function(body))


@pytest.mark.parametrize(
    "body",
    [
        "x.append(1)\nreturn [x]",
        "out[0] = x\nreturn [x]",
        "x += 1\nreturn [x]",
        "x.count = 1\nreturn [x]",
        "LOG.append(x)\nreturn [x]",
        "global LOG\nLOG = x\nreturn [x]",
        "print(x)\nreturn [x]",
        "size = x.write('text')\nreturn [size]",
        "with open(x, 'w') as file:\n    file.write('text')\nreturn [x]",
        "return [calls_logs(x)]",
        "loss = x()\nloss.backward()\nreturn [loss]",
        "return [x.add_(1)]",
        "return [x.add(1, out=out)]",
        "x.start()\nreturn [x]",
        "unknown(x)\nreturn [x]",
        "named['a'] = 1\nreturn [x]",
    ],
    ids=[
        "changes its argument", "sets an item", "in place", "sets an attribute", "global list", "global name", "prints",
        "writes", "writes a file", "by what it calls", "trains", "in place as torch says", "out", "starts",
        "unknown function", "keywords",
    ],
)  # fmt: skip
def test_function_that_does_something_acts(body: str) -> None:
    assert acts(function(body))


def test_what_is_no_python_function_may_act() -> None:
    assert acts(len)
    assert acts(None)
