"""Steps of optimizers as stages (`AdamW.step`), and setting gradients to zero (`AdamW.zero_grad`, `zero_grad`).

Each call of an optimizer's stage `...step` is one step of the training. Classes are wrapped when the first of their
optimizers is made, where torch itself wraps them: its hooks for all optimizers miss the end of a step that fails.
"""

from __future__ import annotations

from energyprof_plugins.instruments.torch_method import RecordedMethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink


class TorchOptimizer:
    """Records `step` and `zero_grad` of every `torch.optim.Optimizer`, and `Module.zero_grad`, until removed."""

    name = "torch_optimizer"
    framework = "torch"

    def __init__(self) -> None:
        self._sink: SpanSink | None = None
        self._methods: dict[tuple[type, str], RecordedMethod] = {}
        self._base: Any = None
        self._patch_step: Any = None
        self._patched: Any = None

    def install(self, sink: SpanSink) -> None:
        """Wrap the methods, of the optimizers' classes as they come into use."""
        if self._sink is not None:
            return
        from torch.nn import Module
        from torch.optim import Optimizer

        self._sink, self._base = sink, Optimizer
        self._record(Optimizer, "zero_grad", lambda of: self._code(f"{type(of).__name__}.zero_grad"))
        self._record(Module, "zero_grad", lambda _of: self._code("zero_grad"))
        for kind in _below(Optimizer):
            if getattr(vars(kind).get("step"), "hooked", False):  # used before we came
                self._record_step(kind)
        self._patch_step = Optimizer._patch_step_function
        self._patched = Optimizer._patch_step_function = self._patching(self._patch_step)

    def remove(self) -> None:
        """Put everything back."""
        if self._sink is None:
            return
        self._sink = None
        if self._base._patch_step_function is self._patched:
            self._base._patch_step_function = self._patch_step
        while self._methods:
            self._methods.popitem()[1].remove()

    def _code(self, name: str) -> int:
        return 0 if self._sink is None else self._sink.stage_code(name, kind="optimizer")

    def _record(self, owner: type, name: str, code_of: Callable[[Any], int]) -> None:
        if self._sink is not None and (owner, name) not in self._methods:
            self._methods[owner, name] = RecordedMethod(self._sink, owner, name, code_of)

    def _record_step(self, kind: type) -> None:
        for owner in kind.__mro__:
            if "step" in vars(owner) and owner is not self._base:
                self._record(owner, "step", lambda of: self._code(f"{type(of).__name__}.step"))
                return

    def _patching(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        from functools import wraps

        @wraps(original)
        def _patch_step_function(of: Any) -> None:
            original(of)
            if self._sink is not None:
                self._record_step(type(of))

        return _patch_step_function


def _below(kind: type) -> list[type]:
    """Return `kind` and the classes derived from it, all the way down."""
    found: dict[type, None] = {}
    waiting = [kind]
    while waiting:
        found[waiting[-1]] = None
        waiting += waiting.pop().__subclasses__()
    return list(found)
