"""Modules whose inside cannot be seen from a patched call: which they are, and what shows it."""

from __future__ import annotations

from energyprof_plugins.instruments.torch_tree import wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMPILED_HINT = "run once with TORCH_COMPILE_DISABLE=1 to see the layers inside"
SCRIPT_HINT = "call the module that this was made from to see the layers inside"


def why_opaque(module: Any) -> dict[str, str | int]:
    """Return the facts `opaque` (by what) and `hint` (what shows the layers), of an opaque module; else nothing."""
    try:
        attributes = vars(module)
        if wrapped(module) is not module or attributes.get("_compiled_call_impl") is not None:
            return {"opaque": "torch.compile", "hint": COMPILED_HINT}
        if _is_script(module):
            return {"opaque": "TorchScript", "hint": SCRIPT_HINT}
        if _is_flat_graph(module):
            return {"opaque": "graph of operators", "hint": SCRIPT_HINT}
    except Exception:  # a strange module must still be callable, and nothing be said of it
        return {}
    return {}


def _is_script(module: Any) -> bool:
    from torch.jit import ScriptModule

    return isinstance(module, ScriptModule)


def _is_flat_graph(module: Any) -> bool:
    """Tell that a graph calls operators only: export or a compiler has taken the modules apart, but for guards."""
    import sys

    fx = sys.modules.get("torch.fx")
    if fx is None or not isinstance(module, fx.GraphModule):
        return False
    return all(node.op != "call_module" or "guard" in str(node.target) for node in module.graph.nodes)


def is_running_compiled() -> bool:
    """Tell that dynamo looks at what this thread runs: inside a compiled function or module."""
    import torch

    dynamo = getattr(torch._C, "_dynamo", None)
    ask = getattr(getattr(dynamo, "eval_frame", None), "get_eval_frame_callback", lambda: None)
    return ask() not in {None, False}


def is_being_compiled() -> bool:
    """Tell that a compiler runs code of the program in this thread to learn what it does; nobody asked for that."""
    import sys

    guards = sys.modules.get("torch._guards")
    return guards is not None and guards.TracingContext.try_get() is not None


class DynamoPassesBy:
    """Keeps dynamo from compiling what we run in between: with `fullgraph=True` it would end the program over it.

    It is told when it is imported, which is when `torch.compile` is called first.
    """

    def __init__(self) -> None:
        self._torch: Any = None
        self._original: Any = None
        self._compile: Any = None

    def install(self) -> None:
        """Wrap `torch.compile`, or tell dynamo at once where it is there."""
        import sys

        if "torch._dynamo" in sys.modules:
            _tell_dynamo()
            return
        import torch

        self._torch, self._original = torch, torch.compile
        self._compile = _telling(torch.compile, self.remove)
        torch.compile = self._compile

    def remove(self) -> None:
        """Put `torch.compile` back; dynamo need not forget."""
        if self._torch is not None and self._torch.compile is self._compile:
            self._torch.compile = self._original
        self._torch = None


def _telling(original: Any, remove: Any) -> Any:
    from functools import wraps

    @wraps(original)
    def compile_(*args: Any, **kwargs: Any) -> Any:
        remove()
        _tell_dynamo()
        try:
            return original(*args, **kwargs)
        except BaseException as error:
            if error.__traceback__ is not None:
                error.__traceback__ = error.__traceback__.tb_next
            raise

    return compile_


def _tell_dynamo() -> None:
    try:
        from torch._dynamo import trace_rules

        for package in ("energyprof", "energyprof_plugins"):
            trace_rules.add(package)
    except Exception:  # a dynamo that knows no such rules; what it cannot compile it leaves alone
        return
