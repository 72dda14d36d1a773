"""The call of a torch module that records itself, made out of torch's own `Module.__call__`.

Torch's function is taken at its word: its statements are kept, with their file, lines and columns, and ours are put
around them. So the recording call stands in the stack where torch's stood: as many frames, the same tracebacks to the
last byte, warnings with the same `stacklevel`, and none of the 0.3 us that handing on to the original would cost.
"""

from __future__ import annotations

import ast
from copy import deepcopy
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType
    from typing import Any

_TEMPLATE = """
def make({names}):
    def call(self, *args, **kwargs):
        if _ep_is_traced() or (_ep_steps and _ep_steps.get(_ep_thread()) == 0):
            _body_
        try:
            _ep_code = _ep_codes[id(self)]
        except KeyError:
            _ep_code = None
        if not _ep_code and (_ep_code is not None or not (_ep_code := _ep_learn(self, args, kwargs))):
            _body_
        _ep_ext = _ep_local.ext
        if not _ep_wants_gradients():
            if _ep_code in _ep_entrances or (_ep_steps and _ep_steps.get(_ep_thread()) == 1):
                _ep_around = _ep_enter(_ep_code, self, args, kwargs)
            else:
                _ep_around = 0
                _ep_ext((_ep_code, _ep_now_ns()))
            _ep_result = None
            try:
                _kept_body_
            {handler}
            finally:
                if _ep_around:
                    _ep_leave_around(_ep_code, _ep_around, _ep_result)
                else:
                    _ep_ext((-_ep_code, _ep_now_ns()))
        _ep_here = _ep_mine.here
        _ep_outer = _ep_here.call
        _ep_call = _ep_here.call = (_ep_outer, _ep_code, 0 if _ep_outer is None else _ep_outer[2] + 1)
        _ep_so_far = _ep_made()
        if _ep_so_far != _ep_here.made:
            _ep_arrive(_ep_here, _ep_outer, args, kwargs, _ep_so_far)
        _ep_result = None
        if _ep_code in _ep_entrances or (_ep_steps and _ep_steps.get(_ep_thread()) == 1):
            _ep_around = _ep_enter(_ep_code, self, args, kwargs)
            _ep_call = _ep_here.call
        else:
            _ep_around = 0
            _ep_ext((_ep_code, _ep_now_ns()))
        try:
            _kept_body_
        {handler}
        finally:
            if _ep_around:
                _ep_leave_around(_ep_code, _ep_around, _ep_result)
            else:
                _ep_ext((-_ep_code, _ep_now_ns()))
            _ep_here.call = _ep_outer
            if _ep_result is not None:
                _ep_so_far = _ep_made()
                if _ep_so_far != _ep_here.made:
                    _ep_leave(_ep_here, _ep_call, _ep_result, _ep_so_far)
    def silence(quiet):
        nonlocal _ep_local, _ep_wants_gradients, _ep_entrances, _ep_steps
        _ep_local, _ep_wants_gradients, _ep_entrances, _ep_steps = quiet, bool, (), ()
    return call, silence
"""
_HANDLER = """except BaseException as _ep_error:
                _ep_take_us_out(_ep_error)
                raise"""


class Silent:
    """Stands for the thread's buffer once nothing is recorded any more."""

    @staticmethod
    def ext(event: tuple[int, int]) -> None:
        """Forget the event."""


def recording_call(
    original: Callable[..., Any], scope: Mapping[str, object]
) -> tuple[Callable[..., Any], Callable[[object], None]]:
    """Return `original`, a `Module.__call__`, recording; and what turns that off, handed what takes events from then.

    `scope` names what the template asks for, without the `_ep_`. An original whose source cannot be had, or is not
    torch's own, is called as it is; its callers see one frame more, tracebacks none.
    """
    bound = {f"_ep_{name}": value for name, value in scope.items()}
    bound |= {"_ep_original": original, "_ep_take_us_out": _take_us_out}
    made: dict[str, Any] = {}
    exec(_compiled(original, tuple(bound)), getattr(original, "__globals__", {}), made)
    call, silence = made["make"](**bound)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(call, attribute, getattr(original, attribute, None))
    code, model = call.__code__, getattr(original, "__code__", call.__code__)
    changes = {"co_name": model.co_name}
    if hasattr(code, "co_qualname"):  # Python 3.11 and later
        changes["co_qualname"] = model.co_qualname
    call.__code__ = code.replace(**changes)
    return call, silence


@lru_cache(maxsize=2)
def _compiled(original: Any, names: tuple[str, ...]) -> CodeType:  # any callable there is
    """Return the template filled in, compiled."""
    body = _body_of(original)
    filename = original.__code__.co_filename if body else __file__
    tree = ast.parse(_TEMPLATE.format(names=", ".join(names), handler="" if body else _HANDLER))
    statements = body or _handing_on()
    place = next(
        node.value
        for node in ast.walk(ast.Module(statements, []))
        if isinstance(node, ast.Return) and node.value is not None
    )
    if body:
        for node in ast.walk(tree):
            ast.copy_location(node, place)
            if isinstance(node, ast.FunctionDef) and node.name == "call":
                node.lineno = original.__code__.co_firstlineno
    code: CodeType = compile(_WithBody(statements).visit(tree), filename, "exec")
    return code


def _handing_on() -> list[ast.stmt]:
    """Return the body of a function that calls the original."""
    (function,) = ast.parse("def f():\n return _ep_original(self, *args, **kwargs)").body
    return function.body if isinstance(function, ast.FunctionDef) else []


def _body_of(original: Any) -> list[ast.stmt]:  # any callable there is
    """Return the statements of the original, in their places; none if they are not all there is to it."""
    import inspect

    code = getattr(original, "__code__", None)
    if code is None or code.co_freevars or code.co_varnames != ("self", "args", "kwargs"):
        return []
    try:
        lines, first = inspect.getsourcelines(original)
        tree = ast.parse("if True:\n" + "".join(lines))
    except (OSError, SyntaxError, TypeError):
        return []
    ast.increment_lineno(tree, first - 2)
    (function,) = tree.body[0].body  # type: ignore[attr-defined]
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return []
    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    return function.body if returns else []


class _WithBody(ast.NodeTransformer):
    """Puts the original's statements where the template asks for them; at one place what they return is kept."""

    def __init__(self, statements: list[ast.stmt]) -> None:
        self._statements = statements

    def visit_Expr(self, node: ast.Expr) -> Any:
        name = node.value.id if isinstance(node.value, ast.Name) else ""
        if name not in {"_body_", "_kept_body_"}:
            return node
        copies = [deepcopy(statement) for statement in self._statements]
        return [_Keeping().visit(copy) for copy in copies] if name == "_kept_body_" else copies


class _Keeping(ast.NodeTransformer):
    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is None:
            return node
        target = ast.copy_location(ast.Name("_ep_result", ast.Store()), node.value)
        kept = ast.copy_location(ast.NamedExpr(target, node.value), node.value)
        return ast.copy_location(ast.Return(kept), node)


def _take_us_out(error: BaseException) -> None:
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
