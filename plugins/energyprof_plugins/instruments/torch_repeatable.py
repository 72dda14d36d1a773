"""Which torch module may be called again, found out by rules and one trial; and what is put back after its calls.

Called again is a module
* without hooks, since those are the program's own code,
* of torch itself, or whose `forward` shows no effect in its code (`effects`: no output, no assignment to attributes),
* while no process group is there: a layer of a distributed model may wait for the others,
* whose trial call assigned no attribute, changed no list, dict or set of its own and no weight,
* that leaves its inputs as they are, or, working in place, does not change them any more the second time.

Buffers (running statistics of batch norm) may change and are put back, as is the mode of training.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

from energyprof_plugins.instruments.effects import effect_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from energyprof_plugins.instruments.torch_inputs import Copied

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)
_OWN_TABLES = frozenset({"_parameters", "_buffers", "_modules", "training"})
_CONTAINERS = (list, dict, set)


def tree_of(root: Any) -> Iterator[Any]:
    """Yield a module and all below it, a shared one once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        module = waiting.pop()
        if id(module) not in seen:
            seen.add(id(module))
            yield module
            waiting += [part for part in (vars(module).get("_modules") or {}).values() if part is not None]


class Modes:
    """The modes in which a call ran: grad, inference, autocast, and training of the module and its parts."""

    __slots__ = ("_autocast", "_grad", "_inference", "_training")

    def __init__(self, grad: bool, inference: bool, autocast: list[tuple[str, Any]], training: list[bool]) -> None:
        self._grad = grad
        self._inference = inference
        self._autocast = autocast
        self._training = training

    @classmethod
    def now(cls, module: Any, inputs: Copied) -> Modes:
        """Return the modes of this instant."""
        import torch

        autocast = [
            (kind, torch.get_autocast_dtype(kind))
            for kind in dict.fromkeys((*inputs.device_types, "cpu"))
            if torch.is_autocast_enabled(kind)
        ]
        training = [bool(part.training) for part in tree_of(module)]
        return cls(torch.is_grad_enabled(), torch.is_inference_mode_enabled(), autocast, training)

    @contextmanager
    def again(self, module: Any) -> Iterator[None]:
        """Have the same modes for a while."""
        import torch

        parts = list(tree_of(module))
        before = [part.training for part in parts]
        with ExitStack() as stack:
            if self._inference:
                stack.enter_context(torch.inference_mode())
            stack.enter_context(torch.set_grad_enabled(self._grad))
            for kind, dtype in self._autocast:
                stack.enter_context(torch.autocast(kind, dtype=dtype))
            for part, mode in zip(parts, self._training, strict=False):
                part.training = mode
            try:
                yield
            finally:
                for part, mode in zip(parts, before, strict=True):
                    part.training = mode


class ModuleTrial:
    """One module's state before it is called again, and what the first call does to it."""

    def __init__(self, module: Any, original: Callable[..., Any], inputs: Copied, modes: Modes) -> None:
        self._module = module
        self._original = original
        self._inputs = inputs
        self._modes = modes
        self._kept: list[_State] = []

    def why_not(self) -> str:
        """Return why the module cannot be called again, or nothing."""
        reason = _forbidden(self._module)
        if reason:
            return reason
        try:
            self._kept = [_State(part) for part in tree_of(self._module)]
            try:
                return self._try()
            except RuntimeError:
                # A layer that works in place must not do so on a copy of ours whose gradient is wanted.
                if not self._inputs.want_no_gradients():
                    raise
                return self._try()
        except (Exception, SystemExit) as error:
            return f"raised {type(error).__name__} when called again: {' '.join(str(error).split())[:120]}"

    def _try(self) -> str:
        tensors = self._inputs.tensors
        before = [_Stamp(tensor) for tensor in tensors]
        self._call()
        changed = next((reason for state in self._kept if (reason := state.change())), "")
        if changed:
            return changed
        if any(stamp.is_changed() for stamp in before):
            return self._again_in_place()
        return ""

    def _again_in_place(self) -> str:
        """A layer that works in place is called with its own result from the second time on: is that the same?"""
        import torch

        tensors = self._inputs.tensors
        once = [tensor.detach().clone() for tensor in tensors]
        self._call()
        same = all(torch.equal(now.detach(), then) for now, then in zip(tensors, once, strict=True))
        return "" if same else "changes its inputs in place, each time again"

    def _call(self) -> None:
        with self._modes.again(self._module):
            self._original(self._module, *self._inputs.args, **self._inputs.kwargs)
            self._inputs.wait()

    def put_back(self) -> None:
        """Restore attributes and buffers."""
        for state in self._kept:
            state.put_back()


def _forbidden(module: Any) -> str:
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return "a process group is there, and a layer may wait for other processes"
    from torch.nn.modules import module as global_hooks

    if any(getattr(global_hooks, f"_global{name}", None) for name in _HOOKS):
        return "hooks are registered for all modules, which may have effects"
    for part in tree_of(module):
        if any(vars(part).get(name) for name in _HOOKS):
            return "it has hooks, which may have effects"
        kind = type(part)
        if kind.__module__.partition(".")[0] != "torch":
            effect = effect_of(getattr(kind, "forward", None), part)
            if effect:
                return f"its forward {effect}"
    return ""


class _Stamp:
    """A tensor as it was: by its version, or by its content where it was made in inference mode and has no version."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor
        self._version = None if tensor.is_inference() else tensor._version
        self._content = tensor.clone() if self._version is None else None

    def is_changed(self) -> bool:
        """Return whether somebody has written to it since."""
        import torch

        if self._content is None:
            return bool(self._tensor._version != self._version)
        return not torch.equal(self._tensor, self._content)


class _State:
    """What one module holds before it is called again."""

    def __init__(self, module: Any) -> None:
        self._module = module
        attributes = vars(module)
        self._attributes = {name: value for name, value in attributes.items() if name not in _OWN_TABLES}
        self._contents = {
            name: list(value.items()) if isinstance(value, dict) else list(value)
            for name, value in self._attributes.items()
            if isinstance(value, _CONTAINERS)
        }
        self._parameters = [_Stamp(p) for p in attributes["_parameters"].values() if p is not None]
        self._buffers = {
            name: (buffer, buffer.detach().clone())
            for name, buffer in attributes["_buffers"].items()
            if buffer is not None
        }

    def change(self) -> str:
        """Return which change makes the module unfit to be called again, or nothing."""
        now = {name: value for name, value in vars(self._module).items() if name not in _OWN_TABLES}
        for name in {*now, *self._attributes}:
            if now.get(name, self) is not self._attributes.get(name, self):
                return f"it keeps a state: its attribute {name} changes with each call"
        for name, content in self._contents.items():
            value = self._attributes[name]
            items = list(value.items()) if isinstance(value, dict) else list(value)
            if len(items) != len(content) or any(not _same(a, b) for a, b in zip(items, content, strict=True)):
                return f"it keeps a state: its attribute {name} changes with each call"
        if any(stamp.is_changed() for stamp in self._parameters):
            return "it changes its weights when called"
        return ""

    def put_back(self) -> None:
        """Restore what may have changed; what lists hold is not taken out again."""
        import torch

        attributes = vars(self._module)
        for name in [name for name in attributes if name not in _OWN_TABLES and name not in self._attributes]:
            del attributes[name]
        attributes.update(self._attributes)
        with torch.no_grad():
            for name, (buffer, content) in self._buffers.items():
                if not torch.equal(buffer, content):
                    with torch.inference_mode(buffer.is_inference()):
                        buffer.copy_(content)
                attributes["_buffers"][name] = buffer


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
    return one is other
