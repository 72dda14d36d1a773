"""Functions of known work, the beginning of programs whose functions are sampled: read as text, never imported."""

import json


def loop(times):
    total = 0
    for _ in range(times):
        for value in range(500):
            total += value * value


def builtins(times, values=tuple(range(3_000, 0, -1))):
    for _ in range(times):
        sum(values)
        sorted(values)
        max(values)


def texts(times, rows=tuple({"a": number, "b": str(number)} for number in range(200))):
    for _ in range(times):
        json.loads(json.dumps(rows))


def fib(number):
    return number if number < 2 else fib(number - 1) + fib(number - 2)


def recursion(times):
    for _ in range(times):
        fib(12)
