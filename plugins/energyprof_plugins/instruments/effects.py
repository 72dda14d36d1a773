"""What a function's code shows of effects: output, and assignments to what outlives the call.

Read are the names and instructions of the function, of functions nested in it, and of plain functions and methods it
names. It errs on the side of refusing: a method called `write` is an effect whosever it is. What hides in C or behind
values is not seen.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FunctionType
    from typing import Any

_STORES = {
    "STORE_ATTR": "assigns the attribute {}",
    "DELETE_ATTR": "deletes the attribute {}",
    "STORE_GLOBAL": "assigns the global {}",
    "DELETE_GLOBAL": "deletes the global {}",
}
_CALLS = frozenset(
    [
        "print",
        "input",
        "open",
        "exec",
        "eval",
        "breakpoint",
        "setattr",
        "delattr",
        "write",
        "writelines",
        "warn",
        "warning",
        "info",
        "debug",
        "error",
        "exception",
        "critical",
        "send",
        "put",
        "all_reduce",
        "all_gather",
        "reduce_scatter",
        "broadcast",
        "barrier",
        "register_buffer",
        "add_module",
    ]
)
_MOST = 200
"""Functions looked at; what needs more is refused."""
_YIELDS = 32 | 128 | 512
"""Bits of `co_flags`: generator, coroutine, asynchronous generator."""


def effect_of(function: object, owner: object) -> str:
    """Return what the code of a method of `owner` does beyond its result, as words behind `its forward`; or nothing."""
    waiting = [function]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        plain: Any = getattr(one, "__func__", one)
        code = getattr(plain, "__code__", None)
        if code is None:
            return "is no plain function" if one is function else "calls what cannot be looked into"
        if id(code) in seen:
            continue
        seen.add(id(code))
        if len(seen) > _MOST:
            return "calls more functions than can be looked into"
        effect = _effect_of_code(code)
        if effect:
            return effect
        waiting += _named(plain, owner)
    return ""


def _effect_of_code(code: CodeType) -> str:
    import dis

    if code.co_flags & _YIELDS:
        return "is a generator or a coroutine"
    for instruction in dis.get_instructions(code):
        words = _STORES.get(instruction.opname)
        if words is not None:
            return words.format(instruction.argval)
        if instruction.opname == "STORE_DEREF" and instruction.argval in code.co_freevars:
            return f"assigns {instruction.argval} of a function around it"
    called = sorted(_CALLS.intersection(code.co_names))
    if called:
        return f"calls {called[0]}"
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            effect = _effect_of_code(constant)
            if effect:
                return effect
    return ""


def _named(function: FunctionType, owner: object) -> Iterator[object]:
    """Yield the plain functions that a function names or wraps: globals, methods of the owner; not those of torch."""
    named = [function.__globals__.get(name) for name in _names(function.__code__)]
    named += [getattr(type(owner), name, None) for name in _names(function.__code__)]
    for cell in function.__closure__ or ():
        try:
            named.append(cell.cell_contents)
        except ValueError:  # empty
            continue
    for place in named:
        found = getattr(place, "__func__", place)
        module = str(getattr(found, "__module__", "") or "")
        if hasattr(found, "__code__") and module.partition(".")[0] != "torch":
            yield found


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from _names(constant)
