"""Losses computed by a function (`F.cross_entropy`, `F.mse_loss`, ...) outside any module as the stage `loss`.

Torch's functions stay the objects that they are: what changes is their code, which is torch's own with our two calls
around it, and is changed back by `remove`. So tables that are keyed by these functions (tensor subclasses, modes, the
compilers) find what they look for, names imported before are recorded as well, and tracebacks and warnings show torch's
lines. A loss inside a module is a part of that module, and is not recorded apart.
"""

from __future__ import annotations

import ast
import sys
from copy import deepcopy
from time import perf_counter_ns as now_ns
from types import CodeType, FunctionType

from energyprof_plugins.instruments.torch_opaque import is_being_compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from energyprof.interfaces import SpanSink

_OTHERS = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "kl_div"})
_BEGIN, _END = 0x1055_0E9E_0001, 0x1055_0E9E_0002
"""Stand among the constants of the code for what begins and ends the stage."""
_AROUND = """
if torch.compiler.{is_traced}():
    pass
_ep_begin = {begin}
_ep_end = {end}
_ep_begun = _ep_begin()
try:
    pass
finally:
    _ep_end(_ep_begun)
"""
"""What is made of a loss, with its body in the places of `pass`. What dynamo reads of it is torch's own."""
_CALLS = frozenset({"_call_impl", "_wrapped_call_impl"})
"""Names of torch's code that calls a module."""


class TorchLosses:
    """Records the losses of `torch.nn.functional` until removed."""

    name = "torch_losses"
    framework = "torch"

    def __init__(self) -> None:
        self._changed: list[tuple[FunctionType, CodeType, CodeType]] = []
        self._is_silent = False

    def install(self, sink: SpanSink) -> None:
        """Put our calls into the code of each loss."""
        from torch.nn import Module, functional

        if self._changed:
            return
        self._is_silent = False
        begin, end = self._ends(sink, Module.__call__.__code__.co_filename)
        for loss in _losses(functional):
            code = _with_calls(loss, begin, end)
            if code is not None:
                self._changed.append((loss, loss.__code__, code))
                loss.__code__ = code

    def remove(self) -> None:
        """Put torch's code back; where somebody has put other code there since, that stays."""
        self._is_silent = True
        while self._changed:
            loss, original, ours = self._changed.pop()
            if loss.__code__ is ours:
                loss.__code__ = original

    def _ends(self, sink: SpanSink, module_file: str) -> tuple[Callable[[], int], Callable[[int], None]]:
        local: Any = sink.local()
        code = sink.stage_code("loss", kind="loss")

        def begin() -> int:
            if self._is_silent or is_being_compiled() or _is_in_module(module_file):
                return 0
            local.ext((code, now_ns()))
            return code

        def end(begun: int) -> None:
            if begun:
                local.ext((-begun, now_ns()))

        return begin, end


def _losses(functional: Any) -> Iterator[FunctionType]:
    for name, function in list(vars(functional).items()):
        is_loss = name in _OTHERS or name.endswith("_loss")
        if is_loss and isinstance(function, FunctionType) and not hasattr(function, "__wrapped__"):
            yield function


def _is_traced() -> str:
    from torch import compiler

    return "is_dynamo_compiling" if hasattr(compiler, "is_dynamo_compiling") else "is_compiling"


def _is_in_module(module_file: str) -> bool:
    """Tell whether this thread is in a module's call: a loss is computed once a step, so its stack may be looked at."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_name in _CALLS and code.co_filename == module_file:
            return True
        frame = frame.f_back
    return False


def _source(code: CodeType) -> str:
    """Return the lines of a function of a module: `inspect` reads them word by word, 4 ms each."""
    from linecache import getlines

    lines = getlines(code.co_filename)
    first = last = code.co_firstlineno - 1
    while last < len(lines) and (last == first or lines[last].startswith((" ", ")", "#", "\n"))):
        last += 1
    return "".join(lines[first:last])


def _with_calls(function: FunctionType, begin: Callable[[], int], end: Callable[[int], None]) -> CodeType | None:
    """Return the code of a function with a call at each of its ends; None: its source is not there, or not alone."""
    original = function.__code__
    if original.co_freevars:
        return None
    try:
        tree = ast.parse(_source(original))
    except SyntaxError:
        return None
    defined = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(defined, ast.FunctionDef) or defined.name != original.co_name:
        return None
    ast.increment_lineno(tree, original.co_firstlineno - 1)
    doc = defined.body[:1] if ast.get_docstring(defined, clean=False) is not None else []
    body = defined.body[len(doc) :]
    around = ast.parse(_AROUND.format(is_traced=_is_traced(), begin=_BEGIN, end=_END)).body
    for statement in around:
        for node in ast.walk(statement):
            ast.copy_location(node, body[0])
    traced, *_, tried = around
    traced.body = deepcopy(body)  # type: ignore[attr-defined]  # an `if`, as written above
    tried.body = body  # type: ignore[attr-defined]  # a `try`
    defined.body = [*doc, *around]
    defined.returns = None
    for argument in (*defined.args.posonlyargs, *defined.args.args, *defined.args.kwonlyargs):
        argument.annotation = None
    made = compile(tree, original.co_filename, "exec", flags=0, dont_inherit=True)
    code = next(one for one in made.co_consts if isinstance(one, CodeType) and one.co_name == function.__name__)
    ours: dict[object, object] = {_BEGIN: begin, _END: end}
    constants = tuple(ours.get(one, one) if type(one) is int else one for one in code.co_consts)
    return code.replace(co_consts=constants, co_firstlineno=original.co_firstlineno)
